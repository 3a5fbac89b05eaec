import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decrypt, encrypt, type Place } from './contents.ts'

const key = randomBytes(32)
const here: Place = ['methods', 'person-1', 'totp', '0'.repeat(32)]

describe('the text of a row', () => {
  it('comes back as it was, and is another each time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const [one, other] = [encrypt(key, here, text), encrypt(key, here, text)]
        expect([decrypt(key, here, one), decrypt(key, here, other)]).toEqual([text, text])
        expect(one).not.toBe(other)
      }),
    )
  })

  it.each<[string, Place]>([
    ['of another table', ['flows', 'person-1', 'totp', '0'.repeat(32)]],
    ['of another person', ['methods', 'person-2', 'totp', '0'.repeat(32)]],
    ['of another method', ['methods', 'person-1', 'totp-pending', '0'.repeat(32)]],
    ['under another version', ['methods', 'person-1', 'totp', '1'.repeat(32)]],
    ['whose names meet elsewhere', ['methods', 'person-1totp', '', '0'.repeat(32)]],
  ])('opens in no place %s', (_, place) => {
    expect(decrypt(key, place, encrypt(key, here, 'secret'))).toBeUndefined()
  })

  it('opens under no other key, and not when a bit was changed or an end is missing', () => {
    const sealed = Buffer.from(encrypt(key, here, 'secret'), 'base64url')
    expect(decrypt(randomBytes(32), here, sealed.toString('base64url'))).toBeUndefined()
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(decrypt(key, here, changed.toString('base64url'))).toBeUndefined()
      expect(decrypt(key, here, sealed.subarray(0, at).toString('base64url'))).toBeUndefined()
    }
  })
})
