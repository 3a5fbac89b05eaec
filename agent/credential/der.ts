/**
 * Writes DER (ITU-T X.690), as far as a self-signed certificate needs it. Nothing is read here: Node reads certificates.
 *
 * Written out because the library for it weighs 840 KB in the bundle and 15 MB in memory, for one certificate in six months.
 */

const tags = { integer: 0x02, bitString: 0x03, octetString: 0x04, null: 0x05, oid: 0x06, utf8: 0x0c, utc: 0x17, generalized: 0x18 }
const constructed = { sequence: 0x30, set: 0x31 }

/** Definite form, the shortest there is (X.690 section 10.1). */
function lengthOf({ length }: Buffer): Buffer {
  if (length < 0x80) return Buffer.of(length)
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return Buffer.of(0x80 | bytes.length, ...bytes)
}

const written = (tag: number, content: Buffer): Buffer => Buffer.concat([Buffer.of(tag), lengthOf(content), content])

export const sequence = (...parts: Buffer[]): Buffer => written(constructed.sequence, Buffer.concat(parts))
export const set = (...parts: Buffer[]): Buffer => written(constructed.set, Buffer.concat(parts))
/** `[tag] EXPLICIT`. */
export const explicit = (tag: number, content: Buffer): Buffer => written(0xa0 | tag, content)
export const octetString = (content: Buffer): Buffer => written(tags.octetString, content)
export const utf8 = (text: string): Buffer => written(tags.utf8, Buffer.from(text, 'utf8'))
export const nothing = (): Buffer => written(tags.null, Buffer.alloc(0))
export const yes = (): Buffer => Buffer.of(0x01, 0x01, 0xff)

/** `unused`: bits of the last byte that do not count. */
export const bitString = (content: Buffer, unused = 0): Buffer => written(tags.bitString, Buffer.concat([Buffer.of(unused), content]))

/** Not negative: the first bit is the sign, and a leading zero byte stands only where it is needed. */
export function integer(bytes: Buffer): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0)
  const shortest = first < 0 ? Buffer.of(0) : bytes.subarray(first)
  return written(tags.integer, (shortest[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), shortest]) : shortest)
}

export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  return written(tags.oid, Buffer.concat([first * 40 + second, ...rest].map(base128)))
}

function base128(value: number): Buffer {
  const bytes = [value % 128]
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift((rest % 128) | 0x80)
  return Buffer.from(bytes)
}

/** UTCTime through 2049, GeneralizedTime from 2050 on (RFC 5280 section 4.1.2.5). */
export function time(ms: number): Buffer {
  const digits = `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-T:]/g, '')}Z`
  return digits < '2050' ? written(tags.utc, Buffer.from(digits.slice(2))) : written(tags.generalized, Buffer.from(digits))
}
