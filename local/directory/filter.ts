/**
 * Search filters (RFC 4511 §4.5.1.7): decoded once, then asked entry by entry.
 *
 * Assertion values stay octets until the attribute's syntax says how to compare: GUIDs and SIDs octet by octet, numbers as
 * numbers, names as names, all else without regard to case. As in Active Directory, `(!(a=b))` holds for entries without
 * `a`, and unknown or constructed attributes match nothing ([MS-ADTS] 3.1.1.3.1.3.1).
 */
import { BerError, children, contentAt, type Element, readText, universal } from './ber.ts'
import { keyOfText } from './dn.ts'
import { sidOctets } from './identifiers.ts'
import { attributeKind, classNamed, type Syntax } from './schema.ts'

export type Filter =
  | { kind: 'and' | 'or'; filters: Filter[] }
  | { kind: 'not'; filter: Filter }
  | { kind: 'present'; name: string }
  | { kind: 'equal' | 'greaterOrEqual' | 'lessOrEqual'; name: string; value: Buffer }
  | { kind: 'substrings'; name: string; initial: string; any: string[]; final: string }
  | { kind: 'rule'; name: string; rule: string; value: Buffer }
  /** Never decoded: what chain.ts makes of a rule. Names in lower case. */
  | { kind: 'named'; names: ReadonlySet<string> }

/** @throws BerError for a choice that RFC 4511 does not have. */
export function decodeFilter({ tag, content }: Element): Filter {
  switch (tag) {
    case 0xa0:
    case 0xa1:
      return { kind: tag === 0xa0 ? 'and' : 'or', filters: children(content).map(decodeFilter) }
    case 0xa2: {
      const inner = children(content)[0]
      if (inner === undefined) throw new BerError('not without a filter')
      return { kind: 'not', filter: decodeFilter(inner) }
    }
    case 0xa3:
    case 0xa8: // approxMatch is equalityMatch in Active Directory ([MS-ADTS] 3.1.1.3.1.3.1)
      return { kind: 'equal', ...assertion(content) }
    case 0xa5:
      return { kind: 'greaterOrEqual', ...assertion(content) }
    case 0xa6:
      return { kind: 'lessOrEqual', ...assertion(content) }
    case 0xa4:
      return substrings(content)
    case 0x87:
      return { kind: 'present', name: readText(content) }
    case 0xa9:
      return extensible(content)
    default:
      throw new BerError(`filter has unknown tag ${tag}`)
  }
}

function assertion(content: Buffer): { name: string; value: Buffer } {
  const parts = children(content)
  return { name: readText(contentAt(parts, 0, universal.octets)), value: contentAt(parts, 1, universal.octets) }
}

function substrings(content: Buffer): Filter {
  const parts = children(content)
  const pieces = children(contentAt(parts, 1, universal.sequence))
  const texts = (tag: number) => pieces.filter((piece) => piece.tag === tag).map((piece) => readText(piece.content))
  const name = readText(contentAt(parts, 0, universal.octets))
  return { kind: 'substrings', name, initial: texts(0x80)[0] ?? '', any: texts(0x81), final: texts(0x82)[0] ?? '' }
}

function extensible(content: Buffer): Filter {
  const part = (tag: number) => children(content).find((piece) => piece.tag === tag)?.content ?? Buffer.alloc(0)
  return { kind: 'rule', rule: readText(part(0x81)), name: readText(part(0x82)), value: part(0x83) }
}

/** The values of one entry's attribute, back links included. */
export type Lookup = (name: string) => readonly Buffer[]

export function matches(filter: Filter, values: Lookup): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.filters.every((inner) => matches(inner, values))
    case 'or':
      return filter.filters.some((inner) => matches(inner, values))
    case 'not':
      return !matches(filter.filter, values)
    case 'present':
      return searchable(filter.name) !== undefined && values(filter.name).length > 0
    case 'substrings':
      return texts(values, filter.name).some((text) => hasSubstrings(text, filter))
    case 'equal':
      return equals(values, filter.name, filter.value)
    case 'greaterOrEqual':
      return compares(values, filter.name, filter.value, (order) => order >= 0)
    case 'lessOrEqual':
      return compares(values, filter.name, filter.value, (order) => order <= 0)
    case 'rule':
      return bitRule(values, filter.name, filter.rule, filter.value)
    case 'named':
      return filter.names.has(values('distinguishedName')[0]?.toString('utf8').toLowerCase() ?? '')
  }
}

