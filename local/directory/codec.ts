/**
 * LDAPMessage from octets to values: one request per kind (RFC 4511 §4.2 to §4.12) with its controls (§4.1.11).
 *
 * Values stay octets (`Buffer`) until somebody knows their syntax; only names become text. Whatever is not a request
 * this server knows becomes `kind: 'unknown'` and is answered with protocolError. Malformed octets throw `BerError`.
 */
import { BerError, children, contentAt, type Element, readInteger, readText, universal } from './ber.ts'
import { decodeFilter, type Filter } from './filter.ts'

export interface Control {
  oid: string
  critical: boolean
  value: Buffer | undefined
}

export interface AttributeValues {
  name: string
  values: Buffer[]
}

export type ChangeOperation = 'add' | 'delete' | 'replace'
export interface Change extends AttributeValues {
  operation: ChangeOperation
}

export type Scope = 'base' | 'one' | 'sub' | 'children'

export type Request =
  | { kind: 'bind'; version: number; name: string; password: Buffer | undefined }
  | { kind: 'unbind' }
  | { kind: 'abandon' }
  | { kind: 'search'; base: string; scope: Scope; sizeLimit: number; typesOnly: boolean; filter: Filter; attributes: string[] }
  | { kind: 'modify'; dn: string; changes: Change[] }
  | { kind: 'add'; dn: string; attributes: AttributeValues[] }
  | { kind: 'delete'; dn: string }
  /** `superior` is undefined when it stays below the same parent. */
  | { kind: 'rename'; dn: string; rdn: string; superior: string | undefined }
  | { kind: 'compare'; dn: string; name: string; value: Buffer }
  | { kind: 'extended'; oid: string }
  | { kind: 'unknown' }

export type RequestOf<K extends Request['kind']> = Extract<Request, { kind: K }>

export interface Message {
  id: number
  request: Request
  controls: Control[]
}

const scopes: readonly Scope[] = ['base', 'one', 'sub', 'children']
const operations: readonly ChangeOperation[] = ['add', 'delete', 'replace']

/** [APPLICATION n] tags of the requests (RFC 4511 §4.1.1). */
const readers: Record<number, (content: Buffer) => Request> = {
  [0x60]: readBind,
  [0x42]: () => ({ kind: 'unbind' }),
  [0x63]: readSearch,
  [0x66]: readModify,
  [0x68]: (content) => ({ kind: 'add', dn: textAt(content, 0), attributes: listAt(content, 1).map(readAttribute) }),
  [0x4a]: (content) => ({ kind: 'delete', dn: readText(content) }),
  [0x6c]: readRename,
  [0x6e]: readCompare,
  [0x50]: () => ({ kind: 'abandon' }),
  [0x77]: (content) => ({ kind: 'extended', oid: readText(contentAt(children(content), 0, 0x80)) }),
}

/** @throws BerError when the octets are no LDAPMessage. */
export function decodeMessage(content: Buffer): Message {
  const parts = children(content)
  const operation = parts[1]
  if (operation === undefined) throw new BerError('message has no operation')
  const controls = parts[2]?.tag === 0xa0 ? children(parts[2].content).map(readControl) : []
  const id = readInteger(contentAt(parts, 0, universal.integer))
  return { id, request: readers[operation.tag]?.(operation.content) ?? { kind: 'unknown' }, controls }
}

function readControl(element: Element): Control {
  const parts = children(element.content)
  const critical = parts[1]?.tag === universal.boolean && parts[1].content[0] !== 0
  const value = parts.slice(1).find((part) => part.tag === universal.octets)?.content
  return { oid: readText(contentAt(parts, 0, universal.octets)), critical, value }
}

function readBind(content: Buffer): Request {
  const parts = children(content)
  const version = readInteger(contentAt(parts, 0, universal.integer))
  // [0] is simple authentication; SASL ([3]) is answered with authMethodNotSupported.
  const password = parts[2]?.tag === 0x80 ? parts[2].content : undefined
  return { kind: 'bind', version, name: readText(contentAt(parts, 1, universal.octets)), password }
}

function readSearch(content: Buffer): Request {
  const parts = children(content)
  const scope = scopes[readInteger(contentAt(parts, 1, universal.enumerated))]
  const filter = parts[6]
  if (scope === undefined || filter === undefined) throw new BerError('search has no scope or no filter')
  return {
    kind: 'search',
    base: readText(contentAt(parts, 0, universal.octets)),
    scope,
    sizeLimit: readInteger(contentAt(parts, 3, universal.integer)),
    typesOnly: contentAt(parts, 5, universal.boolean)[0] !== 0,
    filter: decodeFilter(filter),
    attributes: children(contentAt(parts, 7, universal.sequence)).map((part) => readText(part.content)),
  }
}

function readModify(content: Buffer): Request {
  const changes = listAt(content, 1).map((element): Change => {
    const parts = children(element.content)
    const operation = operations[readInteger(contentAt(parts, 0, universal.enumerated))]
    const attribute = parts[1]
    if (operation === undefined || attribute === undefined) throw new BerError('change has no known operation or no attribute')
    return { operation, ...readAttribute(attribute) }
  })
  return { kind: 'modify', dn: textAt(content, 0), changes }
}

/** Active Directory always deletes the old RDN ([MS-ADTS] 3.1.1.5.4): deleteoldrdn is not looked at. */
function readRename(content: Buffer): Request {
  const parts = children(content)
  const superior = parts[3]?.tag === 0x80 ? readText(parts[3].content) : undefined
  const [dn, rdn] = [0, 1].map((index) => readText(contentAt(parts, index, universal.octets)))
  return { kind: 'rename', dn: dn ?? '', rdn: rdn ?? '', superior }
}

function readCompare(content: Buffer): Request {
  const assertion = children(contentAt(children(content), 1, universal.sequence))
  return {
    kind: 'compare',
    dn: textAt(content, 0),
    name: readText(contentAt(assertion, 0, universal.octets)),
    value: contentAt(assertion, 1, universal.octets),
  }
}

function readAttribute(element: Element): AttributeValues {
  const parts = children(element.content)
  const values = children(contentAt(parts, 1, universal.set)).map((part) => part.content)
  return { name: readText(contentAt(parts, 0, universal.octets)), values }
}

const textAt = (content: Buffer, index: number) => readText(contentAt(children(content), index, universal.octets))
const listAt = (content: Buffer, index: number) => children(contentAt(children(content), index, universal.sequence))
