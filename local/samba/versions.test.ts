import { expect, test } from 'vitest'
import { passwordVersion } from './versions.ts'

function metadata(...records: [attribute: number, version: number][]): Buffer {
  const bytes = Buffer.alloc(16 + 48 * records.length)
  bytes.writeUInt32LE(1, 0)
  bytes.writeUInt32LE(records.length, 8)
  for (const [index, [attribute, version]] of records.entries()) {
    bytes.writeUInt32LE(attribute, 16 + 48 * index)
    bytes.writeUInt32LE(version, 20 + 48 * index)
  }
  return bytes
}

test.each([
  ['the third version', metadata([0x3, 1], [0x9005a, 3], [0x90060, 7]), 3],
  ['never written', metadata([0x3, 1]), 0],
  ['nothing at all', Buffer.alloc(0), 0],
  ['cut short', metadata([0x9005a, 3]).subarray(0, 40), 0],
])('%s', (_, bytes, expected) => {
  expect(passwordVersion(bytes)).toBe(expected)
})
