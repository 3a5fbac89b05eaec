/**
 * HMACs in place of secrets: a flow's secret and a mailed code are stored only as these.
 *
 * Under a subkey of the state key per purpose; the version that made one travels with it (`version.mac`), so that it
 * still fits while a rollover's overlap lasts. Parts are length-prefixed: no two lists of parts share an encoding.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { SecretKey } from '../../shared/secret.ts'

export type MacPurpose = 'flow-secret' | 'code'

export interface MacKeys {
  subkey(purpose: MacPurpose): Promise<{ version: string; key: SecretKey }>
  subkey(purpose: MacPurpose, version: string): Promise<{ version: string; key: SecretKey } | undefined>
}

export interface Macs {
  make(purpose: MacPurpose, parts: readonly string[]): Promise<string>
  /** Constant-time. False for a version that is unknown or disabled. */
  fits(stored: string, purpose: MacPurpose, parts: readonly string[]): Promise<boolean>
}

export const openMacs = (keys: MacKeys): Macs => ({
  async make(purpose, parts) {
    const { version, key } = await keys.subkey(purpose)
    return `${version}.${hmac(key, parts).toString('base64url')}`
  },
  async fits(stored, purpose, parts) {
    const [version = '', mac = ''] = stored.split('.')
    const found = await keys.subkey(purpose, version)
    if (found === undefined) return false
    const expected = hmac(found.key, parts)
    const given = Buffer.from(mac, 'base64url')
    return given.length === expected.length && timingSafeEqual(given, expected)
  },
})

function hmac(key: SecretKey, parts: readonly string[]): Buffer {
  const mac = createHmac('sha256', key)
  for (const part of parts) mac.update(`${Buffer.byteLength(part)}:`).update(part, 'utf8')
  return mac.digest()
}
