/** For the tests beside this file only: arbitrary descriptors, as any server might keep them. */
import fc from 'fast-check'
import { type Ace, encodeAce } from './ace.ts'
import { type Acl, controlBit, type Descriptor, decodeDescriptor, encodeDescriptor } from './descriptor.ts'
import { sidBytes } from './identifiers.ts'

export function sid(text: string): Buffer {
  const bytes = sidBytes(text)
  if (bytes === undefined) throw new Error('not a SID')
  return bytes
}

const bytes = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength }).map((each) => Buffer.from(each))
const guid = fc.option(bytes(16), { nil: undefined })
export const anySid = fc
  .tuple(fc.integer({ min: 1, max: 15 }), bytes(6), bytes(60))
  .map(([count, authority, numbers]) => Buffer.concat([Buffer.of(1, count), authority, numbers.subarray(0, 4 * count)]))

export const anyAce: fc.Arbitrary<Ace> = fc.record({
  kind: fc.constantFrom('allow' as const, 'deny' as const),
  flags: fc.integer({ min: 0, max: 255 }),
  mask: fc.integer({ min: 0, max: 0x000f_ffff }),
  objectType: guid,
  inheritedObjectType: guid,
  sid: anySid,
})

/** Of a type that nobody here knows. */
const strangeAce = fc.tuple(fc.constantFrom(2, 3, 4, 7, 9, 17, 255), bytes(0, 40)).map(([type, body]) => {
  const ace = Buffer.concat([Buffer.of(type, 0, 0, 0), body])
  ace.writeUInt16LE(ace.length, 2)
  return ace
})

const byte = fc.integer({ min: 0, max: 255 })
const anyAcl: fc.Arbitrary<Acl> = fc.record({
  revision: byte,
  sbz1: byte,
  sbz2: fc.integer({ min: 0, max: 0xffff }),
  aces: fc.array(fc.oneof(anyAce.map(encodeAce), strangeAce), { maxLength: 12 }),
  unused: bytes(0, 12),
})

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
export const anyDescriptor: fc.Arbitrary<Descriptor> = fc.record({
  revision: fc.constant(1),
  sbz1: byte,
  control: fc.integer({ min: 0, max: 0xffff }).map((bits) => bits | controlBit.selfRelative),
  owner: maybe(anySid),
  group: maybe(anySid),
  sacl: maybe(anyAcl),
  dacl: maybe(anyAcl),
})

/** A descriptor with these entries, through its bytes. */
export function descriptorWith(...aces: (Buffer | Partial<Ace>)[]): Descriptor {
  const list = aces.map((ace) => (Buffer.isBuffer(ace) ? ace : encodeAce({ ...plain, ...ace })))
  const dacl = { revision: 4, sbz1: 0, sbz2: 0, aces: list, unused: Buffer.alloc(0) }
  const control = controlBit.selfRelative | controlBit.daclPresent
  const none = { owner: undefined, group: undefined, sacl: undefined }
  return decodeDescriptor(encodeDescriptor({ revision: 1, sbz1: 0, control, ...none, dacl }))
}

const plain: Ace = {
  kind: 'allow',
  flags: 0,
  mask: 0x100,
  objectType: undefined,
  inheritedObjectType: undefined,
  sid: sid('S-1-5-21-1-2-3-1104'),
}
