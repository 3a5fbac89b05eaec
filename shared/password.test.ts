import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parsePassword, passwordLimits, passwordProblem } from './password.ts'

test.each([
  ['nothing', '', 'empty'],
  ['a NUL', 'abc\0def', 'nul'],
  ['a high surrogate alone', 'abc\ud83d', 'loneSurrogate'],
  ['a low surrogate first', '\ude00abc', 'loneSurrogate'],
  ['128 units', 'a'.repeat(128), 'tooManyUnits'],
  ['175 bytes in 88 units', `${'ü'.repeat(87)}a`, 'tooManyBytes'],
  ['64 emoji: 128 units', '🙂'.repeat(64), 'tooManyUnits'],
  ['44 emoji: 176 bytes', '🙂'.repeat(44), 'tooManyBytes'],
] as const)('%s: %#', (_, text, problem) => {
  expect(passwordProblem(text)).toBe(problem)
  expect(parsePassword(text)).toEqual({ kind: 'problem', problem })
})

test.each([
  ['one character', 'a'],
  ['a blank', ' '],
  ['127 units', 'a'.repeat(127)],
  ['174 bytes', 'ü'.repeat(87)],
  ['blanks around, kept', '  a  '],
  ['a byte order mark, kept', '\ufeffabc'],
  ['not normalised: decomposed', 'e\u0301'],
  ['not normalised: composed', '\u00e9'],
  ['quotes and backslashes', '"\\"'],
  ['control characters other than NUL', '\u0001\t\r\n\u007f'],
])('%s is a password', (_, text) => {
  expect(passwordProblem(text)).toBeUndefined()
})

describe('every text', () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ unit: 'grapheme', maxLength: 100 }))

  test('is refused, or fits the wire and comes back as it was', () => {
    fc.assert(
      fc.property(text, (typed) => {
        const parsed = parsePassword(typed)
        if (parsed.kind === 'problem') return
        const bytes = parsed.password.use((value) => Buffer.from(value))
        expect(bytes.length).toBeGreaterThan(0)
        expect(bytes.length).toBeLessThanOrEqual(passwordLimits.maxBytes)
        expect(typed.length).toBeLessThanOrEqual(passwordLimits.maxUnits)
        expect(bytes.toString('utf8')).toBe(typed)
        expect(bytes.includes(0)).toBe(false)
      }),
    )
  })

  test('with units at random: refused exactly when one of the five rules is broken', () => {
    const units = fc.array(fc.nat(0xffff), { maxLength: 140 }).map((codes) => String.fromCharCode(...codes))
    fc.assert(
      fc.property(units, (typed) => {
        const bad =
          typed === '' || typed.includes('\0') || /\p{Surrogate}/u.test(typed) || typed.length > 127 || Buffer.byteLength(typed) > 174
        expect(passwordProblem(typed) !== undefined).toBe(bad)
      }),
    )
  })
})
