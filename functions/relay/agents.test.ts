import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Heartbeat } from '../../shared/event.ts'
import { tapped } from '../reset/test-reset.ts'
import { status } from '../status.ts'
import { heartbeatEveryMs } from './agents.ts'
import { domain, startTestAgents, type TestAgents } from './test-agents.ts'

let t: TestAgents
beforeAll(async () => {
  t = await startTestAgents()
})
afterAll(() => t.cloud.close())
beforeEach(() => t.renew())

const cachedMs = 2_000
const agoodWhile = 2 * heartbeatEveryMs + 30_000

describe('the service is', () => {
  it('down when nobody was ever heard', async () => {
    expect(await t.here.writeback()).toBe('down')
    expect(await status({ agents: t.here })()).toEqual({ status: 200, body: { writeback: 'down' } })
  })

  it('up from a heartbeat on, for two intervals and half a minute', async () => {
    await t.hear(t.heartbeat(t.newBoot(), 1))
    expect(await t.here.writeback()).toBe('up')
    t.cloud.pass(agoodWhile)
    expect(await t.here.writeback()).toBe('up')
    t.cloud.pass(cachedMs)
    expect(await t.here.writeback()).toBe('down')
  })

  it('as old as the broker’s time says, not ours', async () => {
    await t.hear(t.heartbeat(t.newBoot(), 1), t.here, t.cloud.clock.now() - 30_000)
    t.cloud.pass(agoodWhile - 30_000)
    expect(await t.here.writeback()).toBe('up')
    t.cloud.pass(cachedMs)
    expect(await t.here.writeback()).toBe('down')
  })

  it.each<[string, Partial<Heartbeat>]>([
    ['an unproven link', { linkProven: false }],
    ['no domain', { domains: [] }],
    ['no reachable domain', { domains: [] }],
  ])('down with %s', async (what, over) => {
    const domains = what === 'no reachable domain' ? { domains: [domain(false), domain(false)] } : {}
    await t.hear(t.heartbeat(t.newBoot(), 1, { ...over, ...domains }))
    expect(await t.here.writeback()).toBe('down')
  })

  it('up with one reachable domain of several, and with one good agent of several', async () => {
    await t.hear(t.heartbeat(t.newBoot(), 1, { linkProven: false }))
    expect(await t.here.writeback()).toBe('down')
    await t.hear(t.heartbeat(t.newBoot(), 1, { domains: [domain(false), domain(true)] }))
    expect(await t.here.writeback()).toBe('up')
  })

  it('read at most once in two seconds', async () => {
    let lists = 0
    const counting = tapped(t.rows, { before: ({ operation }) => operation === 'list' && lists++ })
    const agents = t.instance(counting)
    for (let i = 0; i < 5; i++) await agents.writeback()
    t.cloud.pass(cachedMs)
    await agents.writeback()
    expect(lists).toBe(2)
  })
})

describe('an agent that stops', () => {
  it('is gone at once, and back with its next boot', async () => {
    const boot = t.newBoot()
    await t.hear(t.heartbeat(boot, 1))
    expect(await t.hear(t.stopping(boot, 2))).toBe(true)
    expect(await t.here.writeback()).toBe('down')
    const next = t.newBoot({ agentId: boot.agentId, bootStartedAt: t.cloud.clock.now() })
    await t.hear(t.heartbeat(next, 1))
    expect(await t.here.writeback()).toBe('up')
  })

  it('does not stop what it has become since: its word counts for its own boot alone', async () => {
    const old = t.newBoot()
    const next = t.newBoot({ agentId: old.agentId, bootStartedAt: old.bootStartedAt + 500 })
    await t.hear(t.heartbeat(old, 1))
    await t.hear(t.heartbeat(next, 1))
    expect(await t.hear(t.stopping(old, 2))).toBe(false)
    expect(await t.here.writeback()).toBe('up')
  })

  it('is not invented by stopping', async () => {
    const boot = t.newBoot()
    expect(await t.hear(t.stopping(boot, 1))).toBe(false)
    expect(await t.rowOf(boot)).toBeUndefined()
  })

  it('leaves the others up', async () => {
    const boot = t.newBoot()
    await t.hear(t.heartbeat(t.newBoot(), 1))
    await t.hear(t.heartbeat(boot, 1))
    await t.hear(t.stopping(boot, 2))
    expect(await t.here.writeback()).toBe('up')
  })
})

describe('an event is refused', () => {
  it('when it was heard before, or one after it was', async () => {
    const boot = t.newBoot()
    const [first, second] = [t.heartbeat(boot, 1), t.heartbeat(boot, 2)]
    expect([await t.hear(first), await t.hear(first), await t.hear(second), await t.hear(first), await t.hear(second)]).toEqual([
      true,
      false,
      true,
      false,
      false,
    ])
  })

  it('when it comes from an earlier boot, or from another one that began at the same moment', async () => {
    const boot = t.newBoot()
    await t.hear(t.heartbeat(boot, 1))
    expect(await t.hear(t.heartbeat({ ...boot, bootStartedAt: boot.bootStartedAt - 1 }, 99))).toBe(false)
    expect(await t.hear(t.heartbeat({ ...boot, bootId: randomBytes(16) }, 99))).toBe(false)
  })

  it.each<[number, boolean]>([
    [-60_001, false],
    [-60_000, true],
    [60_000, true],
    [60_001, false],
    [Number.NaN, false],
    [Number.POSITIVE_INFINITY, false],
  ])('when the broker took it %i ms after it was sent: %s', async (delayMs, accepted) => {
    const event = t.heartbeat(t.newBoot(), 1)
    expect(await t.hear(event, t.here, event.sentAt + delayMs)).toBe(accepted)
  })

  it('when it was recorded, and cannot keep a dead agent alive', async () => {
    const recorded = t.heartbeat(t.newBoot(), 1)
    await t.hear(recorded)
    t.cloud.pass(agoodWhile + cachedMs)
    expect(await t.hear(recorded)).toBe(false)
    expect(await t.here.writeback()).toBe('down')
  })

  it('by all but one of several instances that get it at once', async () => {
    const event = t.heartbeat(t.newBoot(), 1)
    const accepted = await Promise.all([t.here, t.there, t.here, t.there].map((agents) => t.hear(event, agents)))
    expect(accepted.filter(Boolean).length).toBe(1)
  })

  it('never for two that follow each other: the later one holds', async () => {
    const boot = t.newBoot()
    await t.hear(t.heartbeat(boot, 1))
    await Promise.all([t.hear(t.heartbeat(boot, 2), t.here), t.hear(t.heartbeat(boot, 3), t.there)])
    expect((await t.rowOf(boot))?.sequence).toBe(3)
  })
})

describe('a settled event', () => {
  it('is a sign of life that leaves the rest as it was', async () => {
    const boot = t.newBoot()
    await t.hear(t.heartbeat(boot, 1))
    t.cloud.pass(agoodWhile)
    await t.hear(t.settled(boot, 2))
    t.cloud.pass(cachedMs)
    expect(await t.here.writeback()).toBe('up')
    expect(await t.rowOf(boot)).toMatchObject({ sequence: 2, linkProven: true, version: '1.0.0' })
  })

  it('of a boot that has not said more proves no link', async () => {
    const old = t.newBoot()
    await t.hear(t.heartbeat(old, 1))
    await t.hear(t.settled(t.newBoot({ agentId: old.agentId, bootStartedAt: old.bootStartedAt + 1 }), 1))
    expect(await t.here.writeback()).toBe('down')
  })
})
