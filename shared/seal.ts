/**
 * From a message to its bytes and back: payload inside envelope, password inside RSA-OAEP inside payload.
 *
 * OAEP plaintext = SHA-256("password-writeback/1/" || field || request id || source anchor)[0..16] || value, so that the
 * blob of another field, request or person does not fit. Both ends refuse with the one ENVELOPE_REJECTED.
 */
import { constants, createHash, createHmac, type KeyObject, publicEncrypt, randomBytes, timingSafeEqual } from 'node:crypto'
import { openEnvelope, type PackageKey, protocol, rejected, sealEnvelope, withExchangeKey } from './envelope.ts'
import { type AgentEvent, decodeEvent, encodeEvent } from './event.ts'
import { passwordProblem } from './password.ts'
import { decodeReply, decodeRequest, encodeReply, encodeRequest, type Reply, type Request } from './payload.ts'
import { Secret } from './secret.ts'

export type SealedField = 'new' | 'old' | 'probe'

/** `version`: 16 raw bytes. */
export interface PasswordKey {
  version: Uint8Array
  publicKey: KeyObject
}

/** 16 random bytes; as the broker's messageId base64url, 22 characters. */
export const newId = (): Buffer => randomBytes(16)
export const messageIdOf = (id: Uint8Array): string => Buffer.from(id).toString('base64url')

/** The id a messageId spells, or a Fault: one spelling only. */
export function idOf(messageId: unknown): Buffer {
  if (typeof messageId !== 'string' || messageId.length !== 22) throw rejected()
  const id = Buffer.from(messageId, 'base64url')
  if (messageIdOf(id) !== messageId) throw rejected()
  return id
}

const iv = () => randomBytes(12)

export const sealRequest = (request: Request, key: PackageKey, tenantId: Uint8Array, id: Uint8Array): Buffer =>
  sealEnvelope(encodeRequest(request), key, { direction: 'request', tenantId, id }, iv())

export const openRequest = (body: Uint8Array, key: PackageKey, tenantId: Uint8Array, id: Uint8Array): Request =>
  decodeRequest(openEnvelope(body, key, { direction: 'request', tenantId, id }))

/** A reply uses the id and the key version of its request. */
export const sealReply = (reply: Reply, key: PackageKey, tenantId: Uint8Array, id: Uint8Array): Buffer =>
  sealEnvelope(encodeReply(reply), key, { direction: 'reply', tenantId, id }, iv())

export const openReply = (body: Uint8Array, key: PackageKey, tenantId: Uint8Array, id: Uint8Array): Reply =>
  decodeReply(openEnvelope(body, key, { direction: 'reply', tenantId, id }))

export const sealEvent = (event: AgentEvent, key: PackageKey, tenantId: Uint8Array, id: Uint8Array): Buffer =>
  sealEnvelope(encodeEvent(event), key, { direction: 'event', tenantId, id }, iv())

export const openEvent = (body: Uint8Array, key: PackageKey, tenantId: Uint8Array, id: Uint8Array): AgentEvent =>
  decodeEvent(openEnvelope(body, key, { direction: 'event', tenantId, id }))

/** 256 bytes of RSA-OAEP-256, made locally with the public half (RFC 8017 section 7.1). */
export function sealField(value: Uint8Array, field: SealedField, key: PasswordKey, id: Uint8Array, sourceAnchor: string): Buffer {
  const plaintext = Buffer.concat([fieldBinding(field, id, sourceAnchor), value])
  const blob = publicEncrypt({ key: key.publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, plaintext)
  plaintext.fill(0)
  return blob
}

/** What `sealField` hid, once the vault has decrypted the blob; takes ownership of `plaintext` and zeroes it. */
export function openField(plaintext: Buffer, field: SealedField, id: Uint8Array, sourceAnchor: string): Secret {
  const expected = fieldBinding(field, id, sourceAnchor)
  const fits = plaintext.length > expected.length && timingSafeEqual(plaintext.subarray(0, expected.length), expected)
  const value = Buffer.from(plaintext.subarray(expected.length))
  plaintext.fill(0)
  const acceptable = fits && (field === 'probe' ? value.length === 32 : isPasswordText(value))
  if (acceptable) return new Secret(value)
  value.fill(0)
  throw rejected()
}

/** The same rules as before sealing, and strict UTF-8: what does not come back byte for byte was not sealed by us. */
function isPasswordText(value: Buffer): boolean {
  const text = value.toString('utf8')
  return Buffer.from(text, 'utf8').equals(value) && passwordProblem(text) === undefined
}

function fieldBinding(field: SealedField, id: Uint8Array, sourceAnchor: string): Buffer {
  return createHash('sha256')
    .update(protocol + field, 'utf8')
    .update(id)
    .update(sourceAnchor, 'utf8')
    .digest()
    .subarray(0, 16)
}

/** onboard's answer, HMAC-SHA-256(reply key, probe): shows that an agent opened the probe, without sending it back. */
export const probeProof = (key: PackageKey, tenantId: Uint8Array, id: Uint8Array, probe: Uint8Array): Buffer =>
  withExchangeKey(key, { direction: 'reply', tenantId, id }, (own) => createHmac('sha256', own).update(probe).digest())
