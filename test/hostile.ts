/**
 * Bytes and texts that nobody should send: for properties, and for `npm run bench -- fuzz`.
 *
 * Random bytes alone hardly get past a first check. So there are also good samples that are bent in a few places, and CBOR with
 * everything its grammar allows and a payload does not: other spellings, wrong types, announced lengths that never come, depth.
 */
import { decode, encode } from 'cborg'
import fc from 'fast-check'

export const anyBytes = (maxLength: number): fc.Arbitrary<Buffer> => fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes))

/** Names that mean something to JavaScript. */
export const magicNames = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', 'length'] as const

/** Of few and of all characters, short and long: what makes a pattern go over its input again and again. */
export const hostileText = (maxLength: number): fc.Arbitrary<string> => {
  const character = fc.oneof(
    fc.constantFrom(...'\\,=+"<>#; \t\n\r@.-_%\'()*:/0aF\0'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  )
  const pump = fc.tuple(
    fc.string({ unit: character, maxLength: 4 }),
    fc.string({ unit: character, minLength: 1, maxLength: 4 }),
    fc.nat(maxLength),
  )
  return fc.oneof(
    fc.constantFrom(...magicNames),
    fc.string({ unit: character, maxLength: Math.min(maxLength, 60) }),
    fc
      .tuple(pump, fc.string({ unit: character, maxLength: 3 }))
      .map(([[head, part, times], tail]) => (head + part.repeat(times)).slice(0, maxLength) + tail),
  )
}

type Bend = (bytes: Buffer) => Buffer

const bend = (others: readonly Buffer[]): fc.Arbitrary<Bend> => {
  const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  const at = (bytes: Buffer, share: number) => Math.floor(share * bytes.length)
  const inserted = (bytes: Buffer, index: number, more: Uint8Array) =>
    Buffer.concat([bytes.subarray(0, index), more, bytes.subarray(index)])
  const value = fc.oneof(fc.constantFrom(0, 1, 0x17, 0x18, 0x1b, 0x5f, 0x7f, 0x80, 0x9b, 0xbf, 0xff), fc.nat(255))
  return fc.oneof(
    fc.tuple(place, fc.nat(7)).map(
      ([share, bit]): Bend =>
        (bytes) =>
          set(bytes, at(bytes, share), (old) => old ^ (1 << bit)),
    ),
    fc.tuple(place, value).map(
      ([share, to]): Bend =>
        (bytes) =>
          set(bytes, at(bytes, share), () => to),
    ),
    place.map(
      (share): Bend =>
        (bytes) =>
          bytes.subarray(0, at(bytes, share)),
    ),
    place.map(
      (share): Bend =>
        (bytes) =>
          bytes.subarray(at(bytes, share)),
    ),
    fc.tuple(place, anyBytes(40)).map(
      ([share, more]): Bend =>
        (bytes) =>
          inserted(bytes, at(bytes, share), more),
    ),
    fc.tuple(place, place).map(
      ([from, share]): Bend =>
        (bytes) =>
          inserted(bytes, at(bytes, share), bytes.subarray(at(bytes, from))),
    ),
    fc.tuple(fc.constantFrom(...others), place).map(
      ([other, share]): Bend =>
        (bytes) => {
          const index = at(bytes, share)
          return Buffer.concat([bytes.subarray(0, index), other.subarray(index)])
        },
    ),
  )
}

function set(bytes: Buffer, index: number, change: (old: number) => number): Buffer {
  const copy = Buffer.from(bytes)
  if (index < copy.length) copy[index] = change(copy[index] ?? 0)
  return copy
}

/** One to three changes: bits and bytes turned, cut, lengthened, a part doubled, the tail of another one put on. */
export const bends = (...others: [Buffer, ...Buffer[]]): fc.Arbitrary<Bend> =>
  fc.array(bend(others), { minLength: 1, maxLength: 3 }).map((all) => (bytes) => all.reduce((changed, each) => each(changed), bytes))

/** One of the samples, changed like that. */
export const bent = (...samples: [Buffer, ...Buffer[]]): fc.Arbitrary<Buffer> =>
  fc.tuple(fc.constantFrom(...samples), bends(...samples)).map(([sample, change]) => change(sample))

/** The head of a CBOR item, in its shortest spelling or in a longer one. */
function head(major: number, argument: bigint, widen = 0): Buffer {
  const shortest = argument < 24n ? 0 : argument < 0x100n ? 1 : argument < 0x10000n ? 2 : argument < 0x100000000n ? 4 : 8
  const width = [shortest, 1, 2, 4, 8].find((each) => each >= shortest && each >= widen) ?? 8
  if (width === 0) return Buffer.of((major << 5) | Number(argument))
  const bytes = Buffer.alloc(1 + width, (major << 5) | { 1: 24, 2: 25, 4: 26, 8: 27 }[width as 1 | 2 | 4 | 8])
  for (let index = width; index > 0; index--, argument >>= 8n) bytes[index] = Number(argument & 0xffn)
  return bytes
}

const widen = fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(1, 2, 4, 8) })
const argument = fc.oneof(
  fc.nat(30).map(BigInt),
  fc.constantFrom(255n, 256n, 65_535n, 65_536n, 600_001n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 64n - 1n),
)
const item = (major: number) => fc.tuple(argument, widen).map(([value, width]) => head(major, value, width))
const chunk = (major: number, content: fc.Arbitrary<Buffer>) =>
  fc.tuple(content, widen).map(([bytes, width]) => Buffer.concat([head(major, BigInt(bytes.length), width), bytes]))
