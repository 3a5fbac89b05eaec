import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { codeOf } from '../keys/test-cloud.ts'
import { storeDown, tapped } from '../reset/test-reset.ts'
import { startTestAgents, type TestAgents } from './test-agents.ts'

let t: TestAgents
beforeAll(async () => {
  t = await startTestAgents()
})
afterAll(() => t.cloud.close())
beforeEach(() => t.renew())

const cachedMs = 2_000

describe('an unanswered request', () => {
  it('makes the service down at once, here and soon everywhere, until an agent is heard again', async () => {
    const boot = t.newBoot()
    await t.hear(t.heartbeat(boot, 1))
    expect([await t.here.writeback(), await t.there.writeback()]).toEqual(['up', 'up'])
    t.cloud.pass(1_000)
    await t.here.unanswered()
    expect(await t.here.writeback()).toBe('down')
    t.cloud.pass(cachedMs)
    expect(await t.there.writeback()).toBe('down')
    await t.hear(t.heartbeat(boot, 2), t.there)
    expect(await t.there.writeback()).toBe('up')
    t.cloud.pass(cachedMs)
    expect(await t.here.writeback()).toBe('up')
  })

  it.each([true, false])('is made good by a reply (after somebody asked: %s)', async (asked) => {
    await t.hear(t.heartbeat(t.newBoot(), 1))
    await t.here.unanswered()
    if (asked) expect(await t.here.writeback()).toBe('down')
    await t.here.answered()
    expect(await t.here.writeback()).toBe('up')
  })

  it('is made good by a reply to another instance', async () => {
    await t.hear(t.heartbeat(t.newBoot(), 1))
    await t.here.unanswered()
    expect(await t.there.writeback()).toBe('down')
    await t.there.answered()
    t.cloud.pass(cachedMs)
    expect([await t.here.writeback(), await t.there.writeback()]).toEqual(['up', 'up'])
  })

  it('is made good by the next reply when the store was away for this one', async () => {
    let away = false
    const moody = tapped(t.rows, {
      before: ({ operation }) => {
        if (away && operation === 'put') throw storeDown()
      },
    })
    const agents = t.instance(moody)
    await t.hear(t.heartbeat(t.newBoot(), 1), agents)
    await agents.unanswered()
    expect(await agents.writeback()).toBe('down')
    away = true
    expect(await codeOf(agents.answered())).toBe('STORE_UNAVAILABLE')
    away = false
    await agents.answered()
    expect(await agents.writeback()).toBe('up')
  })

  it('while the store is away makes the service down, here and everywhere, as soon as it is back', async () => {
    let away = true
    const moody = tapped(t.rows, {
      before: () => {
        if (away) throw storeDown()
      },
    })
    const agents = t.instance(moody)
    const boot = t.newBoot()
    await t.hear(t.heartbeat(boot, 1))
    t.cloud.pass(1_000)
    expect(await codeOf(agents.unanswered())).toBe('STORE_UNAVAILABLE')
    // Whoever submits now is told that this does not work, not that it does.
    expect(await codeOf(agents.writeback())).toBe('STORE_UNAVAILABLE')
    away = false
    expect(await agents.writeback()).toBe('down')
    expect(await t.there.writeback()).toBe('down')
    t.cloud.pass(1_000)
    await t.hear(t.heartbeat(boot, 2))
    t.cloud.pass(cachedMs)
    expect(await agents.writeback()).toBe('up')
  })

  it('costs nothing when replies come as they should', async () => {
    let writes = 0
    const counting = tapped(t.rows, { before: ({ operation }) => operation === 'put' && writes++ })
    const agents = t.instance(counting)
    await t.hear(t.heartbeat(t.newBoot(), 1), agents)
    await agents.writeback()
    for (let i = 0; i < 10; i++) await agents.answered()
    expect(writes).toBe(0)
  })
})
