/**
 * Passwords that are little more than what everybody takes: the 49,000 most common ones, from @zxcvbn-ts/language-common.
 *
 * Counted as Microsoft's banned list counts (learn.microsoft.com/entra/identity/authentication/concept-password-ban-bad,
 * How passwords are evaluated): a common password within is one point, so are up to four digits (a year, a PIN) and a run of
 * one character; any other character is a point, and five are needed. What is nothing but short is the directory's business.
 *
 * The list is kept as 53-bit numbers, looked up by what a running hash comes to: nothing of the password becomes a string. Two
 * texts of one number would cost a good password a point, once in 10¹¹ looks.
 */
import { type Folded, foldedText } from './folded.ts'

const needed = 5
const shortest = 4

export interface CommonPasswords {
  numbers: ReadonlySet<number>
  longest: number
}

/** 50 ms, so only when somebody needs it. */
export async function loadCommonPasswords(): Promise<CommonPasswords> {
  const { dictionary } = await import('@zxcvbn-ts/language-common')
  return commonPasswords(dictionary['passwords-common'])
}

export function commonPasswords(list: readonly string[]): CommonPasswords {
  const numbers = new Set<number>()
  let longest = 0
  for (const text of list) {
    const { meant } = foldedText(text)
    if (meant.length < shortest) continue
    longest = Math.max(longest, meant.length)
    numbers.add(meant.reduce(grown, empty).number)
  }
  return { numbers, longest }
}

export function isCommon(password: Pick<Folded, 'plain' | 'meant'>, common: CommonPasswords): boolean {
  const found = points(password, common)
  return found < needed && found < password.plain.length
}

/** The fewest it can be taken apart into. */
export function points({ plain, meant }: Pick<Folded, 'plain' | 'meant'>, { numbers, longest }: CommonPasswords): number {
  const fewest = new Array<number>(plain.length + 1).fill(Number.POSITIVE_INFINITY)
  fewest[0] = 0
  for (let from = 0; from < plain.length; from++) {
    const cost = (fewest[from] ?? 0) + 1
    const reach = (to: number) => {
      fewest[to] = Math.min(fewest[to] ?? cost, cost)
    }
    reach(from + 1)
    for (let to = from + 1; to < Math.min(from + 4, plain.length) && isDigit(plain[from]) && isDigit(plain[to]); to++) reach(to + 1)
    for (let to = from + 1; to < plain.length && plain[to] === plain[from]; to++) reach(to + 1)
    let hash = empty
    for (let to = from; to < Math.min(from + longest, meant.length); to++) {
      hash = grown(hash, meant[to] ?? 0)
      if (numbers.has(hash.number)) reach(to + 1)
    }
  }
  return fewest[plain.length] ?? 0
}

/** Two 32-bit hashes (FNV-1a with different primes), side by side in what a number holds exactly. */
const empty = { one: 0x811c9dc5, other: 0x9e3779b1, number: 0 }
function grown({ one, other }: typeof empty, unit: number): typeof empty {
  const next = { one: Math.imul(one ^ unit, 0x01000193), other: Math.imul(other ^ unit, 0x85ebca6b) }
  return { ...next, number: (next.one >>> 0) * 2 ** 21 + (next.other >>> 11) }
}

const isDigit = (unit: number | undefined) => unit !== undefined && unit >= 48 && unit <= 57