const lengths = fc.constantFrom(0, 1, 8, 15, 16, 17, 25, 32, 64, 65, 255, 256)
const content = fc.oneof(
  anyBytes(20),
  lengths.map((length) => Buffer.alloc(length, 0x61)),
)
const words = fc.oneof(hostileText(70), fc.constantFrom('\ufeffx', 'AAECAwQFBgcICQoLDA0ODw==')).map((text) => Buffer.from(text))

/** Any item of CBOR, well-formed or nearly. */
export const hostileCbor: fc.Arbitrary<Buffer> = fc.letrec<{ any: Buffer; list: Buffer[] }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    item(0),
    item(1),
    chunk(2, content),
    chunk(3, fc.oneof(words, content)),
    fc.oneof(
      fc
        .constantFrom('f4', 'f5', 'f6', 'f7', 'ff', 'f97e00', 'f93c00', 'fb3ff0000000000000', 'f0', 'f820', 'fa7f800000')
        .map((hex) => Buffer.from(hex, 'hex')),
    ),
    // An announced length, and nothing behind it.
    fc.tuple(fc.constantFrom(2, 3, 4, 5), argument).map(([major, length]) => head(major, length)),
    fc
      .tuple(fc.constantFrom(0x81, 0xa1, 0xc2, 0x9f, 0xd8), fc.nat(950))
      .map(([byte, depth]) => Buffer.concat([Buffer.alloc(depth, byte), Buffer.of(0)])),
    tie('list').map((items) => Buffer.concat([head(4, BigInt(items.length)), ...items])),
    tie('list').map((items) => Buffer.concat([head(5, BigInt(items.length >> 1)), ...items.slice(0, items.length & ~1)])),
    fc.tuple(argument, tie('any')).map(([tag, inner]) => Buffer.concat([head(6, tag), inner])),
  ),
  list: fc.array(tie('any'), { maxLength: 6 }),
})).any

/** A map that was good until one or two of its entries were taken out, doubled, put elsewhere or given another value or key. */
export function distorted(payload: Uint8Array): fc.Arbitrary<Buffer> {
  const encoded = (value: unknown): Buffer => Buffer.from(encode(value))
  const good = [...(decode(payload, { useMaps: true }) as Map<unknown, unknown>)].map(
    ([key, value]): Pair => [encoded(key), encoded(value)],
  )
  const turn = fc.tuple(fc.nat(good.length - 1), fc.constantFrom(...turns), hostileCbor)
  return fc.array(turn, { minLength: 1, maxLength: 2 }).map((all) => {
    const entries = all.reduce<Pair[]>((pairs, [at, how, hostile]) => turned(pairs, at, how, hostile), good)
    return Buffer.concat([head(5, BigInt(entries.length)), ...entries.flat()])
  })
}

type Pair = [key: Buffer, value: Buffer]
const turns = ['drop', 'double', 'value', 'key', 'swap', 'first'] as const

function turned(pairs: Pair[], at: number, how: (typeof turns)[number], hostile: Buffer): Pair[] {
  const pair = pairs[at]
  if (pair === undefined) return pairs
  const [key, value] = pair
  const rest = pairs.filter((_, index) => index !== at)
  const other: Record<typeof how, Pair[]> = {
    drop: rest,
    double: [...pairs, pair],
    first: [pair, ...rest],
    swap: pairs.with(at, [value, key]),
    key: pairs.with(at, [hostile, value]),
    value: pairs.with(at, [key, hostile]),
  }
  return other[how]
}
