/**
 * What a password must look like: the quoted UTF-16LE of `unicodePwd` ([MS-ADTS] 3.1.1.3.1.5.1) and the quality rules.
 *
 * Complexity is Windows' documented rule ("Password must meet complexity requirements"): three of five kinds of character,
 * and neither the account name nor a part of the display name inside, when those are at least three characters long.
 */
import type { Attributes } from './attributes.ts'
import type { PasswordPolicy } from './policy.ts'
import type { PasswordRule } from './result.ts'

/** Undefined when the octets are no quoted UTF-16LE text. An empty password is a text, and then too short. */
export function parseQuoted(octets: Buffer): string | undefined {
  if (octets.length < 4 || octets.length % 2 !== 0) return undefined
  const text = octets.toString('utf16le')
  return text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : undefined
}

/** Upper case, lower case, digits, other ASCII signs, and letters that have no case (the euro sign and a blank are none of these). */
const characterKinds = [/\p{Lu}/u, /\p{Ll}/u, /[0-9]/, /[~!@#$%^&*_\-+=`|\\(){}[\]:;"'<>,.?/]/, /[\p{Lo}\p{Lt}\p{Lm}]/u] as const
const neededKinds = 3
const shortestName = 3

/** The display name is cut at these; the account name is not. */
const nameDelimiters = /[,.\-_ #\t]+/

export function containsName(password: string, user: Attributes): boolean {
  const names = [user.text('sAMAccountName') ?? '', ...(user.text('displayName') ?? '').split(nameDelimiters)]
  const lower = password.toLowerCase()
  return names.some((name) => name.length >= shortestName && lower.includes(name.toLowerCase()))
}

const isComplex = (password: string, user: Attributes): boolean =>
  characterKinds.filter((kind) => kind.test(password)).length >= neededKinds && !containsName(password, user)

/** The first rule that the password breaks on its own: history and age need more than the text. */
export function brokenRule(
  password: string,
  user: Attributes,
  policy: PasswordPolicy,
  bannedSubstrings: readonly string[],
): PasswordRule | undefined {
  if (password.length < policy.minLength) return 'length'
  if (policy.complexity && !isComplex(password, user)) return 'complexity'
  if (bannedSubstrings.some((banned) => password.toLowerCase().includes(banned.toLowerCase()))) return 'filter'
  return undefined
}
