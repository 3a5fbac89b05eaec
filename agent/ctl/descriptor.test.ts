import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isFault } from '../../shared/fault.ts'
import { encodeAce, viewAce } from './ace.ts'
import { anyAce, anyDescriptor, descriptorWith } from './descriptor.fixture.ts'
import { decodeDescriptor, encodeDescriptor, withAces } from './descriptor.ts'

/** O:BA G:BA D:(A;;RPWP;;;WD), self-relative, its parts in this program's order. */
const administrators = '01020000000000052000000020020000'
const everyoneReads = '0000140030000000010100000000000100000000'
const sample = Buffer.from(
  `01000480${'14000000'}${'24000000'}${'00000000'}${'34000000'}${administrators}${administrators}02001c0001000000${everyoneReads}`,
  'hex',
)

const refused = expect.toSatisfy((error) => isFault(error, 'DIRECTORY_REFUSED'))

test('a descriptor written by hand', () => {
  const { owner, group, sacl, dacl, control } = decodeDescriptor(sample)
  expect([owner, group].map((each) => each?.toString('hex'))).toEqual([administrators, administrators])
  expect(sacl).toBeUndefined()
  expect(dacl?.aces.map((ace) => ace.toString('hex'))).toEqual([everyoneReads])
  expect(control).toBe(0x8004)
  expect(encodeDescriptor(decodeDescriptor(sample))).toEqual(sample)
})

test('whatever was encoded decodes to the same, and encodes to the same bytes', () => {
  fc.assert(
    fc.property(anyDescriptor, (descriptor) => {
      const bytes = encodeDescriptor(descriptor)
      expect(decodeDescriptor(bytes)).toEqual(descriptor)
      expect(encodeDescriptor(decodeDescriptor(bytes)).equals(bytes)).toBe(true)
    }),
  )
})

test('an entry there and back', () => {
  fc.assert(fc.property(anyAce, (ace) => void expect(viewAce(encodeAce(ace))).toEqual(ace)))
})

describe('strict', () => {
  test('nothing shorter than the sample is accepted', () => {
    for (let length = 0; length < sample.length; length++) {
      expect(() => decodeDescriptor(sample.subarray(0, length)), String(length)).toThrow(refused)
    }
  })

  test.each([
    ['of another revision', 0, '02'],
    ['not self-relative', 3, '00'],
    ['an owner inside the header', 4, '08000000'],
    ['an owner beyond the end', 4, '50000000'],
    ['an owner that is no SID', 20, '02'],
    ['a list beyond the end', 16, 'ffffffff'],
    ['a list longer than what is there', 54, '1d00'],
    ['a list shorter than its header', 54, '0700'],
    ['more entries than the list has room for', 56, '0200'],
    ['an entry longer than its list', 62, '1500'],
    ['an entry without a length', 62, '0000'],
    ['an entry whose SID is longer than it', 69, '02'],
    ['an entry that lacks its identifiers', 60, '05'],
  ])('%s', (_, at, hex) => {
    const broken = Buffer.from(sample)
    Buffer.from(hex, 'hex').copy(broken, at)
    expect(() => decodeDescriptor(broken)).toThrow(refused)
  })

  test('any bytes are refused or read, never anything else', () => {
    const bytes = fc.uint8Array({ maxLength: 120 })
    const damaged = fc
      .tuple(anyDescriptor.map(encodeDescriptor), fc.nat(), fc.integer({ min: 0, max: 255 }))
      .map(([whole, at, value]) => whole.with(at % whole.length, value))
    fc.assert(
      fc.property(fc.oneof(bytes, damaged), (each) => {
        try {
          const descriptor = decodeDescriptor(Buffer.from(each))
          expect(decodeDescriptor(encodeDescriptor(descriptor))).toEqual(descriptor)
        } catch (error) {
          expect(error).toSatisfy((fault) => isFault(fault, 'DIRECTORY_REFUSED'))
        }
      }),
      { numRuns: 500 },
    )
  })

  test('a list that would be too long is not written', () => {
    const many = withAces(descriptorWith(), Array<Buffer>(3300).fill(Buffer.from(everyoneReads, 'hex')))
    expect(() => encodeDescriptor(many)).toThrow(expect.toSatisfy((error) => isFault(error, 'INPUT_REFUSED')))
  })
})

test('an edit sends the list alone; every other entry keeps its bytes', () => {
  const strange = Buffer.from('1100080001020304', 'hex')
  const present = descriptorWith(Buffer.from(everyoneReads, 'hex'), strange)
  const added = Buffer.from(everyoneReads.replace(/^00/, '01'), 'hex')
  const edited = decodeDescriptor(
    encodeDescriptor(withAces({ ...present, owner: added.subarray(8) }, [added, ...(present.dacl?.aces ?? [])])),
  )
  expect(edited.owner).toBeUndefined()
  expect(edited.dacl?.aces.map((ace) => ace.toString('hex'))).toEqual([added.toString('hex'), everyoneReads, strange.toString('hex')])
})
