import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Bench, startBench, times } from './agent.fixture.ts'

let bench: Bench
beforeEach(async () => {
  bench = await startBench()
})
afterEach(() => bench.close())

const locked = (sam: string) => bench.server.control.user(sam).locked

describe('unlock', () => {
  test('lifts the lock-out and nothing else', async () => {
    bench.lock('frank.locked')
    expect(locked('frank.locked')).toBe(true)
    expect(await bench.outcome(bench.plainWish('frank.locked', 'unlock'))).toEqual({ kind: 'done' })
    expect([locked('frank.locked'), bench.writes('frank.locked')]).toEqual([false, 0])
  })

  test('of somebody who is not locked out is done, too', async () => {
    expect(await bench.outcome(bench.plainWish('alice.adams', 'unlock'))).toEqual({ kind: 'done' })
  })

  test.each([
    ['heidi.admin', 'protectedAccount'],
    ['mallory.other', 'permissionDenied'],
  ])('of %s: %s', async (sam, kind) => {
    expect(await bench.outcome(bench.plainWish(sam, 'unlock'))).toEqual({ kind })
  })

  test('too late: not begun', async () => {
    bench.lock('frank.locked')
    const wish = bench.plainWish('frank.locked', 'unlock')
    await bench.clock.advance(times.startWithinMs + 1)
    expect(await bench.outcome(wish)).toEqual({ kind: 'expired' })
    expect(locked('frank.locked')).toBe(true)
  })

  test('too late again, when an earlier delivery has done it: done', async () => {
    bench.lock('frank.locked')
    const wish = bench.plainWish('frank.locked', 'unlock')
    bench.server.control.fault({ kind: 'dropAfterWrite', operation: 'modify' })
    expect(await bench.outcome(wish)).toEqual({ kind: 'unknown' })
    await bench.clock.advance(times.startWithinMs + 1)
    expect(await bench.outcome(wish, { deliveryCount: 1 })).toEqual({ kind: 'done' })
  })
})

describe('a redelivery of an unlock that was begun', () => {
  test('with the directory away is given back, and says nothing', async () => {
    const wish = bench.plainWish('frank.locked', 'unlock')
    bench.server.control.fault({ kind: 'dropAfterWrite', operation: 'modify' })
    await bench.deliver(wish)
    bench.server.control.fault({ kind: 'dropBeforeWrite', operation: 'bind' })
    await expect(bench.deliver(wish, { deliveryCount: 1 })).rejects.toThrow(expect.objectContaining({ code: 'DIRECTORY_UNAVAILABLE' }))
  })
})

describe('check', () => {
  const reply = async (sam: string) => {
    const wish = bench.plainWish(sam, 'check')
    return bench.reply(wish, await bench.deliver(wish))
  }

  test('says that nothing speaks against it, and which rules apply', async () => {
    const policy = { minLength: 10, historyLength: 5, complexity: true, minAgeMinutes: 0, lockoutThreshold: 10, lockoutMinutes: 30 }
    expect(await reply('alice.adams')).toMatchObject({ outcome: { kind: 'done' }, policy })
  })

  test.each([
    ['dave.disabled', 'accountDisabled'],
    ['erin.expired', 'accountExpired'],
    ['heidi.admin', 'protectedAccount'],
  ])('of %s: %s, and changes nothing', async (sam, kind) => {
    expect(await reply(sam)).toMatchObject({ outcome: { kind } })
    expect(bench.writes(sam)).toBe(0)
  })

  test('says until when a password is too young', async () => {
    await bench.setPassword('alice.adams', 'Quite-Different-78')
    bench.server.control.setPolicy({ minPwdAgeMs: 86_400_000 })
    await bench.clock.advance(61_000)
    expect(await reply('alice.adams')).toMatchObject({ outcome: { kind: 'policy.minAge', retryAt: expect.any(Number) } })
  })
})

describe('a ceiling', () => {
  test('refuses one more write for a person: not changed, busy, event 34010', async () => {
    for (let n = 0; n < 5; n++) expect(await bench.outcome(bench.plainWish('frank.locked', 'unlock'))).toEqual({ kind: 'done' })
    expect(await bench.outcome(bench.plainWish('frank.locked', 'unlock'))).toEqual({ kind: 'busy' })
    expect(await bench.outcome(bench.wish('frank.locked', 'Quite-Different-79'))).toEqual({ kind: 'busy' })
    expect(bench.writes('frank.locked')).toBe(0)
    expect(bench.logged.filter(({ event }) => event === 'ceilingReached')).toMatchObject([{ reason: 'perPersonPerHour' }, {}])
  })
})
