/** Whatever the queue delivers and whatever a vault answers: a request, silence, or KEY_UNAVAILABLE. */

import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { agent } from '../local/entra/test-tenant.ts'
import { type PackageKey, sealEnvelope } from '../shared/envelope.ts'
import { encodeEvent } from '../shared/event.ts'
import { isFault } from '../shared/fault.ts'
import { decodeRequest, encodeRequest } from '../shared/payload.ts'
import { messageIdOf, newId } from '../shared/seal.ts'
import { bytesOf } from '../test/bytes-of.ts'
import { anyBytes, bent, distorted, hostileCbor, hostileText } from '../test/hostile.ts'
import { type HostileVault, startHostileVault, vaultAnswers } from '../test/hostile-vault.ts'
import { events, requests } from '../test/vectors/messages.ts'
import { virtualClock } from '../test/virtual-clock.ts'
import { type AgentKeys, type KeyProofs, openKeys } from './keys.ts'
import { open, openPasswords } from './open.ts'

describe('a delivery', () => {
  const tenantId = randomBytes(16)
  const key: PackageKey = { version: randomBytes(16), bytes: randomBytes(32) }
  const good = Object.values(requests).map(([, each]) => Buffer.from(encodeRequest(each)))
  const [first = Buffer.alloc(0), ...more] = good
  const payload = fc.oneof(
    fc.constantFrom(first, ...more),
    fc.constantFrom(first, ...more).chain(distorted),
    bent(first, ...more),
    hostileCbor,
  )
  const sealed = payload.map((inner) => {
    const id = newId()
    return {
      messageId: messageIdOf(id) as unknown,
      body: sealEnvelope(inner, key, { direction: 'request', tenantId, id }, randomBytes(12)),
      inner,
    }
  })
  const delivery = fc.oneof(
    { weight: 3, arbitrary: sealed },
    {
      weight: 1,
      arbitrary: sealed.chain(({ messageId, body }) => bent(body).map((other) => ({ messageId, body: other, inner: undefined }))),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.oneof(fc.anything(), hostileText(40)), fc.option(anyBytes(1_100), { nil: undefined }))
        .map(([messageId, body]) => ({ messageId, body, inner: undefined })),
    },
  )

  test('of any body and id is a request, or refused; its passwords open, or are refused', async () => {
    const answers = fc.oneof(anyBytes(220), fc.constant(undefined))
    let opened = 0
    await fc.assert(
      fc.asyncProperty(delivery, answers, async ({ messageId, body, inner }, decrypted) => {
        const keys = {
          packageKey: async (version: Buffer) => (version.equals(key.version) ? key : undefined),
          opened: () => {},
          decrypt: async () => decrypted && Buffer.from(decrypted),
        }
        const result = await open({ messageId, body }, tenantId, keys)
        if (result.kind === 'rejected') return
        opened += 1
        if (inner) expect(result.request).toEqual(decodeRequest(inner))
        expect(await openPasswords(result, keys)).toBeUndefined()
      }),
      { numRuns: 500 },
    )
    expect(opened).toBeGreaterThan(20)
  })
})

describe('a vault', () => {
  let vault: HostileVault
  let keys: AgentKeys & KeyProofs
  beforeAll(async () => {
    vault = await startHostileVault()
    const { url, tenant } = vault
    keys = openKeys({ url, credential: tenant.credentialOf(agent), localCa: tenant.tls.ca }, virtualClock())
  })
  afterAll(() => vault.close())

  const unlessAway = <T>(work: Promise<T>): Promise<T | undefined> =>
    work.catch((error: unknown) => {
      expect(isFault(error, 'KEY_UNAVAILABLE'), String((error as Error)?.stack)).toBe(true)
      return undefined
    })

  test('of any answers gives 32 bytes, a plaintext, none, or is unavailable; and what is proven fits into a heartbeat', async () => {
    const [, heartbeat] = events['first heartbeat'] ?? []
    if (heartbeat?.kind !== 'heartbeat') throw new Error('no such vector')
    await fc.assert(
      fc.asyncProperty(vaultAnswers, async (answers) => {
        vault.answer(answers)
        const key = await unlessAway(keys.packageKey(randomBytes(16)))
        if (key) expect([key.version.length, bytesOf(key).length]).toEqual([16, 32])
        const plain = await unlessAway(keys.decrypt(randomBytes(16), randomBytes(256)))
        expect(plain === undefined || Buffer.isBuffer(plain)).toBe(true)
        const proven = await unlessAway(keys.prove())
        if (proven) encodeEvent({ ...heartbeat, ...proven })
      }),
      { numRuns: 150 },
    )
  })
})
