import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { placesPerLane } from '../../agent/lanes.ts'
import type { Outcome } from '../../shared/outcome.ts'
import { defaultTimes } from '../../shared/times.ts'
import { newPassword } from './new-password.ts'
import { openRoom, submitsAtOnce } from './room.ts'
import { failWhere, startTestReset, storeDown, type TestFlow, type TestReset, tapped } from './test-reset.ts'

let test: TestReset
beforeAll(async () => {
  test = await startTestReset()
})
afterAll(() => test.close())
beforeEach(() => {
  test.renew()
  test.cloud.pass(defaultTimes.answerMs + 10_000)
})

/** Submits that are sealed and asked by hand: each waits until the test answers it. */
function submits(limit: number) {
  const asked: ((outcome: Outcome) => void)[] = []
  const sealed: string[] = []
  const at = { rows: test.deps.rows, sealing: async () => {} }
  const room = openRoom(limit)
  const submit = (flow: TestFlow) =>
    newPassword({
      ...test.deps,
      rows: at.rows,
      room,
      write: async (turn) => {
        await at.sealing()
        sealed.push(turn.person.id)
        return new Promise((resolve) => asked.push(resolve))
      },
    })(flow.call({ newPassword: 'Correct-Horse-1' }))
  const whenAsked = async (count: number) => {
    while (asked.length < count) await new Promise(setImmediate)
  }
  return { at, asked, sealed, submit, whenAsked }
}

/** Of different people, so that no lease is in the way. */
const flowOf = (n: number) =>
  test.verified({ person: { id: `aaaaaaaa-0000-4000-8000-${String(n).padStart(12, '0')}`, sourceAnchor: 'YQ==' } })
const busy = { status: 503, body: { code: 'busy', effect: 'notChanged', retryable: true, state: 'verified' } }

describe('an instance that has as many under way as it may', () => {
  it('tells one more "busy" and leaves nothing behind: the same flow goes through once there is room', async () => {
    const { asked, sealed, submit, whenAsked } = submits(1)
    const [first, second] = [await flowOf(1), await flowOf(2)]
    const answer = submit(first)
    await whenAsked(1)
    const before = await second.row()
    expect(await submit(second)).toMatchObject(busy)
    expect(await second.row()).toEqual(before)
    expect(sealed).toHaveLength(1)
    asked[0]?.({ kind: 'done' })
    expect(await answer).toMatchObject({ status: 200, body: { code: 'done' } })

    const again = submit(second)
    await whenAsked(2)
    asked[1]?.({ kind: 'done' })
    expect(await again).toMatchObject({ status: 200, body: { code: 'done' } })
  })

  it('tells who was told "busy" by an agent, and presses again, the truth', async () => {
    const { asked, submit, whenAsked } = submits(1)
    const flow = await flowOf(3)
    const first = submit(flow)
    await whenAsked(1)
    asked[0]?.({ kind: 'busy' })
    expect(await first).toMatchObject(busy)
    const again = submit(flow)
    await whenAsked(2)
    asked[1]?.({ kind: 'done' })
    expect(await again).toMatchObject({ status: 200, body: { code: 'done', state: 'settled' } })
  })

  it('tells a second click on a flow under way what became of the first, not "busy"', async () => {
    const { asked, submit, whenAsked } = submits(1)
    const flow = await flowOf(4)
    const first = submit(flow)
    await whenAsked(1)
    asked[0]?.({ kind: 'done' })
    await first
    const other = submit(await flowOf(5))
    await whenAsked(2)
    expect(await submit(flow)).toMatchObject({ status: 200, body: { code: 'done', repeated: true } })
    asked[1]?.({ kind: 'done' })
    await other
  })

  it('has the room back also where sealing or the store fails', async () => {
    const { at, asked, submit, whenAsked } = submits(1)
    at.sealing = () => Promise.reject(storeDown())
    await expect(submit(await flowOf(6))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    at.sealing = async () => {}
    at.rows = tapped(test.deps.rows, { before: failWhere(({ operation }) => operation === 'read') })
    await expect(submit(await flowOf(7))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    at.rows = test.deps.rows
    const answer = submit(await flowOf(8))
    await whenAsked(1)
    asked[0]?.({ kind: 'done' })
    expect(await answer).toMatchObject({ status: 200 })
  })
})

it('is larger than a lane and smaller than what the host lets run at once', async () => {
  const host = JSON.parse(await readFile(new URL('../../host.json', import.meta.url), 'utf8'))
  expect(submitsAtOnce).toBeGreaterThan(placesPerLane)
  expect(submitsAtOnce).toBeLessThan(host.extensions.http.maxConcurrentRequests)
})

it('never holds more than it has room for, and always that many', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.boolean(), { maxLength: 40 }), (limit, comings) => {
      const room = openRoom(limit)
      const inside: Disposable[] = []
      for (const comes of comings) {
        const place = comes ? room.enter() : undefined
        if (comes) expect(place !== undefined).toBe(inside.length < limit)
        if (place) inside.push(place)
        else if (!comes) inside.pop()?.[Symbol.dispose]()
      }
    }),
  )
})
