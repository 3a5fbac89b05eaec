/** Whatever lies inside an authentic envelope, and whatever lies in its place: a message, or the one refusal. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { anyBytes, bent, distorted, hostileCbor, hostileText } from '../test/hostile.ts'
import { events, replies, requests } from '../test/vectors/messages.ts'
import { openEnvelope, type PackageKey, readKeyVersion } from './envelope.ts'
import { decodeEvent, encodeEvent } from './event.ts'
import { isFault } from './fault.ts'
import { decodeReply, decodeRequest, encodeReply, encodeRequest } from './payload.ts'
import { idOf, messageIdOf, openField, openRequest, sealRequest } from './seal.ts'

/** Its value; undefined when it was refused, which is the only other thing it may do. */
function unlessRefused<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    expect(isFault(error, 'ENVELOPE_REJECTED'), String(error)).toBe(true)
    return undefined
  }
}

const payloads = {
  request: {
    good: Object.values(requests).map(([, each]) => encodeRequest(each)),
    again: (input: Buffer) => encodeRequest(decodeRequest(input)),
  },
  reply: { good: Object.values(replies).map(([, each]) => encodeReply(each)), again: (input: Buffer) => encodeReply(decodeReply(input)) },
  event: { good: Object.values(events).map(([, each]) => encodeEvent(each)), again: (input: Buffer) => encodeEvent(decodeEvent(input)) },
}

describe.each(Object.entries(payloads))('a payload in place of a %s', (_, { good, again }) => {
  const [first = Buffer.alloc(0), ...more] = good.map((each) => Buffer.from(each))
  const hostile = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(first, ...more).chain(distorted) },
    { weight: 2, arbitrary: bent(first, ...more) },
    { weight: 1, arbitrary: hostileCbor },
    { weight: 1, arbitrary: anyBytes(1_024) },
  )

  test('is refused, or is what would be written for what it says; nothing is said about it on the way', () => {
    const said = vi.spyOn(console, 'warn')
    let read = 0
    fc.assert(
      fc.property(hostile, (input) => {
        const written = unlessRefused(() => again(input))
        if (written === undefined) return
        read += 1
        expect(Buffer.from(written).equals(input)).toBe(true)
      }),
      { numRuns: 1_500 },
    )
    expect(said).not.toHaveBeenCalled()
    // Some of what is drawn must be good all the same, or nothing was tried behind the first check.
    expect(read).toBeGreaterThan(10)
  })
})

describe('an envelope', () => {
  const key: PackageKey = { version: Buffer.alloc(16, 1), bytes: Buffer.alloc(32, 2) }
  const tenantId = Buffer.alloc(16, 3)
  const ids = [Buffer.alloc(16, 4), Buffer.alloc(16, 5)] as const
  const sealed = ids.flatMap((id) => Object.values(requests).map(([, each]) => sealRequest(each, key, tenantId, id)))
  const [first = Buffer.alloc(0), ...more] = sealed

  test('that was bent does not open, unless it came out as it was', () => {
    fc.assert(
      fc.property(fc.oneof(bent(first, ...more), anyBytes(1_200)), fc.constantFrom(...ids), (body, id) => {
        const kid = unlessRefused(() => readKeyVersion(body))
        if (kid !== undefined) expect(kid).toHaveLength(16)
        unlessRefused(() => openEnvelope(body, key, { direction: 'request', tenantId, id }))
        const request = unlessRefused(() => openRequest(body, key, tenantId, id))
        if (request !== undefined) expect(sealed.some((each) => each.equals(body))).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })

  test('of any id: there is one spelling of it, or none', () => {
    const good = ids.map((id) => messageIdOf(id))
    const spelled = fc.oneof(fc.anything(), hostileText(40), bent(...(good.map((id) => Buffer.from(id)) as [Buffer, Buffer])).map(String))
    fc.assert(
      fc.property(spelled, (given) => {
        const id = unlessRefused(() => idOf(given))
        if (id !== undefined) expect(messageIdOf(id)).toBe(given)
      }),
      { numRuns: 1_000 },
    )
  })

  test('with a field that decrypts to anything: a password, or refused; either way nothing stays in clear', () => {
    const id = ids[0]
    const binding = fc.constantFrom('new', 'old', 'probe').map((field) => bindingOf(field, id, 'anchor'))
    const plaintext = fc.oneof(
      anyBytes(200),
      fc
        .tuple(
          binding,
          fc.oneof(
            anyBytes(190),
            hostileText(180).map((text) => Buffer.from(text)),
          ),
        )
        .map((parts) => Buffer.concat(parts)),
    )
    fc.assert(
      fc.property(plaintext, fc.constantFrom('new' as const, 'old' as const, 'probe' as const), (decrypted, field) => {
        const before = Buffer.from(decrypted)
        const secret = unlessRefused(() => openField(decrypted, field, id, 'anchor'))
        expect(decrypted.every((byte) => byte === 0)).toBe(true)
        secret?.use((value) => expect(value.equals(before.subarray(16))).toBe(true))
      }),
      { numRuns: 1_000 },
    )
  })
})

/** docs/protocol.md, Passwords. */
const bindingOf = (field: string, id: Buffer, anchor: string) =>
  createHash('sha256').update(`password-writeback/1/${field}`).update(id).update(anchor).digest().subarray(0, 16)
