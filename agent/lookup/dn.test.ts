import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hostileText } from '../../test/hostile.ts'
import { domainOf, isBelow, parseDn } from './dn.ts'

const base = 'OU=People,DC=corp,DC=example,DC=test'

describe('a name is below a base', () => {
  test.each([
    ['its own', base],
    ['one step down', `CN=Ada,${base}`],
    ['written in another case', `cn=ada,ou=PEOPLE,dc=Corp,dc=EXAMPLE,dc=test`],
    ['with blanks around the parts', `CN=Ada , OU = People, DC=corp,DC=example , DC=test`],
    ['with a comma in it', `CN=O'Neil\\, Pat,${base}`],
    ['with a base in it that is escaped', `CN=a\\,OU=Other,${base}`],
    ['with a backslash at its end', `CN=a\\\\,${base}`],
    ['with bytes as digits', `CN=Zo\\c3\\ab,${base}`],
    ['with an equals sign and a slash', `CN=a=b/c,${base}`],
  ])('%s', (_, dn) => {
    expect(isBelow(dn, base)).toBe(true)
  })

  test.each([
    ['beside it', 'CN=Ada,OU=Other,DC=corp,DC=example,DC=test'],
    ['above it', 'DC=corp,DC=example,DC=test'],
    ['in a unit whose name ends alike', 'CN=Ada,OU=Not People,DC=corp,DC=example,DC=test'],
    ['with the base in its own name', `CN=Ada\\,OU=People,DC=corp,DC=example,DC=test`],
    ['in another domain', 'CN=Ada,OU=People,DC=other,DC=example,DC=test'],
    ['no name', 'corp.example.test'],
    ['nothing', ''],
    ['cut off', `CN=Ada,`],
  ])('not: %s', (_, dn) => {
    expect(isBelow(dn, base)).toBe(false)
  })
})

test('a name may end with a comma that belongs to its value', () => {
  expect(parseDn('CN=a\\,')).toEqual(['cn=a,'])
  expect(parseDn('CN=a,')).toBeUndefined()
})

test.each([
  ['CN=a,DC=corp,DC=example', 'corp.example'],
  ['DC=Corp', 'corp'],
  ['CN=a,DC=x,OU=b,DC=corp', 'corp'],
  ['CN=a', undefined],
  ['', undefined],
])('the domain of %j is %s', (dn, domain) => {
  expect(domainOf(dn)).toBe(domain)
})

/** RFC 4514 section 2.4, the shortest way: a backslash before what is special. */
const escaped = (value: string) => value.replace(/[\\,+"<>;=]/g, '\\$&').replace(/^[ #]|(?<=.) $/g, '\\$&')

/** The other way: every byte of what is special as two digits. */
const asDigits = (value: string) => value.replace(/[\\,+"<>;=# ]/g, (special) => `\\${Buffer.from(special).toString('hex')}`)

test('whatever a value is made of, escaping and parsing gives it back, and it stays one part', () => {
  const value = fc
    .string({
      // Two digits after a backslash are a byte, unless the backslash is itself escaped.
      unit: fc.oneof(fc.constantFrom(...'\\\\\\,+"<>;=# 45cC'), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 })),
      minLength: 1,
      maxLength: 12,
    })
    .filter((text) => !text.includes('\0'))
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 4 }), (values) => {
      for (const spelled of [escaped, asDigits]) {
        const dn = values.map((each) => `CN=${spelled(each)}`).join(',')
        expect(parseDn(dn)).toEqual(values.map((each) => `cn=${each}`.toLowerCase()))
      }
    }),
  )
})

test('any text is a name or none', () => {
  fc.assert(
    fc.property(hostileText(400), (text) => {
      const parts = parseDn(text)
      expect(parts === undefined || parts.length > 0).toBe(true)
    }),
  )
})

test.each([
  ['escapes that may be read in two ways, and a broken end', `CN=${'\\41'.repeat(50_000)}\\`],
  ['blanks within a value', `CN=a${' '.repeat(200_000)}b`],
  ['escaped blanks within a value', `CN=a${'\\ '.repeat(100_000)}b`],
  ['backslashes', `CN=${'\\\\'.repeat(100_000)} `],
  ['many parts', `${'CN=a,'.repeat(40_000)}DC=b`],
  ['blanks in front of a part', `${' '.repeat(200_000)}CN`],
  ['digits and dots for a type', `${'1.'.repeat(100_000)}=a`],
])('in time that grows with its length, not faster: %s', (_, text) => {
  expect(() => parseDn(text)).not.toThrow()
})
