import { constants, generateKeyPairSync, privateDecrypt, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Reply, Request } from '../../shared/payload.ts'
import { openField, openRequest, probeProof } from '../../shared/seal.ts'
import { defaultTimes } from '../../shared/times.ts'
import { virtualClock } from '../../test/virtual-clock.ts'
import type { Sealed } from './ask.ts'
import { createProbe } from './probe.ts'
import { newKey } from './test-ask.ts'

const tenantId = randomBytes(16)
const agentId = randomBytes(16)
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const password = { version: randomBytes(16), publicKey }
const [current, next] = [newKey(), newKey()]
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const named = { packageKey: hex(next.version), passwordKey: hex(password.version) }

/** An agent that answers as `change` says. */
function probing(change: (reply: Reply, probe: Buffer) => Reply | undefined = (reply) => reply) {
  const seen: { request: Request; withinMs: number; key: string }[] = []
  const inquire = async ({ body, key, id }: Sealed, withinMs: number): Promise<Reply | undefined> => {
    const request = openRequest(body, key, tenantId, id)
    seen.push({ request, withinMs, key: hex(key.version) })
    const reply: Reply = { outcome: { kind: 'done' }, agentId, spentMs: [0, 0, 0, 0] }
    if (request.operation !== 'onboard') return change(reply, Buffer.alloc(0))
    const blob = Buffer.from(request.probe ?? [])
    const plaintext = privateDecrypt({ key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, blob)
    using probe = openField(plaintext, 'probe', id, '')
    return probe.use((value) => change({ ...reply, proof: probeProof(key, tenantId, id, value) }, value))
  }
  const keys = {
    sealing: async () => ({ package: current, password }),
    pair: async (versions: object) => {
      expect(versions).toEqual(named)
      return { package: next, password }
    },
  }
  return { seen, ...createProbe({ tenantId, times: defaultTimes, keys, inquire, clock: virtualClock() }) }
}

describe('onboard', () => {
  it('goes out under the versions that are named, and says who has proved them', async () => {
    const { seen, onboard } = probing()
    expect(await onboard(named)).toBe(hex(agentId))
    expect(seen).toMatchObject([{ request: { operation: 'onboard', actor: 'admin' }, withinMs: 10_000, key: named.packageKey }])
    expect(hex(seen[0]?.request.passwordKey ?? Buffer.alloc(0))).toBe(named.passwordKey)
  })

  it.each<[string, Parameters<typeof probing>[0]]>([
    ['nobody answers', () => undefined],
    ['it is rejected', (reply) => ({ ...reply, outcome: { kind: 'rejected' } })],
    ['there is no proof', ({ proof: _, ...reply }) => reply],
    ['the proof is of something else', (reply) => ({ ...reply, proof: randomBytes(32) })],
    ['the probe itself comes back', (reply, probe) => ({ ...reply, proof: Buffer.from(probe) })],
    ['it was not done', (reply) => ({ ...reply, outcome: { kind: 'clockUnsure' } })],
  ])('proves nothing when %s', async (_, change) => {
    expect(await probing(change).onboard(named)).toBeUndefined()
  })
})

describe('offboard', () => {
  it('goes out under the versions in use; whether anybody answered is all that is told', async () => {
    const { seen, offboard } = probing()
    expect(await offboard()).toBe(true)
    expect(seen).toMatchObject([{ request: { operation: 'offboard' }, key: hex(current.version) }])
    expect(await probing(() => undefined).offboard()).toBe(false)
  })
})
