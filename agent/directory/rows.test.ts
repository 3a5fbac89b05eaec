import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isFault } from '../../shared/fault.ts'
import { anyBytes, hostileText } from '../../test/hostile.ts'
import { allOf, bytesOf, guidDn, integerOf, rowOf, serverTimeIn, textOf } from './rows.ts'

const rowWith = (name: string, value: string | Buffer) => rowOf({ dn: 'DC=corp', [name]: Buffer.from(value as string) })
const digits = fc.oneof(
  fc.bigInt({ min: -(10n ** 21n), max: 10n ** 21n }).map(String),
  fc.constantFrom('-0', '00', `${2n ** 63n - 1n}`, `${2n ** 63n}`, `${-(2n ** 63n)}`, `${-(2n ** 63n) - 1n}`, '9'.repeat(20)),
  hostileText(30),
)

test('a number is one of 64 bits ([MS-ADTS] 3.1.1.2.2.2, LargeInteger), or none', () => {
  fc.assert(
    fc.property(digits, (text) => {
      const value = integerOf(rowWith('pwdLastSet', text), 'PWDLASTSET')
      const is = /^-?[0-9]{1,20}$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text)
      expect(value).toBe(is ? BigInt(text) : undefined)
    }),
    { numRuns: 500 },
  )
})

const two = (most: number) => fc.nat(most).map((number) => String(number).padStart(2, '0'))
const generalized = fc
  .tuple(
    fc.integer({ min: 0, max: 9_999 }).map((year) => String(year).padStart(4, '0')),
    two(13),
    two(32),
    two(24),
    two(61),
    two(61),
  )
  .chain((parts) => fc.constantFrom('.0Z', 'Z', '', '+0100').map((end) => parts.join('') + end))

test('a time is GeneralizedTime in UTC and after 1970, or refused; nothing else is guessed at', () => {
  fc.assert(
    fc.property(fc.oneof(generalized, digits, fc.date({ noInvalidDate: true }).map(String)), (text) => {
      try {
        const ms = serverTimeIn(rowWith('currentTime', text))
        expect(text).toMatch(/^\d{14}(\.\d+)?Z$/)
        const [year = '', month = '', day = '', ...time] = text.match(/^\d{4}|\d\d/g)?.slice(0, 6) ?? []
        const [hour = 0, minute = 0, second = 0] = time.map(Number)
        expect(ms).toBe(Date.UTC(Number(year), Number(month) - 1, Number(day), hour, minute, second))
        expect(ms).toBeGreaterThanOrEqual(0)
      } catch (error) {
        expect(isFault(error, 'DIRECTORY_REFUSED'), String(error)).toBe(true)
      }
    }),
    { numRuns: 500 },
  )
})

test.each(['1', '2026', '2026-11-22T17:57:03Z', 'Sun, 22 Nov 2026 17:57:03 GMT', '19691231235959.0Z', '20261340000000.0Z'])(
  'no time of a directory: %s',
  (text) => {
    expect(() => serverTimeIn(rowWith('currentTime', text))).toThrow(expect.toSatisfy((error) => isFault(error, 'DIRECTORY_REFUSED')))
  },
)

test('values of any name and number are bytes, and no name reaches beyond its row', () => {
  const value = fc.oneof(anyBytes(30), hostileText(30), fc.array(fc.oneof(anyBytes(30), hostileText(30)), { maxLength: 3 }))
  fc.assert(
    fc.property(fc.array(fc.tuple(hostileText(20), value), { maxLength: 5 }), (attributes) => {
      const entry = Object.fromEntries([['dn', 'DC=corp'], ...attributes])
      const row = rowOf(entry as Parameters<typeof rowOf>[0])
      for (const [name] of attributes) for (const each of allOf(row, name)) expect(Buffer.isBuffer(each)).toBe(true)
      for (const name of ['constructor', '__proto__', 'toString'].filter((each) => !Object.hasOwn(entry, each))) {
        expect([bytesOf(row, name), textOf(row, name)]).toEqual([undefined, undefined])
      }
    }),
  )
})

test('any 16 bytes have a name, and it is theirs alone', () => {
  const guid = anyBytes(16).map((bytes) => Buffer.concat([bytes, Buffer.alloc(16)]).subarray(0, 16))
  fc.assert(
    fc.property(guid, guid, (one, other) => {
      expect(guidDn(one)).toMatch(/^<GUID=[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}>$/)
      expect(guidDn(one) === guidDn(other)).toBe(one.equals(other))
    }),
  )
})
