import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestCloud } from '../keys/test-cloud.ts'
import { attemptsOf, openAttempts } from './attempts.ts'

let cloud: Awaited<ReturnType<typeof startTestCloud>>
beforeAll(async () => {
  cloud = await startTestCloud()
})
afterAll(() => cloud.close())

let people = 0
function somebody() {
  const id = `aaaaaaaa-0000-4000-8000-${String(++people).padStart(12, '0')}`
  const instance = () => openAttempts({ rows: cloud.keyring().rows, clock: cloud.clock })
  return { id, here: instance(), there: instance() }
}
const policy = (lockoutThreshold: number, lockoutMinutes = 30) => ({ lockoutThreshold, lockoutMinutes })
const minutes = (n: number) => n * 60_000

it.each([
  [0, 3],
  [1, -1],
  [2, 0],
  [3, 1],
  [4, 2],
  [5, 3],
  [50, 3],
])('where %i wrong ones lock an account out, %i are forwarded', (threshold, forwarded) => {
  expect(attemptsOf(policy(threshold))).toBe(forwarded)
})

describe('attempts', () => {
  it('are three in a window, on all instances together', async () => {
    const { id, here, there } = somebody()
    const taken = [await here.take(id, policy(10)), await there.take(id, policy(10)), await here.take(id, policy(10))]
    expect([...taken, await there.take(id, policy(10)), await here.anyLeft(id, policy(10))]).toEqual([true, true, true, false, false])
  })

  it('of one person are nobody else’s', async () => {
    const [one, other] = [somebody(), somebody()]
    for (let n = 0; n < 3; n += 1) await one.here.take(one.id, policy(10))
    expect(await other.here.take(other.id, policy(10))).toBe(true)
  })

  it('however many come at once, no more are taken', async () => {
    const { id, here, there } = somebody()
    const all = await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 ? here : there).take(id, policy(4))))
    expect(all.filter((taken) => taken)).toHaveLength(2)
  })

  it('are there again when the window has passed since the last one, not since the first', async () => {
    const { id, here } = somebody()
    await here.take(id, policy(3))
    cloud.pass(minutes(29))
    expect(await here.take(id, policy(3))).toBe(false)
    cloud.pass(minutes(1))
    expect([await here.anyLeft(id, policy(3)), await here.take(id, policy(3)), await here.take(id, policy(3))]).toEqual([true, true, false])
  })

  it('are six in an hour at most, however short the window: an agent lets ten writes an hour through for one person, the reset’s too', async () => {
    const { id, here } = somebody()
    let taken = 0
    for (let minute = 0; minute < 60; minute += 1) {
      for (let n = 0; n < 5; n += 1) if (await here.take(id, policy(10, minute % 5))) taken += 1
      cloud.pass(minutes(1))
    }
    expect(taken).toBe(6)
  })

  it('that the directory accepted are given back', async () => {
    const { id, here, there } = somebody()
    for (let n = 0; n < 10; n += 1) {
      expect(await here.take(id, policy(3))).toBe(true)
      await there.giveBack(id)
    }
    await here.giveBack(id)
    expect(await here.take(id, policy(3))).toBe(true)
    expect(await here.take(id, policy(3))).toBe(false)
  })

  it('fewer are left as soon as the directory locks out sooner', async () => {
    const { id, here } = somebody()
    expect([await here.take(id, policy(10)), await here.take(id, policy(4)), await here.take(id, policy(4))]).toEqual([true, true, false])
  })
})

it('in any order of guesses, pauses and accepted ones, no window holds more wrong ones than are left to us', async () => {
  const step = fc.oneof(fc.constant('wrong' as const), fc.constant('right' as const), fc.integer({ min: 1, max: 40 }))
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 6 }), fc.array(step, { maxLength: 25 }), async (threshold, steps) => {
      const { id, here } = somebody()
      const forwarded: number[] = []
      for (const each of steps) {
        if (typeof each === 'number') cloud.pass(minutes(each))
        else if (await here.take(id, policy(threshold))) {
          if (each === 'right') await here.giveBack(id)
          else forwarded.push(cloud.clock.now())
        }
      }
      for (const at of forwarded) {
        const within = forwarded.filter((other) => other <= at && at - other < minutes(30))
        expect(within.length).toBeLessThanOrEqual(Math.max(0, attemptsOf(policy(threshold))))
      }
    }),
    { numRuns: 60 },
  )
})
