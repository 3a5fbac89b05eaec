/**
 * Distinguished names as lists of parts that can be compared: is this account below that base, and in which domain?
 *
 * Types and values are compared without regard to case, and escapes are undone first, because servers choose their own
 * (RFC 4514 section 2.4). The directory has the last word on names; this only holds a name against a rule.
 */

/** From the entry up to the domain head, each `type=value` in lower case without escapes; undefined if it is no name. */
export function parseDn(dn: string): string[] | undefined {
  const parts: string[] = []
  for (let rest = dn; rest !== ''; ) {
    // Each character has one way to match: a name that is none must not be tried in all of them.
    const part = /^\s*([a-z][a-z0-9-]*|[0-9]+(?:\.[0-9]+)*)\s*=((?:[^\\,]|\\.)*)(,|$)/is.exec(rest)
    if (part === null) return undefined
    rest = rest.slice(part[0].length)
    if (rest === '' && part[3] === ',') return undefined
    parts.push(`${part[1]}=${plain(part[2] ?? '')}`.toLowerCase())
  }
  return parts.length > 0 ? parts : undefined
}

/** Unescaped blanks at both ends of a value mean nothing; pairs of hex digits are bytes of UTF-8. */
function plain(value: string): string {
  // In one go: what one escape gives back must not be taken for the beginning of another.
  return withoutBlanks(value).replace(/((?:\\[0-9a-f]{2})+)|\\(.)/gis, (_, bytes: string | undefined, character: string) =>
    bytes === undefined ? character : Buffer.from(bytes.replaceAll('\\', ''), 'hex').toString('utf8'),
  )
}

function withoutBlanks(value: string): string {
  const inner = value.replace(/^ +/, '')
  let end = inner.length
  while (inner[end - 1] === ' ') end -= 1
  let backslashes = 0
  while (inner[end - 1 - backslashes] === '\\') backslashes += 1
  return inner.slice(0, end + (backslashes % 2))
}

/** An entry is in the scope of its own base, too. */
export function isBelow(dn: string, base: string): boolean {
  const [inner, outer] = [parseDn(dn), parseDn(base)]
  if (!inner || !outer || inner.length < outer.length) return false
  return outer.every((part, at) => part === inner[inner.length - outer.length + at])
}

/** DNS name of the domain a name ends in: DC=corp,DC=example -> corp.example. */
export function domainOf(dn: string): string | undefined {
  const parts = parseDn(dn) ?? []
  const head = parts.slice(parts.findLastIndex((part) => !part.startsWith('dc=')) + 1)
  return head.length > 0 ? head.map((part) => part.slice('dc='.length)).join('.') : undefined
}
