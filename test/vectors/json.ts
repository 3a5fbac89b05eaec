/** How vectors write bytes in JSON: as in CBOR's diagnostic notation (RFC 8949 section 8), `h'0102'`. */

export const hexText = (bytes: Uint8Array): string => `h'${Buffer.from(bytes).toString('hex')}'`

const bytesPattern = /^h'((?:[0-9a-f]{2})*)'$/

export const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, v) => (isBufferJson(v) ? hexText(Buffer.from(v.data)) : v instanceof Uint8Array ? hexText(v) : v), 2)

export const fromJson = (text: string): unknown =>
  JSON.parse(text, (_, v) => {
    const hex = typeof v === 'string' ? bytesPattern.exec(v)?.[1] : undefined
    return hex === undefined ? v : Buffer.from(hex, 'hex')
  })

/** Buffer has its own toJSON, which runs before any replacer. */
const isBufferJson = (v: unknown): v is { type: 'Buffer'; data: number[] } =>
  typeof v === 'object' && v !== null && 'type' in v && v.type === 'Buffer' && 'data' in v && Array.isArray(v.data)
