/**
 * Object identifiers between octets and text: GUIDs ([MS-DTYP] 2.3.4: the first three fields are little-endian) and SIDs
 * ([MS-DTYP] 2.4.2), and times between milliseconds, FILETIME (100 ns since 1601, UTC) and GeneralizedTime.
 */

const guidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

const swapGuidFields = (octets: Buffer): Buffer =>
  Buffer.concat([
    octets.subarray(0, 4).toReversed(),
    octets.subarray(4, 6).toReversed(),
    octets.subarray(6, 8).toReversed(),
    octets.subarray(8),
  ])

export function guidText(octets: Buffer): string {
  const hex = swapGuidFields(octets).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** From the dashed form, or from the 32 hex digits of the octets as stored: both stand in `<GUID=…>` ([MS-ADTS] 3.1.1.3.1.2.4). */
export function guidOctets(text: string): Buffer | undefined {
  if (guidPattern.test(text)) return swapGuidFields(Buffer.from(text.replaceAll('-', ''), 'hex'))
  return /^[0-9a-f]{32}$/i.test(text) ? Buffer.from(text, 'hex') : undefined
}

/** `S-1-5-21-…` to octets; the authority is always 5 (NT) or smaller than 2^32 here. */
export function sidOctets(text: string): Buffer | undefined {
  const match = /^S-1-(\d+)((?:-\d+)+)$/i.exec(text)
  if (match === null) return undefined
  const parts = (match[2] ?? '').slice(1).split('-').map(Number)
  if (parts.some((part) => part > 0xffffffff)) return undefined
  const octets = Buffer.alloc(8 + 4 * parts.length)
  octets.writeUInt8(1, 0)
  octets.writeUInt8(parts.length, 1)
  octets.writeUIntBE(Number(match[1]), 2, 6)
  for (const [index, part] of parts.entries()) octets.writeUInt32LE(part, 8 + 4 * index)
  return octets
}

export function sidText(octets: Buffer): string {
  const parts = Array.from({ length: octets.readUInt8(1) }, (_, index) => octets.readUInt32LE(8 + 4 * index))
  return ['S-1', octets.readUIntBE(2, 6), ...parts].join('-')
}

const unixEpochAsFiletime = 116_444_736_000_000_000n

/** "Never", of accountExpires and of the negative intervals of a policy. */
export const neverFiletime = 0x7fff_ffff_ffff_ffffn
export const neverInterval = -0x8000_0000_0000_0000n

export const filetime = (ms: number): bigint => BigInt(Math.floor(ms)) * 10_000n + unixEpochAsFiletime
export const filetimeMs = (value: bigint): number => Number((value - unixEpochAsFiletime) / 10_000n)

/** Policy intervals are stored as negative counts of 100 ns. `Infinity` is "never". */
export const interval = (ms: number): bigint => (ms === Number.POSITIVE_INFINITY ? neverInterval : BigInt(Math.floor(ms)) * -10_000n)
export const intervalMs = (value: bigint): number => (value === neverInterval ? Number.POSITIVE_INFINITY : Number(value / -10_000n))

/** `20261122171400.0Z` ([MS-ADTS] 3.1.1.3.4.1, RFC 4517 §3.3.13). */
export const generalizedTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-T:]/g, '')}.0Z`
