import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Request } from '../shared/payload.ts'
import { newId, probeProof, sealField } from '../shared/seal.ts'
import { type Bench, startBench, tenantId, times } from './agent.fixture.ts'
import { settleUnfinished } from './settle.ts'

let bench: Bench
beforeEach(async () => {
  bench = await startBench()
})
afterEach(() => bench.close())

const nobody = { newPassword: undefined, cloudAnchor: undefined, sourceAnchor: undefined, flags: 0, actor: 'admin' } as const

function onboard(over: { blob?: Buffer; version?: Buffer } = {}, probe: Buffer = randomBytes(32)) {
  const id = newId()
  const blob = over.blob ?? sealField(probe, 'probe', bench.vault.passwordKey, id, '')
  const request: Partial<Request> = { ...nobody, operation: 'onboard', probe: blob }
  if (over.version) request.passwordKey = over.version
  return { id, probe, wish: bench.wish('', '', request, 'nobody', id) }
}

describe('onboard', () => {
  test('is answered with the proof that the probe was opened, again on a redelivery, and touches no directory', async () => {
    const { id, probe, wish } = onboard()
    const proof = probeProof(bench.vault.packageKey, tenantId, id, probe)
    expect(bench.reply(wish, await bench.deliver(wish))).toMatchObject({ outcome: { kind: 'done' }, proof })
    expect(bench.reply(wish, await bench.deliver(wish, { deliveryCount: 1 }))).toMatchObject({ proof })
    expect(bench.seen.calls).toEqual([])
    expect(bench.logged.map(({ event }) => event)).toEqual(['operationStarted', 'onboarded'])
    // No password was changed, so none is counted.
    expect(bench.deps.tally.read()).toMatchObject({ handled: 0, changed: 0 })
  })

  test.each<[string, () => Parameters<typeof onboard>]>([
    ['of another request', () => [{ blob: sealField(randomBytes(32), 'probe', bench.vault.passwordKey, newId(), '') }]],
    ['that is no blob', () => [{ blob: randomBytes(256) }]],
    ['that is too short', () => [{}, randomBytes(31)]],
    ['under a version that there is not', () => [{ version: randomBytes(16) }]],
  ])('a probe %s is rejected, without a proof', async (_, wrong) => {
    const { wish } = onboard(...wrong())
    const reply = bench.reply(wish, await bench.deliver(wish))
    expect([reply.outcome, reply.proof]).toEqual([{ kind: 'rejected' }, undefined])
  })

  test('a password in place of the probe is rejected', async () => {
    const id = newId()
    const blob = sealField(Buffer.from('Quite-Different-77-Quite-Differe'), 'new', bench.vault.passwordKey, id, '')
    const wish = bench.wish('', '', { ...nobody, operation: 'onboard', probe: blob }, 'nobody', id)
    expect(bench.reply(wish, await bench.deliver(wish))).toMatchObject({ outcome: { kind: 'rejected' } })
  })

  test('is given back while the vault is away', async () => {
    bench.vault.state.away = true
    await expect(bench.deliver(onboard().wish)).rejects.toMatchObject({ code: 'KEY_UNAVAILABLE' })
  })
})

test('one that was never answered is looked for in no directory, and nobody is told of it', async () => {
  const { id, wish } = onboard()
  const { messageId, sequenceNumber, body: envelope } = wish
  const received = { wall: bench.clock.now(), monotonic: bench.clock.monotonic() }
  bench.deps.journal.enter({ id, messageId, sequenceNumber, envelope, replyToSessionId: 's', received, ageMs: 0 })
  await bench.clock.advance(times.ttlMs + times.lockMs + 1)
  const told: unknown[] = []
  await settleUnfinished({ ...bench.deps, inHand: () => false, tell: async (_, outcome) => void told.push(outcome) })
  expect([told, bench.seen.calls, bench.deps.journal.unfinished()]).toEqual([[], [], []])
})

test('offboard is answered, and that is all', async () => {
  const wish = bench.wish('', '', { ...nobody, operation: 'offboard', passwordKey: undefined }, 'nobody')
  const reply = bench.reply(wish, await bench.deliver(wish))
  expect([reply.outcome, reply.proof]).toEqual([{ kind: 'done' }, undefined])
  expect(bench.seen.calls).toEqual([])
  expect(bench.logged.map(({ event }) => event)).toEqual(['operationStarted', 'offboarded'])
})
