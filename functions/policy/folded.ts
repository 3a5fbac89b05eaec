/**
 * A text as the checks for guessable passwords read it: what looks or is meant the same is the same.
 *
 * `plain`: compatibility forms (Unicode NFKD), accents and case taken away. `meant`: beside it, unit by unit, what commonly
 * stands for a letter is that letter. UTF-16 units in arrays that can be wiped. Letters of other scripts that look Latin
 * stay what they are.
 */
import type { Secret } from '../../shared/secret.ts'

export interface Folded extends Disposable {
  plain: Uint16Array
  meant: Uint16Array
}

const letters: Readonly<Record<string, string>> = {
  '0': 'O',
  '1': 'I',
  L: 'I',
  '!': 'I',
  '|': 'I',
  '3': 'E',
  '4': 'A',
  '@': 'A',
  '5': 'S',
  $: 'S',
  '7': 'T',
}

const meantOf = Uint16Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code)
  return (letters[character] ?? character).charCodeAt(0)
})

const both = (plain: Uint16Array): Folded => {
  const meant = plain.map((unit) => meantOf[unit] ?? unit)
  return {
    plain,
    meant,
    [Symbol.dispose]: () => {
      plain.fill(0)
      meant.fill(0)
    },
  }
}

export function foldedText(text: string): Folded {
  // Capitals: what is small may depend on what stands beside it (ς, σ), and some small letters have no other way together (ß, ss).
  const plain = text.normalize('NFKD').replace(/\p{M}/gu, '').toUpperCase()
  return both(Uint16Array.from({ length: plain.length }, (_, n) => plain.charCodeAt(n)))
}

/**
 * ASCII is read byte by byte. For everything else JavaScript knows a normal form of strings alone: that copy of a password
 * cannot be wiped, like the one in the parsed body (SECURITY.md).
 */
export const foldedSecret = (secret: Secret): Folded =>
  secret.use((value) =>
    value.some((byte) => byte >= 128)
      ? foldedText(value.toString('utf8'))
      : both(Uint16Array.from(value, (byte) => (byte >= 97 && byte <= 122 ? byte - 32 : byte))),
  )
