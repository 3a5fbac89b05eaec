import fc from 'fast-check'
import { BerReader } from 'ldapts'
import { expect, test } from 'vitest'
import { BerError, children, integer, octets, readElement, readInteger } from './ber.ts'
import { decodeMessage } from './codec.ts'

test('octet strings of every length are what an independent reader reads', () => {
  for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
    const value = Buffer.alloc(length, 7)
    expect(new BerReader(octets(value)).readString(4, true)).toEqual(value)
    expect(readElement(octets(value), 0)?.element.content).toEqual(value)
  }
})

test('integers come back, in the fewest octets', () => {
  fc.assert(
    fc.property(fc.integer(), (value) => {
      const encoded = integer(value)
      expect(new BerReader(encoded).readInt()).toBe(value)
      expect(readInteger(children(encoded)[0]?.content ?? Buffer.alloc(0))).toBe(value)
    }),
  )
  expect([0, 127, 128, -128, -129].map((value) => integer(value).length)).toEqual([3, 3, 4, 3, 4])
})

test('a message is not there before its last octet', () => {
  const whole = octets(Buffer.alloc(300))
  for (let length = 0; length < whole.length; length += 1) expect(readElement(whole.subarray(0, length), 0)).toBeUndefined()
})

test.each([
  ['indefinite length', '30800000'],
  ['length of five octets', '30850000000001'],
  ['more than the greatest message', '3084ffffffff'],
])('%s', (_, hex) => {
  expect(() => readElement(Buffer.from(hex, 'hex'), 0)).toThrow(BerError)
})

test('any octets decode to a message or throw BerError, never anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        expect(decodeMessage(Buffer.from(bytes)).request.kind).toBeTypeOf('string')
      } catch (error) {
        expect(error).toBeInstanceOf(BerError)
      }
    }),
    { numRuns: 2000 },
  )
})
