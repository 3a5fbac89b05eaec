/**
 * Which texts are passwords at all: what fits the wire and what the directory can hold. Checked before anything is sealed.
 *
 * 1 to 174 bytes of UTF-8 (2048-bit RSA-OAEP-256 carries 190 bytes, 16 of them the binding), at most 127 UTF-16 units
 * ([MS-SAMR] 2.2.4 limits what clients of AD accept), no NUL (AD takes it and the password then never works), no lone
 * surrogate (it has no UTF-8). Exactly what was typed: no normalisation, no trimming.
 */
import { Secret } from './secret.ts'

export const passwordLimits = { maxBytes: 174, maxUnits: 127 } as const

export type PasswordProblem = 'empty' | 'nul' | 'loneSurrogate' | 'tooManyBytes' | 'tooManyUnits'

export function passwordProblem(text: string): PasswordProblem | undefined {
  if (text.length === 0) return 'empty'
  if (text.includes('\0')) return 'nul'
  if (!text.isWellFormed()) return 'loneSurrogate'
  if (text.length > passwordLimits.maxUnits) return 'tooManyUnits'
  if (Buffer.byteLength(text, 'utf8') > passwordLimits.maxBytes) return 'tooManyBytes'
  return undefined
}

export function parsePassword(text: string): { kind: 'password'; password: Secret } | { kind: 'problem'; problem: PasswordProblem } {
  const problem = passwordProblem(text)
  return problem === undefined ? { kind: 'password', password: Secret.fromText(text) } : { kind: 'problem', problem }
}
