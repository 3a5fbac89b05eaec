import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { aeadOpen, aeadSeal, encStructure, readKeyVersion, sealEnvelope } from '../../shared/envelope.ts'
import { type AgentEvent, encodeEvent } from '../../shared/event.ts'
import { encodeReply, encodeRequest, type Reply, type Request } from '../../shared/payload.ts'
import { openEvent, openField, openReply, openRequest } from '../../shared/seal.ts'
import type { EnvelopeVectors, Exchanged, FieldVectors } from './case.ts'
import { fromJson, toJson } from './json.ts'

const load = (file: string) => fromJson(readFileSync(new URL(file, import.meta.url), 'utf8'))
const envelopes = load('envelope.json') as EnvelopeVectors
const fields = load('field.json') as FieldVectors

const encode = {
  request: (message: unknown) => encodeRequest(message as Request),
  reply: (message: unknown) => encodeReply(message as Reply),
  event: (message: unknown) => encodeEvent(message as AgentEvent),
}
const opener = { request: openRequest, reply: openReply, event: openEvent }
const open = (c: Exchanged, envelope: Buffer) => opener[c.direction](envelope, { version: c.keyVersion, bytes: c.key }, c.tenantId, c.id)

test('there are enough of them', () => {
  expect(envelopes.valid.length).toBeGreaterThanOrEqual(20)
  expect(envelopes.invalid.length).toBeGreaterThanOrEqual(40)
  const distinct = new Set(envelopes.invalid.map(({ name: _, why: __, ...inputs }) => toJson(inputs)))
  expect(distinct.size).toBe(envelopes.invalid.length)
})

describe('valid', () => {
  test.each(envelopes.valid)('$name: $why', (c) => {
    expect(Buffer.from(encode[c.direction](c.message))).toEqual(c.payload)
    expect(sealEnvelope(c.payload, { version: c.keyVersion, bytes: c.key }, c, c.iv)).toEqual(c.envelope)
    expect(readKeyVersion(c.envelope)).toEqual(c.keyVersion)
    expect(open(c, c.envelope)).toEqual(c.message)
  })
})

describe('invalid: all the same to the sender', () => {
  test.each(envelopes.invalid)('$name: $why', (c) => {
    expect(() => open(c, c.envelope)).toThrowError(
      expect.objectContaining({ code: 'ENVELOPE_REJECTED', message: 'ENVELOPE_REJECTED: the message could not be opened' }),
    )
  })
})

describe('sizes as sent', () => {
  test.each([
    ['request: largest reset', 480],
    ['request: largest change', 760],
    ['reply: largest reply', 220],
    ['event: largest heartbeat', 400],
  ])('%s ≤ %i bytes', (name, limit) => {
    expect(envelopes.valid.find((c) => c.name === name)?.envelope.length).toBeLessThanOrEqual(limit)
  })
})

describe('password fields', () => {
  test.each(fields.valid)('$name: $why', ({ plaintext, field, id, sourceAnchor, value }) => {
    expect(openField(Buffer.from(plaintext), field, id, sourceAnchor).use((bytes) => Buffer.from(bytes))).toEqual(value)
  })
  test.each(fields.invalid)('refused: $name: $why', ({ plaintext, field, id, sourceAnchor }) => {
    const given = Buffer.from(plaintext)
    expect(() => openField(given, field, id, sourceAnchor)).toThrowError(expect.objectContaining({ code: 'ENVELOPE_REJECTED' }))
    expect(given.every((byte) => byte === 0)).toBe(true)
  })
})

/** AES-GCM-ENC-03 of the COSE working group's examples for RFC 9052 (A256GCM, COSE_Encrypt0). */
describe('RFC 9052, A256GCM', () => {
  const key = Buffer.from('0f1e2d3c4b5a69788796a5b4c3d2e1f01f2e3d4c5b6a798897a6b5c4d3e2f100', 'hex')
  const iv = Buffer.from('02d1f7e6f26c43d4868d87ce', 'hex')
  const aad = encStructure(Buffer.from('a10103', 'hex'), Buffer.alloc(0))
  const ciphertext = Buffer.from('9d64a5a59a3b04867dccf6b8ef82f7d1a3b25ef84eca2bc5d7593a96e943859a9cc24ad3', 'hex')
  const plaintext = Buffer.from('This is the content.')

  test('Enc_structure', () => expect(Buffer.from(aad).toString('hex')).toBe('8368456e63727970743043a1010340'))
  test('seal', () => expect(aeadSeal(key, iv, aad, plaintext)).toEqual(ciphertext))
  test('open', () => expect(aeadOpen(key, iv, aad, ciphertext)).toEqual(plaintext))
  test('a changed tag is refused', () => {
    const changed = Buffer.from(ciphertext)
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
    expect(() => aeadOpen(key, iv, aad, changed)).toThrowError(expect.objectContaining({ code: 'ENVELOPE_REJECTED' }))
  })
})