/** The syntax of an attribute a filter may ask for; a password is not one of them (no oracle). */
function searchable(name: string): Syntax | undefined {
  const kind = attributeKind(name)
  return kind === undefined || kind.owner === 'constructed' || kind.name === 'unicodePwd' ? undefined : kind.syntax
}

const texts = (values: Lookup, name: string): string[] =>
  searchable(name) === 'text' || searchable(name) === 'time' ? values(name).map((value) => value.toString('utf8').toLowerCase()) : []

export function equals(values: Lookup, name: string, value: Buffer): boolean {
  const syntax = searchable(name)
  if (syntax === undefined) return false
  const wanted = comparable(syntax, name, value)
  return wanted !== undefined && values(name).some((held) => comparable(syntax, name, held) === wanted)
}

/** One spelling per value: equal values become equal texts or numbers; undefined for what the syntax does not allow. */
function comparable(syntax: Syntax, name: string, value: Buffer): string | bigint | undefined {
  const text = value.toString('utf8')
  if (syntax === 'integer') return integerOf(text)
  if (syntax === 'binary')
    return (name.toLowerCase() === 'objectsid' ? sidOctets(text) : undefined)?.toString('hex') ?? value.toString('hex')
  return syntax === 'dn' ? remembered(name.toLowerCase() === 'objectcategory', text) : text.toLowerCase()
}

/** Names are long to parse, and in a large directory the same few are compared with again and again. */
const spellings = [new Map<string, string | undefined>(), new Map<string, string | undefined>()] as const
const spellingsKept = 1000

function remembered(isCategory: boolean, text: string): string | undefined {
  const known = spellings[isCategory ? 1 : 0]
  if (!known.has(text)) {
    if (known.size >= spellingsKept) known.clear()
    known.set(text, spellingOf(isCategory, text))
  }
  return known.get(text)
}

function spellingOf(isCategory: boolean, text: string): string | undefined {
  // `(objectCategory=person)` names a class by its short name ([MS-ADTS] 3.1.1.3.1.3).
  const category = isCategory ? classNamed(text)?.category : undefined
  const short = category ?? (/^[a-z]+$/i.test(text) ? text : undefined)
  return short === undefined ? keyOfText(text)?.replace(isCategory ? /,.*$/ : /$^/, '') : `cn=${short.toLowerCase()}`
}

const integerOf = (text: string): bigint | undefined => (/^-?\d{1,20}$/.test(text) ? BigInt(text) : undefined)

function compares(values: Lookup, name: string, value: Buffer, holds: (order: number) => boolean): boolean {
  const syntax = searchable(name)
  if (syntax === undefined || syntax === 'dn' || syntax === 'binary') return false
  const wanted = comparable(syntax, name, value)
  return values(name).some((held) => {
    const have = comparable(syntax, name, held)
    return have !== undefined && wanted !== undefined && holds(have < wanted ? -1 : have > wanted ? 1 : 0)
  })
}

function hasSubstrings(text: string, { initial, any, final }: { initial: string; any: string[]; final: string }): boolean {
  if (!text.startsWith(initial.toLowerCase())) return false
  let offset = initial.length
  for (const piece of any) {
    const found = text.indexOf(piece.toLowerCase(), offset)
    if (found < 0) return false
    offset = found + piece.length
  }
  return text.length - offset >= final.length && text.endsWith(final.toLowerCase())
}

/** LDAP_MATCHING_RULE_BIT_AND and _BIT_OR ([MS-ADTS] 3.1.1.3.4.4); other rules match nothing. */
function bitRule(values: Lookup, name: string, rule: string, value: Buffer): boolean {
  const mask = integerOf(value.toString('utf8'))
  const held = searchable(name) === 'integer' ? integerOf(values(name)[0]?.toString('utf8') ?? '') : undefined
  if (mask === undefined || held === undefined) return false
  if (rule === '1.2.840.113556.1.4.803') return (held & mask) === mask
  return rule === '1.2.840.113556.1.4.804' && (held & mask) !== 0n
}
