import fc from 'fast-check'
import { expect, test } from 'vitest'
import { passwordProblem } from '../../shared/password.ts'
import { Secret } from '../../shared/secret.ts'
import { quotedUtf16 } from './set-password.ts'

test('UTF-16LE in double quotes ([MS-ADTS] 3.1.1.3.1.5.1, the example "new")', () => {
  expect(quotedUtf16(Secret.fromText('new')).toString('hex')).toBe('22006e00650077002200')
})

test('every password arrives unit for unit', () => {
  const password = fc.string({ unit: 'grapheme', maxLength: 127 }).filter((text) => passwordProblem(text) === undefined)
  fc.assert(
    fc.property(password, (text) => {
      expect(quotedUtf16(Secret.fromText(text)).equals(Buffer.from(`"${text}"`, 'utf16le'))).toBe(true)
    }),
  )
})

test.each(['"', '""', '\ufeffx', 'ä', '🙂', ' blank ', '\\"', 'a\tb\n'])('quotes, marks and blanks stay as they are: %j', (text) => {
  expect(quotedUtf16(Secret.fromText(text)).equals(Buffer.from(`"${text}"`, 'utf16le'))).toBe(true)
})

test('the secret itself is left as it was', () => {
  const password = Secret.fromText('Fine-Word-77')
  quotedUtf16(password).fill(0)
  expect(password.use((value) => value.toString('utf8'))).toBe('Fine-Word-77')
})
