/**
 * Texts of rows that whoever reads the table must not read: AES-256-GCM under a subkey of the state key.
 *
 * base64url of a random 96-bit IV, the ciphertext and the 128-bit tag (NIST SP 800-38D). Where the row stands is authenticated
 * with it: a text that is moved to another person or method opens for nobody. The version is the row's own, so a row that is
 * written again under another state key is encrypted again with it. Random IVs: fewer than 2^32 writes under one version.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { SecretKey } from '../../shared/secret.ts'

/** Table, partition, row, version of the state key. */
export type Place = readonly [string, string, string, string]

const ivBytes = 12
const tagBytes = 16
const algorithm = 'aes-256-gcm'

const aadOf = (place: Place) => Buffer.from(JSON.stringify(place), 'utf8')

export function encrypt(key: SecretKey, place: Place, text: string): string {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv(algorithm, key, iv, { authTagLength: tagBytes }).setAAD(aadOf(place))
  const body = [iv, cipher.update(text, 'utf8'), cipher.final()]
  return Buffer.concat([...body, cipher.getAuthTag()]).toString('base64url')
}

/** Undefined: it was not made for this place under this key. */
export function decrypt(key: SecretKey, place: Place, sealed: string): string | undefined {
  const bytes = Buffer.from(sealed, 'base64url')
  if (bytes.length < ivBytes + tagBytes) return undefined
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
  decipher.setAAD(aadOf(place)).setAuthTag(bytes.subarray(-tagBytes))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(ivBytes, -tagBytes)), decipher.final()]).toString('utf8')
  } catch {
    return undefined
  }
}
