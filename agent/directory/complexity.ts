/**
 * "Password must meet complexity requirements", as documented: three of five kinds of characters, and nothing of the name.
 *
 * Source: Microsoft Learn, security policy setting of that name; [MS-SAMR] 3.1.1.7.2. It only explains a refusal that the
 * directory has given; the directory alone decides.
 */
const kinds: readonly RegExp[] = [
  /\p{Lu}/u,
  /\p{Ll}/u,
  /[0-9]/,
  // Currency signs beyond the dollar and white space are not counted, by the letter of the setting.
  /[~!@#$%^&*_\-+=`|\\(){}[\]:;"'<>,.?/]/,
  // Letters without case, e.g. of Asian languages.
  /[\p{Lo}\p{Lt}\p{Lm}]/u,
]
const kindsNeeded = 3

export const isComplex = (password: string): boolean => kinds.filter((kind) => kind.test(password)).length >= kindsNeeded

/** Shorter names and parts of names are not looked for. */
const shortestPart = 3
const delimiters = /[,.\-_ #\t]+/

/** The account name as a whole, and the display name in parts; letter case does not matter. */
export function containsName(password: string, accountName: string, displayName: string): boolean {
  const lower = password.toLowerCase()
  return [accountName, ...displayName.split(delimiters)]
    .filter((part) => part.length >= shortestPart)
    .some((part) => lower.includes(part.toLowerCase()))
}
