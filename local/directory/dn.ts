/**
 * Distinguished names (RFC 4514): text to parts and back, and the one spelling by which two names are compared.
 *
 * Every value may hold anything: commas, quotes, slashes, leading blanks, any script. Active Directory has no multi-valued
 * RDNs, so an unescaped `+` is a syntax error.
 */

export interface Rdn {
  type: string
  value: string
}

export type Dn = readonly Rdn[]

const hexPair = /^[0-9a-f]{2}$/i

/** Undefined when the text is no DN. The empty text is the empty name (rootDSE). */
export function parseDn(text: string): Dn | undefined {
  if (text.trim() === '') return []
  const rdns: Rdn[] = []
  for (let offset = 0; offset <= text.length; ) {
    const equals = text.indexOf('=', offset)
    const type = text.slice(offset, equals).trim()
    if (equals < 0 || !/^[a-z][a-z0-9-]*$/i.test(type)) return undefined
    const value = readValue(text, equals + 1)
    if (value === undefined || value.text === '') return undefined
    rdns.push({ type: type.toUpperCase(), value: value.text })
    offset = value.next
  }
  return rdns
}

/** Reads up to an unescaped comma; unescaped blanks at both ends are not part of the value. */
function readValue(text: string, start: number): { text: string; next: number } | undefined {
  const octets: Buffer[] = []
  let trailingBlanks = 0
  let offset = start
  while (text[offset] === ' ') offset += 1
  for (; offset < text.length && text[offset] !== ','; ) {
    const character = String.fromCodePoint(text.codePointAt(offset) ?? 0)
    if ('+;<>"'.includes(character)) return undefined
    const read = character === '\\' ? readEscape(text, offset) : { octets: Buffer.from(character), next: offset + character.length }
    if (read === undefined) return undefined
    trailingBlanks = character === ' ' ? trailingBlanks + 1 : 0
    octets.push(read.octets)
    offset = read.next
  }
  const kept = octets.slice(0, octets.length - trailingBlanks)
  return { text: Buffer.concat(kept).toString('utf8'), next: offset + 1 }
}

/** `\2C` is an octet of UTF-8, `\,` the character itself. */
function readEscape(text: string, offset: number): { octets: Buffer; next: number } | undefined {
  const pair = text.slice(offset + 1, offset + 3)
  if (hexPair.test(pair)) return { octets: Buffer.from(pair, 'hex'), next: offset + 3 }
  const next = text[offset + 1]
  return next !== undefined && ' "#+,;<=>\\'.includes(next) ? { octets: Buffer.from(next), next: offset + 2 } : undefined
}

export function escapeValue(value: string): string {
  const escaped = value
    .replaceAll(/[,\\+"<>;=]/g, '\\$&')
    .replaceAll(/[\0\n\r]/g, (c) => `\\0${c.charCodeAt(0).toString(16).toUpperCase()}`)
  // A blank that is the whole value is escaped by the first of these.
  return escaped.replace(/^[ #]/, '\\$&').replace(value.length > 1 ? / $/ : /(?!)/, '\\ ')
}

export const formatDn = (dn: Dn): string => dn.map(({ type, value }) => `${type}=${escapeValue(value)}`).join(',')

/** Equal for two spellings of one name: names compare without regard to case. */
export const dnKey = (dn: Dn): string => formatDn(dn).toLowerCase()

/** Undefined when the text is no DN. */
export function keyOfText(text: string): string | undefined {
  const dn = parseDn(text)
  return dn === undefined ? undefined : dnKey(dn)
}

export const isWithin = (dn: Dn, ancestor: Dn): boolean =>
  dn.length >= ancestor.length && dnKey(dn.slice(dn.length - ancestor.length)) === dnKey(ancestor)
