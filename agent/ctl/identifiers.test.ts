import fc from 'fast-check'
import { expect, test } from 'vitest'
import { guidBytes, guidText, isSid, sidAtStart, sidBytes, sidText } from './identifiers.ts'

test.each([
  ['S-1-1-0', '010100000000000100000000'],
  ['S-1-5-32-544', '01020000000000052000000020020000'],
  ['S-1-5-21-1-2-4294967295-1104', '010500000000000515000000' + '0100000002000000ffffffff50040000'],
])('%s', (text, hex) => {
  expect(sidBytes(text)?.toString('hex')).toBe(hex)
  expect(sidText(Buffer.from(hex, 'hex'))).toBe(text)
})

test.each(['', 'S-1-5', 'S-2-5-1', 'S-1-5-x', 'S-1-5-4294967296', 'S-1-5-21-', ' S-1-1-0', `S-1-5${'-1'.repeat(16)}`, 'CORP\\svc'])(
  'no SID: %j',
  (text) => {
    expect(sidBytes(text)).toBeUndefined()
  },
)

test('what is cut short, of another revision or without numbers is no SID', () => {
  const whole = Buffer.from('01020000000000052000000020020000', 'hex')
  for (let length = 0; length < whole.length; length++) expect(isSid(whole.subarray(0, length)), String(length)).toBe(false)
  expect(isSid(Buffer.concat([whole, Buffer.alloc(4)]))).toBe(false)
  expect(sidAtStart(Buffer.concat([whole, Buffer.alloc(4)]))).toEqual(whole)
  expect(isSid(Buffer.from('0200000000000005', 'hex'))).toBe(false)
  expect(isSid(Buffer.from('0100000000000005', 'hex'))).toBe(false)
})

test('a GUID there and back', () => {
  expect(guidBytes('00299570-246d-11d0-a768-00aa006e0529').toString('hex')).toBe('709529006d24d011a76800aa006e0529')
  const guid = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes))
  fc.assert(fc.property(guid, (bytes) => guidBytes(guidText(bytes)).equals(bytes)))
  expect(() => guidBytes('00299570246d11d0a76800aa006e0529')).toThrow(TypeError)
})
