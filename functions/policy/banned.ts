/**
 * Passwords that contain a word of the organization or a part of the person's own name.
 *
 * Both sides are read as they are meant (folded.ts). Of words of six characters or more one may be more, less or another: of
 * shorter ones too much else would be forbidden ("tower", "lower", "power"). Whatever stands around a word, the password is
 * refused: that is a rule a person can be told.
 */
import { type Folded, foldedText } from './folded.ts'

/** Shorter parts of names are in too many words. */
const shortestPart = 4
const shortestNearly = 6

export function containsWord({ meant }: Pick<Folded, 'meant'>, words: readonly string[]): boolean {
  return words.some((word) => {
    const term = foldedText(word).meant
    if (term.length === 0) return false
    const edits = term.length < shortestNearly ? 0 : 1
    for (let from = 0; from < meant.length; from++) if (beginsWith(meant, from, term, 0, edits)) return true
    return false
  })
}

/** Whether what is left of the term stands here, with as many characters more, less or other. */
function beginsWith(text: Uint16Array, from: number, term: Uint16Array, at: number, edits: number): boolean {
  let [here, there] = [from, at]
  while (there < term.length && here < text.length && text[here] === term[there]) {
    here++
    there++
  }
  if (term.length - there <= edits) return true
  if (edits === 0) return false
  const one = (skipped: number, left: number) => beginsWith(text, here + skipped, term, there + left, edits - 1)
  return one(1, 1) || one(0, 1) || one(1, 0)
}

/** What of these names nobody may build on: words of letters and digits. */
export function nameParts(names: readonly (string | null | undefined)[]): string[] {
  const parts = names.flatMap((name) => name?.match(/[\p{L}\p{M}\p{N}]+/gu) ?? [])
  return [...new Set(parts.filter((part) => part.length >= shortestPart).map((part) => part.toLowerCase()))].slice(0, 16)
}
