import { encode } from 'cborg'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isFault } from './fault.ts'
import { bytes, constant, type Declaration, decodeShape, encodeShape, flag, list, optional, readKey, text, tuple, uint } from './shape.ts'

const declaration = {
  kind: [1, constant(7)],
  count: [2, uint(1_000)],
  when: [3, uint()],
  id: [4, bytes(16)],
  name: [5, text(16)],
  yes: [6, flag],
  many: [7, list(bytes(2), 1, 3)],
  pair: [30, tuple(uint(255), flag)],
  more: [300, optional(text(8))],
} as const satisfies Declaration

const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array))
const words = (maxBytes: number) =>
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: maxBytes })
    .filter((s) => s !== '' && !s.startsWith('\ufeff') && Buffer.byteLength(s) <= maxBytes)
const valid = fc.record(
  {
    kind: fc.constant(7 as const),
    count: fc.nat(1_000),
    when: fc.maxSafeNat(),
    id: octets(16),
    name: words(16),
    yes: fc.boolean(),
    many: fc.array(octets(2), { minLength: 1, maxLength: 3 }),
    pair: fc.tuple(fc.nat(255), fc.boolean()),
    more: words(8),
  },
  { requiredKeys: ['kind', 'count', 'when', 'id', 'name', 'yes', 'many', 'pair'] },
)

const sample = encodeShape(declaration, {
  kind: 7,
  count: 10,
  when: 1_800_000_000_000,
  id: Buffer.alloc(16, 1),
  name: 'name',
  yes: true,
  many: [Buffer.alloc(2)],
  pair: [1, false],
})

/** Undefined when it was refused, as it must be: by the one fault. */
function decoded(input: Uint8Array) {
  try {
    return decodeShape(declaration, input)
  } catch (error) {
    expect(isFault(error, 'ENVELOPE_REJECTED'), String(error)).toBe(true)
    return undefined
  }
}

describe('one spelling', () => {
  test('what was written is read again', () => {
    fc.assert(
      fc.property(valid, (values) => {
        expect(decodeShape(declaration, encodeShape(declaration, values))).toEqual(values)
      }),
    )
  })

  test('any bytes are refused, or are what would be written for what they say', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
        const values = decoded(input)
        if (values) expect(Buffer.from(encodeShape(declaration, values)).equals(input)).toBe(true)
      }),
    )
  })

  test('every change of one byte is refused, or is what would be written for what it says', () => {
    let accepted = 0
    for (let at = 0; at < sample.length; at++)
      for (let value = 0; value < 256; value++) {
        const mutated = Buffer.from(sample)
        mutated[at] = value
        const values = decoded(mutated)
        if (!values) continue
        accepted += 1
        expect(Buffer.from(encodeShape(declaration, values)).equals(mutated), `${value} at ${at}`).toBe(true)
      }
    expect(accepted).toBeGreaterThan(16 * 256)
  })

  test('no byte may be missing and none may follow', () => {
    for (let length = 0; length < sample.length; length++) expect(decoded(sample.subarray(0, length)), `${length} bytes`).toBeUndefined()
    for (let byte = 0; byte < 256; byte++) expect(decoded(Buffer.concat([sample, Buffer.of(byte)]))).toBeUndefined()
  })

  test.each<[string, string]>([
    ['nothing', ''],
    ['a list instead of a map', '80'],
    ['an empty map', 'a0'],
    ['a map of open length', 'bf0107ff'],
    ['the same key twice', 'a2010701'],
    ['a key as text', 'a161310107'],
    ['a tag around the map', 'd818a10107'],
  ])('%s is refused', (_, hex) => {
    expect(decoded(Buffer.from(hex, 'hex'))).toBeUndefined()
  })

  describe('other spellings of the same values', () => {
    const small = { count: [2, uint()], last: [3, optional(uint())] } as const satisfies Declaration
    test.each<[string, string]>([
      ['as it must be', 'a102182a'],
      ['the number in two bytes', 'a10219002a'],
      ['the number in four bytes', 'a1021a0000002a'],
      ['the number in eight bytes', 'a1021b000000000000002a'],
      ['the number as a float', 'a102fb4045000000000000'],
      ['the number as a half float', 'a102f95140'],
      ['the number as a big number', 'a102c2412a'],
      ['the key in two bytes', 'a11802182a'],
      ['the head of the map in two bytes', 'b80102182a'],
      ['keys in the wrong order', 'a2030002182a'],
      ['null for what may be absent', 'a202182a03f6'],
      ['undefined for what may be absent', 'a202182a03f7'],
      ['a number no JavaScript number holds', 'a1021b0020000000000000'],
      ['a negative number', 'a10220'],
    ])('%s', (why, hex) => {
      const read = () => decodeShape(small, Buffer.from(hex, 'hex'))
      if (why === 'as it must be') expect(read()).toEqual({ count: 42 })
      else expect(read).toThrow(expect.objectContaining({ code: 'ENVELOPE_REJECTED' }))
    })
  })
})

