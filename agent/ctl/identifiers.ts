/**
 * SIDs and GUIDs between their bytes and the text administrators know them by. One spelling each way; what is no identifier is
 * `undefined`, never a guess.
 *
 * SID: [MS-DTYP] 2.4.2.2: revision 1, count, 48-bit authority (big-endian), then up to 15 numbers of 32 bits (little-endian).
 * GUID: [MS-DTYP] 2.3.4: the first three fields are little-endian, the rest is as written.
 */

const sidHeaderLength = 8
const mostSubAuthorities = 15

/** The bytes of the SID that starts at the beginning of `bytes`; undefined if there is none or it is cut short. */
export function sidAtStart(bytes: Buffer): Buffer | undefined {
  const count = bytes[1] ?? 0
  const length = sidHeaderLength + 4 * count
  if (bytes[0] !== 1 || count < 1 || count > mostSubAuthorities || bytes.length < length) return undefined
  return bytes.subarray(0, length)
}

export const isSid = (bytes: Buffer): boolean => sidAtStart(bytes)?.length === bytes.length

/** `bytes` must be a SID. */
export function sidText(bytes: Buffer): string {
  const numbers = Array.from({ length: bytes.readUInt8(1) }, (_, index) => bytes.readUInt32LE(sidHeaderLength + 4 * index))
  return ['S-1', bytes.readUIntBE(2, 6), ...numbers].join('-')
}

/** `S-1-5-21-…`, decimal numbers. */
export function sidBytes(text: string): Buffer | undefined {
  const match = /^S-1-(\d{1,10})((?:-\d{1,10}){1,15})$/i.exec(text)
  const numbers = match?.[2]?.slice(1).split('-').map(Number) ?? []
  const authority = Number(match?.[1])
  if (match === null || [authority, ...numbers].some((number) => number > 0xffff_ffff)) return undefined
  const bytes = Buffer.alloc(sidHeaderLength + 4 * numbers.length)
  bytes.writeUInt8(1, 0)
  bytes.writeUInt8(numbers.length, 1)
  bytes.writeUIntBE(authority, 2, 6)
  for (const [index, number] of numbers.entries()) bytes.writeUInt32LE(number, sidHeaderLength + 4 * index)
  return bytes
}

export const guidLength = 16
const guidOrder = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15]
const swapped = (bytes: Buffer): Buffer => Buffer.from(guidOrder.map((at) => bytes.readUInt8(at)))

/** `bytes`: 16 of them. */
export function guidText(bytes: Buffer): string {
  return swapped(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** @throws TypeError: identifiers are constants of this program, not input. */
export function guidBytes(text: string): Buffer {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) throw new TypeError('not a GUID in its dashed form')
  return swapped(Buffer.from(text.replaceAll('-', ''), 'hex'))
}
