import fc from 'fast-check'
import { expect, test } from 'vitest'
import { dnKey, escapeValue, formatDn, isWithin, parseDn } from './dn.ts'

test.each([
  ['CN=Comma\\, Name,DC=test', 'Comma, Name'],
  ['CN=Comma\\2C Name,DC=test', 'Comma, Name'],
  ['CN=\\ Lead,DC=test', ' Lead'],
  ['CN= not lead ,DC=test', 'not lead'],
  ['CN=Trail\\ ,DC=test', 'Trail '],
  ['CN=\\#hash,DC=test', '#hash'],
  ['CN=\\"Q\\",DC=test', '"Q"'],
  ['CN=a/b\\\\c,DC=test', 'a/b\\c'],
  ['CN=\\C3\\9Cn\\C3\\AF,DC=test', 'Ünï'],
  ['CN=a=b,DC=test', 'a=b'],
  ['CN=line\\0Abreak,DC=test', 'line\nbreak'],
])('%s', (text, value) => {
  expect(parseDn(text)?.[0]?.value).toBe(value)
})

test.each(['CN', 'CN=', '=x', 'CN=x,', 'CN=x,,DC=y', 'CN=a+SN=b', 'CN="x"', 'CN=x\\', 'CN=x;DC=y', 'C N=x'])('%s is no DN', (text) => {
  expect(parseDn(text)).toBeUndefined()
})

test('a blank behind a backslash is written so that it stays', () => {
  expect(escapeValue('\\ ')).toBe('\\\\\\ ')
  expect(parseDn(`CN=${escapeValue('\\ ')}`)?.[0]?.value).toBe('\\ ')
})

test('every value survives being written and read', () => {
  // What is special must come often, and digits behind a backslash.
  const character = fc.oneof(fc.constantFrom(...'\\\\\\,+"<>;=# 45cC'), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }))
  fc.assert(
    fc.property(fc.string({ unit: character, minLength: 1 }), (value) => {
      const dn = parseDn(`CN=${escapeValue(value)},DC=test`)
      expect(dn).toEqual([
        { type: 'CN', value },
        { type: 'DC', value: 'test' },
      ])
      expect(parseDn(formatDn(dn ?? []))).toEqual(dn)
    }),
  )
})

test('names compare without regard to case and blanks, and know their ancestors', () => {
  const one = parseDn('cn=ALICE , ou=Staff,dc=test') ?? []
  expect(dnKey(one)).toBe(dnKey(parseDn('CN=alice,OU=staff,DC=TEST') ?? []))
  expect(isWithin(one, parseDn('OU=staff,DC=test') ?? [])).toBe(true)
  expect(isWithin(one, parseDn('OU=other,DC=test') ?? [])).toBe(false)
  expect(isWithin(parseDn('CN=x\\,OU\\=staff,DC=test') ?? [], parseDn('OU=staff,DC=test') ?? [])).toBe(false)
})
