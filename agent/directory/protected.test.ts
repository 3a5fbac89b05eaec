import { describe, expect, test } from 'vitest'
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
    ['cut short', inDomain(512).subarray(0, 20)],
    ['nothing', Buffer.alloc(0)],
  ])('%s', (_, bytes) => {
    expect(isProtectedSid(bytes)).toBe(false)
  })
})
