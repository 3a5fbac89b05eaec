import { randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Heartbeat } from '../../shared/event.ts'
import { Fault } from '../../shared/fault.ts'
import { defaultTimes } from '../../shared/times.ts'
import type { AdministratorCall } from '../http/edge.ts'
import { openFeature } from '../keys/feature.ts'
import { type MemoryCloud, memoryCloud } from '../keys/test-memory.ts'
import { openAgents } from '../relay/agents.ts'
import { admitAgent, incident, revokeAgent, rollKeys } from './rollover.ts'
import { readWriteback, switchWriteback } from './writeback.ts'

const [one, two] = [randomBytes(16), randomBytes(16)]
const hex = (id: Buffer) => id.toString('hex')
const guid = (id: Buffer) =>
  hex(id)
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    .toUpperCase()
const administrator = { id: 'ada', role: 'Writeback.Admin' } as const

let cloud: MemoryCloud
let api: ReturnType<typeof opened>
/** Who takes the next message, and what was sent. */
let world: { answers: Buffer | undefined; sent: string[] }
beforeEach(async () => {
  cloud = memoryCloud()
  world = { answers: one, sent: [] }
  await cloud.start()
  cloud.pass(25 * 60_000)
  api = opened()
  for (const each of [one, two]) await api.agents.heard(heartbeat(each), cloud.clock.now())
})

const call = <B>(body: B, params = {}) => ({ body, params, administrator }) as unknown as AdministratorCall<B>
const reason = { reason: 'because' }

function opened() {
  const { clock } = cloud
  const { rows } = cloud.keyring()
  const agents = openAgents({ rows, clock })
  const feature = openFeature({ rows, initiallyOn: true, clock })
  const onboard = async () => {
    world.sent.push('onboard')
    return world.answers && hex(world.answers)
  }
  const rollover = cloud.rollover({ agents, feature, onboard })
  const logged: string[] = []
  const deps = { rollover, feature, agents, times: defaultTimes, clock, log: (event: string) => void logged.push(event) }
  const offboard = async () => world.sent.push('offboard') > 0
  const switching = switchWriteback({ ...deps, offboard })
  return {
    agents,
    logged,
    rollover,
    turn: (on: boolean) => switching(call({ on, ...reason })),
    read: readWriteback(deps),
    roll: (override?: true) => rollKeys(deps)(call({ ...reason, override })),
    incident: () => incident(deps)(call(reason)),
    revoke: (id: string) => revokeAgent(deps)(call(reason, { id })),
    admit: (id: string) => admitAgent(deps)(call(reason, { id })),
  }
}

const heartbeat = (agentId: Buffer, sequence = 1): Heartbeat => ({
  kind: 'heartbeat',
  agentId,
  bootId: agentId,
  bootStartedAt: 1,
  sequence,
  sentAt: cloud.clock.now(),
  version: '1.0.0',
  linkProven: true,
  packageKeys: [],
  passwordKeys: [],
  configuration: randomBytes(8),
  domains: [
    {
      id: randomBytes(8),
      reachable: true,
      policy: { minLength: 0, historyLength: 0, complexity: false, minAgeMinutes: 0, lockoutThreshold: 0, lockoutMinutes: 0 },
    },
  ],
  counters: { handled: 0, changed: 0, refused: 0, unknown: 0, rejected: 0, replays: 0 },
})

