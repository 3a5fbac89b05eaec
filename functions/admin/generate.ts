/**
 * A password nobody has chosen: 16 characters of four kinds, none that looks like another one, all equally likely.
 *
 * Drawn anew until all kinds are there, which favours none of those that fit. About 93 bits.
 */
import { randomInt } from 'node:crypto'

const kinds = ['ABCDEFGHJKLMNPQRSTUVWXYZ', 'abcdefghijkmnpqrstuvwxyz', '23456789', '!#%+-=?@'] as const
const all = kinds.join('')
export const generatedLength = 16

export function generatePassword(minLength = 0): string {
  for (;;) {
    const text = Array.from({ length: Math.max(minLength, generatedLength) }, () => all[randomInt(all.length)]).join('')
    if (kinds.every((kind) => [...text].some((each) => kind.includes(each)))) return text
  }
}
