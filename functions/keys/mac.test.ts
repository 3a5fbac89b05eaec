import { createHmac, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type MacPurpose, openMacs } from './mac.ts'

const keys = new Map<string, Buffer>()
const keyOf = (purpose: MacPurpose, version: string) => keys.get(`${purpose} ${version}`)
const versions = ['0'.repeat(32), '1'.repeat(32)] as const
for (const version of versions) for (const purpose of ['code', 'flow-secret']) keys.set(`${purpose} ${version}`, randomBytes(32))
let current: string = versions[0]

async function subkey(purpose: MacPurpose): Promise<{ version: string; key: Buffer }>
async function subkey(purpose: MacPurpose, version: string): Promise<{ version: string; key: Buffer } | undefined>
async function subkey(purpose: MacPurpose, version = current) {
  const key = keyOf(purpose, version)
  return key && { version, key }
}
const macs = openMacs({ subkey })

describe('a MAC in place of a secret', () => {
  it('fits what it was made of, and nothing else', async () => {
    const stored = await macs.make('code', ['flow', 'nonce', '12345678'])
    expect(await macs.fits(stored, 'code', ['flow', 'nonce', '12345678'])).toBe(true)
    const others = [
      ['flow', 'nonce', '12345679'],
      ['flow', 'nonce'],
      ['flow', 'nonce', '12345678', ''],
      ['nonce', 'flow', '12345678'],
      ['flown', 'once', '12345678'],
      ['flow', 'nonce12345678'],
      ['flow5:nonce8:12345678'],
      [],
    ]
    for (const parts of others) expect(await macs.fits(stored, 'code', parts)).toBe(false)
    expect(await macs.fits(stored, 'flow-secret', ['flow', 'nonce', '12345678'])).toBe(false)
  })

  it('is HMAC-SHA-256 over length-prefixed parts, with its key’s version before it', async () => {
    const stored = await macs.make('code', ['é', ''])
    const expected = createHmac('sha256', keyOf('code', versions[0]) ?? '')
      .update('2:é0:')
      .digest('base64url')
    expect(stored).toBe(`${versions[0]}.${expected}`)
  })

  it('fits through a rollover, until its version is disabled', async () => {
    const stored = await macs.make('code', ['a'])
    current = versions[1]
    expect((await macs.make('code', ['a'])).startsWith(versions[1])).toBe(true)
    expect(await macs.fits(stored, 'code', ['a'])).toBe(true)
    keys.delete(`code ${versions[0]}`)
    expect(await macs.fits(stored, 'code', ['a'])).toBe(false)
  })

  it.each(['', '.', `${versions[1]}.`, `${versions[1]}.AAAA`, `${'2'.repeat(32)}.AAAA`, 'no dot', `.${'A'.repeat(43)}`])(
    'that is none (%s) fits nothing',
    async (stored) => {
      expect(await macs.fits(stored, 'code', ['a'])).toBe(false)
    },
  )
})