describe('switching', () => {
  it('off and on again: one message each, new keys, and it says who and why', async () => {
    const before = cloud.made()
    expect(await api.turn(false)).toMatchObject({ status: 200, body: { on: false, reason: 'because', by: 'ada', writeback: 'up' } })
    expect(await api.turn(true)).toMatchObject({
      status: 200,
      body: { on: true, by: 'ada', run: { why: 'enable', by: 'ada', step: 'overlap' } },
    })
    expect([world.sent, cloud.made() - before]).toEqual([['offboard', 'onboard'], 3])
    expect(api.logged).toEqual(['writebackSwitched', 'writebackSwitched'])
  })

  it('on when it is on, off when it is off: nothing is sent or made', async () => {
    const before = cloud.made()
    expect(await api.turn(true)).toMatchObject({ status: 200, body: { on: true } })
    await api.turn(false)
    expect(await api.turn(false)).toMatchObject({ status: 200, body: { on: false } })
    expect([world.sent, cloud.made() - before]).toEqual([['offboard'], 0])
  })

  it('on with nobody there is accepted, and is not on', async () => {
    await api.turn(false)
    world.answers = undefined
    expect(await api.turn(true)).toMatchObject({ status: 202, body: { run: { why: 'enable', step: 'prove' } } })
    expect(await api.read()).toMatchObject({ body: { on: false } })
  })
})

describe('an agent that is revoked', () => {
  it('is not listened to, proves nothing, and does not make the service up, until it is admitted', async () => {
    expect(await api.revoke(guid(one))).toMatchObject({
      status: 202,
      body: { run: { why: 'revoke', step: 'overlap', problem: expect.stringMatching(/no agent has answered/) } },
    })
    expect(await api.agents.heard(heartbeat(one, 2), cloud.clock.now())).toBe('revoked')
    const { body } = await api.read()
    expect((body['agents'] as { agent: string; revoked: boolean }[]).filter(({ revoked }) => revoked)).toMatchObject([{ agent: hex(one) }])
    expect(await api.agents.writeback()).toBe('up')
    expect((await api.agents.live()).map(({ agent }) => agent)).toEqual([hex(two)])
    expect(await api.revoke(hex(two))).toMatchObject({ status: 202 })
    expect(await api.agents.writeback()).toBe('down')

    expect(await api.admit(hex(one))).toEqual({ status: 200, body: { agent: hex(one) } })
    expect(await api.agents.heard(heartbeat(one, 2), cloud.clock.now())).toBe('accepted')
    expect(await api.agents.writeback()).toBe('up')
  })

  it.each(['', 'x', '../state', hex(randomBytes(16))])('but never heard (%j) is nobody, and nothing is rolled', async (id) => {
    const before = cloud.made()
    expect(await api.revoke(id)).toMatchObject({ status: 404, body: { code: 'unknownAgent' } })
    expect(await api.admit(id)).toMatchObject({ status: 404 })
    expect(cloud.made()).toBe(before)
  })
})

it('an incident switches off, revokes everybody and rolls every key, whoever does not answer', async () => {
  const before = cloud.made()
  expect(await api.incident()).toMatchObject({ status: 202, body: { run: { why: 'incident', step: 'overlap' } } })
  expect(await api.read()).toMatchObject({ body: { on: false, writeback: 'down', agents: [{ revoked: true }, { revoked: true }] } })
  expect([world.sent, cloud.made() - before]).toEqual([[], 3])
  expect(api.logged).toEqual(['writebackSwitched', 'agentRevoked', 'agentRevoked'])
})

it('an incident rolls the keys whatever becomes of the agents: whoever had one host can speak under endless ids', async () => {
  const before = await cloud.keyring().pointer.follow()
  const { revoke } = api.agents
  api.agents.revoke = async (agent) => (agent === hex(two) ? Promise.reject(new Fault('STORE_UNAVAILABLE', 'test')) : revoke(agent))
  await expect(api.incident()).rejects.toThrow('STORE_UNAVAILABLE')
  await api.rollover.keep()
  const { packageKey, run } = await cloud.keyring().pointer.follow()
  expect(run).toMatchObject({ why: 'incident' })
  expect(packageKey).not.toBe(before.packageKey)
})

it('a rollover by hand is accepted with its run; asked again with an override it is adopted', async () => {
  expect(await api.roll()).toMatchObject({ status: 202, body: { run: { why: 'byHand', step: 'prove', by: 'ada', reason: 'because' } } })
  expect(await api.roll(true)).toMatchObject({
    status: 202,
    body: { run: { step: 'overlap', problem: expect.stringMatching(/of 2 live/) } },
  })
  expect(world.sent).toEqual(['onboard'])
})
