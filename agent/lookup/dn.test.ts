import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
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

test('whatever a value is made of, escaping and parsing gives it back, and it stays one part', () => {
  const value = fc
    .string({
      unit: fc.oneof(fc.constantFrom(...'\\,+"<>;=# '), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 })),
      minLength: 1,
      maxLength: 12,
    })
    .filter((text) => !text.includes('\0'))
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 4 }), (values) => {
      const dn = values.map((each) => `CN=${escaped(each)}`).join(',')
      expect(parseDn(dn)).toEqual(values.map((each) => `cn=${each}`.toLowerCase()))
    }),
  )
})

test('any text is a name or none, in no time', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('\\', ',', '=', ' ', 'a', 'C', 'N', '"', '1'), maxLength: 400 }), (text) => {
      const parts = parseDn(text)
      expect(parts === undefined || parts.length > 0).toBe(true)
    }),
  )
})
