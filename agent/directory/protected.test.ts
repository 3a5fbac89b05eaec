import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anyBytes, bent } from '../../test/hostile.ts'
import { startBending } from './bending.fixture.ts'
import { authority, host, type Sample, startSample } from './directory.fixture.ts'
import { isProtectedSid, protectedRids } from './protected.ts'

function sid(...numbers: number[]): Buffer {
  const bytes = Buffer.alloc(8 + 4 * numbers.length)
  bytes.set([1, numbers.length, 0, 0, 0, 0, 0, 5])
  numbers.forEach((number, at) => {
    bytes.writeUInt32LE(number, 8 + 4 * at)
  })
  return bytes
}
const inDomain = (rid: number) => sid(21, 3_000_000_001, 2, 3, rid)
const builtin = (rid: number) => sid(32, rid)

test.each(Object.entries(protectedRids.domain))('in a domain: %s, %s', (rid) => {
  expect(isProtectedSid(inDomain(Number(rid)))).toBe(true)
  expect(isProtectedSid(builtin(Number(rid)))).toBe(false)
})

test.each(Object.entries(protectedRids.builtin))('built in: %s, %s', (rid) => {
  expect(isProtectedSid(builtin(Number(rid)))).toBe(true)
  expect(isProtectedSid(inDomain(Number(rid)))).toBe(false)
})

describe('not protected', () => {
  test.each([
    ['Domain Users', inDomain(513)],
    ['Domain Computers', inDomain(515)],
    ['BUILTIN\\Users', builtin(545)],
    ['Remote Desktop Users', builtin(555)],
    ['an ordinary account', inDomain(1512)],
    ['Everyone', Buffer.from([1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0])],
    ['another authority', Buffer.from([1, 2, 0, 0, 0, 0, 0, 1, 32, 0, 0, 0, 0x20, 2, 0, 0])],
    ['NT SERVICE with a protected number', sid(80, 1, 2, 3, 512)],
    ['a shorter SID under 21', sid(21, 512)],
    ['a longer SID under 32', sid(32, 1, 544)],
  ])('%s', (_, bytes) => {
    expect(isProtectedSid(bytes)).toBe(false)
  })
})

const noSid = expect.objectContaining({ code: 'DIRECTORY_CONFIGURATION' })

test.each([
  ['cut short', inDomain(512).subarray(0, 20)],
  ['with something behind it', Buffer.concat([inDomain(513), Buffer.alloc(4)])],
  ['of another revision', Buffer.concat([Buffer.of(2), inDomain(513).subarray(1)])],
  ['of no numbers', sid()],
  ['of sixteen numbers', sid(...Array.from({ length: 16 }, () => 21))],
  ['nothing', Buffer.alloc(0)],
])('what is no SID is a fault, and not "not protected": %s', (_, bytes) => {
  expect(() => isProtectedSid(bytes)).toThrow(noSid)
})

test('of any bytes: protected only under the two authorities that are meant', () => {
  const good = [inDomain(512), inDomain(513), builtin(544), builtin(545)] as const
  fc.assert(
    fc.property(fc.oneof(anyBytes(80), bent(...good)), (bytes) => {
      const numbers = bytes[1] ?? 0
      if (bytes[0] !== 1 || numbers < 1 || numbers > 15 || bytes.length !== 8 + 4 * numbers) {
        expect(() => isProtectedSid(bytes)).toThrow(noSid)
        return
      }
      const [first, rid] = [8, bytes.length - 4].map((at) => (at >= 0 && at + 4 <= bytes.length ? bytes.readUInt32LE(at) : -1))
      const kind = first === 21 ? protectedRids.domain : first === 32 ? protectedRids.builtin : {}
      const length = first === 21 ? 28 : 16
      const authority = bytes.subarray(2, 8).equals(Buffer.from([0, 0, 0, 0, 0, 5]))
      expect(isProtectedSid(bytes)).toBe(
        authority && bytes.length === length && bytes[1] === (length - 8) / 4 && Object.hasOwn(kind, rid ?? -1),
      )
    }),
    { numRuns: 1_000 },
  )
})

describe('in the directory', () => {
  let sample: Sample
  beforeAll(async () => {
    sample = await startSample()
  })
  afterAll(() => sample.close())

  test.each([
    ['alice.adams', false],
    ['mallory.other', false],
    ['heidi.admin', true],
    ['ivan.nested', true],
  ])('%s is protected: %s', async (sam, expected) => {
    expect(await sample.find(sam)).toMatchObject({ protected: expected })
  })

  test('a member by nesting has no adminCount yet', async () => {
    expect(sample.person('ivan.nested').traits).toEqual(['nestedProtected'])
    const { dn } = sample.person('ivan.nested')
    sample.server.control.setAttributes(dn, { adminCount: null })
    expect(await sample.find('ivan.nested')).toMatchObject({ protected: true })
  })

  test('of somebody with a group that is no SID nobody can say that they are not protected', async () => {
    const certificate = await authority.issue({ commonName: host, dnsNames: [host], ipAddresses: [] })
    const controller = sample.own(await startBending(certificate, Number(new URL(sample.server.addresses.ldap ?? '').port)))
    controller.bend({
      entry: (attributes) =>
        attributes.map((each) =>
          each.name.toLowerCase() === 'tokengroups' ? { ...each, values: [...each.values, inDomain(512).subarray(0, 20)] } : each,
        ),
    })
    const directory = sample.open({ addresses: { [host]: `127.0.0.1:${controller.port}` } })
    await expect(sample.find('alice.adams', directory)).rejects.toEqual(noSid)
  })

  test('the built-in administrator is protected without any mark', async () => {
    const { dn } = sample.server.forest.administrator
    sample.server.control.setAttributes(dn, { adminCount: null })
    expect(await sample.find(dn)).toMatchObject({ protected: true })
  })
})
