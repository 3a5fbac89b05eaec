/**
 * A CBOR map with small integer keys, declared once and used for writing, reading and checking.
 *
 * A declaration is data: field name -> [key, type]. Reading is strict: CBOR in its one deterministic spelling (RFC 8949
 * section 4.2), no unknown or duplicate keys, every value within its bounds. Whatever does not fit is ENVELOPE_REJECTED.
 */
import { decode, encode } from 'cborg'
import { rejected } from './envelope.ts'

/** What may stand in a field: `fits` checks the decoded CBOR value, `read` gives it back as the program wants it. */
export interface FieldType<T> {
  fits(value: unknown): boolean
  read(value: unknown): T
  optional?: boolean
}

export const uint = (max: number = Number.MAX_SAFE_INTEGER): FieldType<number> => ({
  fits: (v) => typeof v === 'number' && Number.isSafeInteger(v) && v >= 0 && v <= max,
  read: (v) => v as number,
})

export const bytes = (length: number): FieldType<Buffer> => ({
  fits: (v) => v instanceof Uint8Array && v.length === length,
  read: (v) => Buffer.from(v as Uint8Array),
})

/** UTF-8 text of 1 to `maxBytes` bytes. No byte order mark in front: decoders drop it. */
export const text = (maxBytes: number): FieldType<string> => ({
  fits: (v) => typeof v === 'string' && /^[^\ufeff]/.test(v) && v.isWellFormed() && Buffer.byteLength(v) <= maxBytes,
  read: (v) => v as string,
})

export const flag: FieldType<boolean> = { fits: (v) => typeof v === 'boolean', read: (v) => v as boolean }

export const constant = <const T extends number>(value: T): FieldType<T> => ({ fits: (v) => v === value, read: (v) => v as T })

export const list = <T>(type: FieldType<T>, min: number, max: number): FieldType<T[]> => ({
  fits: (v) => Array.isArray(v) && v.length >= min && v.length <= max && v.every((item) => type.fits(item)),
  read: (v) => (v as unknown[]).map((item) => type.read(item)),
})

/** A fixed sequence, e.g. a small record without keys. */
export const tuple = <const T extends readonly FieldType<unknown>[]>(...types: T): FieldType<{ -readonly [I in keyof T]: Read<T[I]> }> => ({
  fits: (v) => Array.isArray(v) && v.length === types.length && types.every((type, i) => type.fits(v[i])),
  read: (v) => types.map((type, i) => type.read((v as unknown[])[i])) as { -readonly [I in keyof T]: Read<T[I]> },
})

export const optional = <T>(type: FieldType<T>): FieldType<T> & { optional: true } => ({ ...type, optional: true })

type Read<F> = F extends FieldType<infer T> ? T : never
export type Declaration = Readonly<Record<string, readonly [key: number, type: FieldType<unknown>]>>
type OptionalNames<D extends Declaration> = { [N in keyof D]: D[N][1] extends { optional: true } ? N : never }[keyof D]
export type Shaped<D extends Declaration> = { [N in Exclude<keyof D, OptionalNames<D>>]: Read<D[N][1]> } & {
  [N in OptionalNames<D>]?: Read<D[N][1]> | undefined
}

/** Throws TypeError, naming the field, if the caller breaks its own declaration. */
export function encodeShape<D extends Declaration>(declaration: D, values: Shaped<D>): Uint8Array {
  const map = new Map<number, unknown>()
  for (const [name, [key, type]] of Object.entries(declaration)) {
    const value = (values as Record<string, unknown>)[name]
    if (value === undefined && type.optional) continue
    if (!type.fits(value)) throw new TypeError(`field ${name} is missing or out of bounds`)
    map.set(key, value)
  }
  return encode(map)
}

export function decodeShape<D extends Declaration>(declaration: D, input: Uint8Array): Shaped<D> {
  const map = decodeStrictly(input)
  const out: Record<string, unknown> = {}
  for (const [name, [key, type]] of Object.entries(declaration)) {
    const value = map.get(key)
    map.delete(key)
    if (value === undefined && type.optional) continue
    if (!type.fits(value)) throw rejected()
    out[name] = type.read(value)
  }
  if (map.size > 0) throw rejected()
  return out as Shaped<D>
}

/** One value, to choose a declaration by. The rest is as unchecked as before. */
export const readKey = (input: Uint8Array, key: number): unknown => decodeStrictly(input).get(key)

function decodeStrictly(input: Uint8Array): Map<unknown, unknown> {
  let value: unknown
  try {
    value = decode(input, {
      useMaps: true,
      strict: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowNaN: false,
      allowInfinity: false,
      rejectDuplicateMapKeys: true,
    })
  } catch {
    throw rejected()
  }
  if (!(value instanceof Map) || ![...value.keys()].every(Number.isSafeInteger) || [...value.values()].some(holdsMap)) throw rejected()
  // Writing it again and comparing refuses every other spelling (key order, float for integer) in one statement.
  if (!Buffer.from(encode(value)).equals(input)) throw rejected()
  return value
}

/** No field is a map, and cborg's writer complains on the console of maps whose keys are lists or maps. */
const holdsMap = (value: unknown): boolean => (Array.isArray(value) ? value.some(holdsMap) : value instanceof Map)
