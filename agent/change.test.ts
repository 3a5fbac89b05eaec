import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Bench, fine, startBench } from './agent.fixture.ts'
import { addPolicyObject } from './directory/policy-object.fixture.ts'

let bench: Bench
beforeEach(async () => {
  bench = await startBench()
})
afterEach(() => bench.close())

const sam = 'alice.adams'
const own = (who = sam) => bench.server.forest.users.find((user) => user.sam === who)?.password ?? ''
const wrong = 'Not-The-Word-1'

describe('a change', () => {
  test('with the right old password sets the new one', async () => {
    expect(await bench.outcome(bench.changeWish(sam, own(), fine))).toEqual({ kind: 'done' })
    expect([bench.has(sam, fine), bench.has(sam, own())]).toEqual([true, false])
  })

  test('with a wrong one changes nothing, and never becomes a reset', async () => {
    expect(await bench.outcome(bench.changeWish(sam, wrong, fine))).toEqual({ kind: 'wrongPassword' })
    expect([bench.has(sam, own()), bench.writes(sam)]).toEqual([true, 0])
    expect(bench.seen.calls).not.toContain('setPassword')
  })

  test.each(['grace.must'])('of %s, who must change it, is possible', async (who) => {
    expect(await bench.outcome(bench.changeWish(who, own(who), fine))).toEqual({ kind: 'done' })
    expect(bench.server.control.user(who)).toMatchObject({ mustChange: false })
  })

  test.each([
    ['dave.disabled', 'accountDisabled'],
    ['erin.expired', 'accountExpired'],
    ['heidi.admin', 'protectedAccount'],
  ])('of %s: %s', async (who, kind) => {
    expect(await bench.outcome(bench.changeWish(who, own(who), fine))).toEqual({ kind })
    expect(bench.writes(who)).toBe(0)
  })

  test('of a locked account: locked, whatever the password', async () => {
    bench.lock(sam)
    expect(await bench.outcome(bench.changeWish(sam, own(), fine))).toEqual({ kind: 'accountLocked' })
    expect(bench.writes(sam)).toBe(0)
  })

  test('a new one that breaks a rule: which rule', async () => {
    expect(await bench.outcome(bench.changeWish(sam, own(), 'short'))).toEqual({ kind: 'policy.length', minLength: 10 })
  })

  test('the old one of somebody else does not fit', async () => {
    const stolen = bench.wish('bob.brown', own('bob.brown'))
    const theirs = bench.changeWish(sam, own(), fine, { oldPassword: Buffer.alloc(256, 1) })
    expect(await bench.outcome(theirs)).toEqual({ kind: 'rejected' })
    expect(stolen.sam).toBe('bob.brown')
    expect(bench.writes(sam)).toBe(0)
  })
})

describe('the lock-out is no weapon', () => {
  test.each([
    [10, 8],
    [5, 3],
    [3, 1],
  ])('threshold %i: at most %i wrong ones are forwarded', async (lockoutThreshold, most) => {
    bench.server.control.setPolicy({ lockoutThreshold })
    await bench.clock.advance(61_000)
    const outcomes: string[] = []
    for (let guess = 0; guess < most + 2; guess++) {
      // The ceilings are not what is tested here.
      const handled = await bench.outcome(bench.changeWish(sam, `${wrong}${guess}`, fine), {}, { ...bench.deps, ceilings: open })
      outcomes.push(handled.kind)
    }
    expect(outcomes.filter((kind) => kind === 'wrongPassword')).toHaveLength(most)
    expect(outcomes.slice(most)).toEqual(['accountLocked', 'accountLocked'])
    expect(bench.server.control.user(sam)).toMatchObject({ locked: false, badPwdCount: most })
  })

  test.each([3, 2])(
    'nor where a fine-grained policy that the agent cannot read locks out after %i: one is forwarded',
    async (threshold) => {
      await addPolicyObject(bench.server, bench.ca, bench.server.control.user(sam).dn, threshold)
      for (let guess = 0; guess < 3; guess++) await bench.outcome(bench.changeWish(sam, `${wrong}${guess}`, fine))
      expect(bench.server.control.user(sam)).toMatchObject({ locked: false, badPwdCount: 1 })
    },
  )

  test('the count starts anew after the observation window', async () => {
    bench.server.control.setPolicy({ lockoutThreshold: 3, lockoutWindowMs: 600_000 })
    await bench.clock.advance(61_000)
    expect(await bench.outcome(bench.changeWish(sam, wrong, fine))).toEqual({ kind: 'wrongPassword' })
    expect(await bench.outcome(bench.changeWish(sam, own(), fine))).toEqual({ kind: 'accountLocked' })
    await bench.clock.advance(600_000)
    expect(await bench.outcome(bench.changeWish(sam, own(), fine))).toEqual({ kind: 'done' })
  })
})

const open = { admit: () => undefined, stopped: () => false }

describe('a redelivery of a change', () => {
  test('whose first delivery did it is "done", not "wrong password"', async () => {
    const wish = bench.changeWish(sam, own(), fine)
    bench.server.control.fault({ kind: 'dropAfterWrite', operation: 'modify' })
    await bench.deliver(wish)
    expect(await bench.outcome(wish, { deliveryCount: 1 })).toEqual({ kind: 'done' })
    expect(bench.writes(sam)).toBe(1)
  })

  test('at another agent, too', async () => {
    const wish = bench.changeWish(sam, own(), fine)
    await bench.deliver(wish)
    const other = bench.depsWith(bench.journalOf('other'))
    expect(await bench.outcome(wish, { deliveryCount: 1 }, other)).toEqual({ kind: 'done' })
    expect(bench.writes(sam)).toBe(1)
  })
})
