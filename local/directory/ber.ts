/**
 * The few octets of BER that LDAP uses (RFC 4511 §5.1, X.690): definite lengths, primitive strings, one-byte tags.
 *
 * Written here and not taken from the client's library, so that a mistake in its codec cannot hide on both ends of the
 * wire. Reading never guesses: anything truncated or oversized throws `BerError`, and the session ends (RFC 4511 §4.1.1).
 */

export class BerError extends Error {
  override readonly name = 'BerError'
}

export interface Element {
  tag: number
  content: Buffer
}

export const universal = { boolean: 0x01, integer: 0x02, octets: 0x04, enumerated: 0x0a, sequence: 0x30, set: 0x31 } as const

/** Windows' MaxReceiveBuffer default: longer messages end the connection. */
export const maxMessageBytes = 10 * 1024 * 1024

/** The element at `offset` and where the next one starts; undefined while bytes are missing. */
export function readElement(buffer: Buffer, offset: number): { element: Element; next: number } | undefined {
  const tag = buffer[offset]
  const first = buffer[offset + 1]
  if (tag === undefined || first === undefined) return undefined
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f
  if (first === 0x80 || lengthBytes > 4) throw new BerError('length is indefinite or longer than 4 bytes')
  const start = offset + 2 + lengthBytes
  if (start > buffer.length) return undefined
  const length = lengthBytes === 0 ? first : buffer.readUIntBE(offset + 2, lengthBytes)
  if (length > maxMessageBytes) throw new BerError(`length is ${length} bytes, more than ${maxMessageBytes}`)
  if (start + length > buffer.length) return undefined
  return { element: { tag, content: buffer.subarray(start, start + length) }, next: start + length }
}

/** All elements inside a constructed element's content. */
export function children(content: Buffer): Element[] {
  const found: Element[] = []
  for (let offset = 0; offset < content.length; ) {
    const read = readElement(content, offset)
    if (read === undefined) throw new BerError(`element at byte ${offset} of ${content.length} is truncated`)
    found.push(read.element)
    offset = read.next
  }
  return found
}

/** The element at `index`, which must be there and carry `tag`. */
export function contentAt(elements: readonly Element[], index: number, tag: number): Buffer {
  const element = elements[index]
  if (element?.tag !== tag) throw new BerError(`element ${index} has tag ${element?.tag ?? 'none'}, expected ${tag}`)
  return element.content
}

export function readInteger(content: Buffer): number {
  if (content.length < 1 || content.length > 6) throw new BerError(`integer has ${content.length} bytes, expected 1 to 6`)
  return content.readIntBE(0, content.length)
}

/** LDAPString (RFC 4511 §4.1.2). */
export const readText = (content: Buffer): string => content.toString('utf8')

function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length)
  const bytes = length < 0x100 ? 1 : length < 0x10000 ? 2 : length < 0x1000000 ? 3 : 4
  const octets = Buffer.alloc(1 + bytes, 0x80 | bytes)
  octets.writeUIntBE(length, 1, bytes)
  return octets
}

export const octets = (value: Buffer | string, tag: number = universal.octets): Buffer => {
  const content = typeof value === 'string' ? Buffer.from(value, 'utf8') : value
  return Buffer.concat([Buffer.of(tag), lengthOctets(content.length), content])
}

export const constructed = (tag: number, ...parts: Buffer[]): Buffer => octets(Buffer.concat(parts), tag)

export function integer(value: number, tag: number = universal.integer): Buffer {
  const content = Buffer.alloc(6)
  content.writeIntBE(value, 0, 6)
  let skip = 0
  // Fewest octets: a leading 00 or FF goes as long as the sign stays (X.690 §8.3.2).
  while (skip < 5 && content.readInt8(skip) === content.readInt8(skip + 1) >> 7) skip += 1
  return octets(content.subarray(skip), tag)
}