describe('bounds', () => {
  const good = decodeShape(declaration, sample)
  const keyOf = (name: keyof typeof declaration) => declaration[name][0]
  const bad: [keyof typeof declaration, string, unknown][] = [
    ['kind', 'another constant', 8],
    ['count', 'one too many', 1_001],
    ['count', 'negative', -1],
    ['count', 'a fraction', 0.5],
    ['count', 'text', '1'],
    ['id', '15 bytes', Buffer.alloc(15)],
    ['id', '17 bytes', Buffer.alloc(17)],
    ['id', 'text', 'x'.repeat(16)],
    ['name', 'empty', ''],
    ['name', '17 bytes', 'x'.repeat(17)],
    ['name', '9 letters of 18 bytes', 'ü'.repeat(9)],
    ['name', 'a byte order mark, which readers drop', '\ufeffname'],
    ['yes', 'a number', 1],
    ['many', 'none', []],
    ['many', 'four', [1, 2, 3, 4].map(() => Buffer.alloc(2))],
    ['many', 'one of another length', [Buffer.alloc(2), Buffer.alloc(3)]],
    ['pair', 'one', [1]],
    ['pair', 'three', [1, true, 1]],
    ['pair', 'the other way round', [true, 1]],
    ['more', 'too long', 'x'.repeat(9)],
  ]

  test.each(bad)('%s: %s is neither written nor read', (name, _, value) => {
    const broken = { ...good, [name]: value } as typeof good
    expect(() => encodeShape(declaration, broken)).toThrow(TypeError(`field ${name} is missing or out of bounds`))
    const raw = new Map(Object.entries(broken).map(([each, v]) => [keyOf(each as typeof name), v]))
    expect(decoded(encode(raw))).toBeUndefined()
  })

  test('a lone surrogate is not written', () => {
    expect(() => encodeShape(declaration, { ...good, name: '\ud83d' })).toThrow(TypeError)
  })

  test('bytes that are no UTF-8 are not read as text', () => {
    const at = Buffer.from(sample).indexOf('name')
    for (const byte of [0x80, 0xc3, 0xff, 0xed]) {
      const mutated = Buffer.from(sample)
      mutated[at] = byte
      expect(decoded(mutated)).toBeUndefined()
    }
  })

  test('what must be there must be there, and nothing that is not declared', () => {
    const without = (key: number) =>
      new Map(
        Object.entries(good)
          .map(([name, v]) => [keyOf(name as 'kind'), v] as const)
          .filter(([k]) => k !== key),
      )
    for (const name of Object.keys(good) as (keyof typeof good)[]) expect(decoded(encode(without(keyOf(name))))).toBeUndefined()
    expect(decoded(encode(without(-1)))).toEqual(good)
    expect(decoded(encode(without(-1).set(999 as 1, 1)))).toBeUndefined()
  })
})

test('one value may be looked at to choose the declaration', () => {
  expect(readKey(sample, 1)).toBe(7)
  expect(readKey(sample, 99)).toBeUndefined()
  expect(() => readKey(Buffer.from('80', 'hex'), 1)).toThrow(expect.objectContaining({ code: 'ENVELOPE_REJECTED' }))
})
