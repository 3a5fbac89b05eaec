/**
 * The bytes on the queue: one COSE_Encrypt0 (RFC 9052 section 5.2) in deterministic CBOR (RFC 8949 section 4.2), and
 * exactly one spelling of it.
 *
 *   0  d0                  tag 16, COSE_Encrypt0
 *   1  83                  array of 3
 *   2  58 1a               protected header, 26 bytes:
 *   4    a3 01 03          { 1 (alg): 3 (A256GCM),
 *   7       04 50 <16>       4 (kid): package key version, 16 bytes,
 *  25       10 63 70 77 31   16 (typ): "pw1" }
 *  30  a1 05 4c <12>       unprotected header { 5 (iv): 12 random bytes }
 *  45  58 nn | 59 nn nn    ciphertext || 16-byte tag
 *
 * The key of one exchange is HKDF-SHA-256(package key, salt = id, info = "password-writeback/1/" || direction || tenant),
 * so a message opens only in its own direction, tenant and exchange. Everything that does not is ENVELOPE_REJECTED.
 */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { encode } from 'cborg'
import { Fault } from './fault.ts'
import type { SecretKey } from './secret.ts'

export type Direction = 'request' | 'reply' | 'event'

/** Which exchange a message belongs to: 16 raw bytes each. */
export interface Exchange {
  direction: Direction
  tenantId: Uint8Array
  id: Uint8Array
}

/** `version`: 16 raw bytes, the Key Vault version of the secret; `bytes`: 32, in a cache as a KeyObject. */
export interface PackageKey {
  version: Uint8Array
  bytes: SecretKey
}

export const protocol = 'password-writeback/1/'
export const maxEnvelopeBytes = 1024

const prefix = Buffer.from('d083581aa301030450', 'hex')
const kidAt = prefix.length
const kidBytes = 16
const middle = Buffer.from('1063707731a1054c', 'hex')
const middleAt = kidAt + kidBytes
const ivAt = middleAt + middle.length
const ivBytes = 12
const ciphertextAt = ivAt + ivBytes
const protectedAt = 4
const protectedEnd = protectedAt + 26
const tagBytes = 16

/** Shape out: the whole envelope. `iv` is an input for test vectors only; it must never repeat under one key. */
export function sealEnvelope(plaintext: Uint8Array, key: PackageKey, exchange: Exchange, iv: Uint8Array): Buffer {
  const header = Buffer.concat([prefix, key.version, middle, iv])
  if (key.version.length !== kidBytes || iv.length !== ivBytes) throw new TypeError('a key version has 16 bytes and an iv 12')
  const aad = encStructure(header.subarray(protectedAt, protectedEnd), externalAad(exchange))
  const sealed = withExchangeKey(key, exchange, (own) => aeadSeal(own, iv, aad, plaintext))
  return Buffer.concat([header, byteStringHead(sealed.length), sealed])
}

/** The kid, before anything is authenticated: it only chooses the key to try. 16 raw bytes. */
export function readKeyVersion(envelope: Uint8Array): Buffer {
  return split(envelope).kid
}

/** Plaintext, or a Fault ENVELOPE_REJECTED that says nothing more. */
export function openEnvelope(envelope: Uint8Array, key: PackageKey, exchange: Exchange): Buffer {
  const { kid, iv, header, ciphertext } = split(envelope)
  if (!kid.equals(key.version)) throw rejected()
  const aad = encStructure(header.subarray(protectedAt, protectedEnd), externalAad(exchange))
  return withExchangeKey(key, exchange, (own) => aeadOpen(own, iv, aad, ciphertext))
}

export const rejected = () => new Fault('ENVELOPE_REJECTED', 'the message could not be opened', { permanent: true })

function split(envelope: Uint8Array) {
  const bytes = Buffer.from(envelope.buffer, envelope.byteOffset, envelope.byteLength)
  if (bytes.length > maxEnvelopeBytes || bytes.length < ciphertextAt + 2 + tagBytes) throw rejected()
  const fixed = bytes.subarray(0, kidAt).equals(prefix) && bytes.subarray(middleAt, ivAt).equals(middle)
  // Re-encoding the length head and comparing leaves one spelling: shortest form, nothing after the ciphertext.
  const headBytes = bytes[ciphertextAt] === 0x58 ? 2 : 3
  const ciphertext = bytes.subarray(ciphertextAt + headBytes)
  const head = bytes.subarray(ciphertextAt, ciphertextAt + headBytes)
  if (!fixed || ciphertext.length < tagBytes || !head.equals(byteStringHead(ciphertext.length))) throw rejected()
  return {
    kid: bytes.subarray(kidAt, middleAt),
    iv: bytes.subarray(ivAt, ciphertextAt),
    header: bytes.subarray(0, ciphertextAt),
    ciphertext,
  }
}

/** CBOR byte-string head in its shortest form (RFC 8949 section 3). Payload and tag together are never under 24 bytes. */
function byteStringHead(length: number): Buffer {
  return length < 256 ? Buffer.of(0x58, length) : Buffer.of(0x59, length >> 8, length & 0xff)
}

/** HKDF-SHA-256 (RFC 5869), 32 bytes. */
export function exchangeKey(packageKey: SecretKey, { direction, tenantId, id }: Exchange): Buffer {
  const info = Buffer.concat([Buffer.from(protocol + direction, 'utf8'), tenantId])
  return Buffer.from(hkdfSync('sha256', packageKey, id, info, 32))
}

/** Lends the key of an exchange, which is zeroed afterwards. */
export function withExchangeKey<T>({ bytes }: PackageKey, exchange: Exchange, work: (key: Buffer) => T): T {
  const key = exchangeKey(bytes, exchange)
  try {
    return work(key)
  } finally {
    key.fill(0)
  }
}

const externalAad = ({ direction, tenantId, id }: Exchange) => encode([1, direction, tenantId, id])

/** Enc_structure of RFC 9052 section 5.3 for COSE_Encrypt0. */
export function encStructure(protectedHeader: Uint8Array, externalAad: Uint8Array): Uint8Array {
  return encode(['Encrypt0', protectedHeader, externalAad])
}

/** AES-256-GCM; returns ciphertext || tag. */
export function aeadSeal(key: Uint8Array, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes })
  cipher.setAAD(aad)
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

export function aeadOpen(key: Uint8Array, iv: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes })
  decipher.setAAD(aad)
  decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - tagBytes)), decipher.final()])
  } catch {
    throw rejected()
  }
}
