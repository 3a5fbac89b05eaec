import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { virtualClock } from '../test/virtual-clock.ts'
import { leavesAfterMs, openLanes, placesPerLane } from './lanes.ts'

const corp = 'corp.example.test'

interface Visitor {
  came: number
  must: boolean
  placed: boolean
  began: boolean
  result: 'waiting' | 'worked' | 'turned away' | 'failed'
  endedMs: number
}

/** Lanes, and a list of who came in which order; each works for as long as is said. */
function scene(atOnce: number) {
  const clock = virtualClock()
  const lanes = openLanes(atOnce, clock)
  const visitors: Visitor[] = []
  const begun: Visitor[] = []
  const counts = { working: 0, most: 0 }

  function come(ms: number, { must = false, domain = corp, fails = false } = {}): Visitor {
    const visitor: Visitor = { came: visitors.length, must, placed: false, began: false, result: 'waiting', endedMs: Number.NaN }
    visitors.push(visitor)
    const placed = () => {
      visitor.placed = true
    }
    const work = async () => {
      visitor.began = true
      begun.push(visitor)
      counts.working += 1
      counts.most = Math.max(counts.most, counts.working)
      await clock.sleep(ms)
      counts.working -= 1
      if (fails) throw new Error('it failed')
      return 'worked' as const
    }
    const end = (result: Visitor['result']) => Object.assign(visitor, { result, endedMs: clock.monotonic() })
    void lanes.run(domain, { must, placed }, work).then(
      (result) => end(result ?? 'turned away'),
      () => end('failed'),
    )
    return visitor
  }
  const results = () => visitors.map(({ result }) => result)
  return { clock, come, visitors, begun, counts, results }
}

describe('a lane', () => {
  test('lets so many in at once, and the next when one is done, also by failing', async () => {
    const { clock, come, begun } = scene(2)
    for (const fails of [true, false, false]) come(100, { fails })
    await clock.advance(99)
    expect(begun).toHaveLength(2)
    await clock.advance(1)
    expect(begun).toHaveLength(3)
    await clock.advance(100)
    expect(begun.map(({ result }) => result)).toEqual(['failed', 'worked', 'worked'])
  })

  test('is one per domain: who waits for one domain keeps nobody from another', async () => {
    const { clock, come, begun } = scene(1)
    come(10_000)
    come(100)
    const north = come(100, { domain: 'north.example.test' })
    await clock.advance(100)
    expect(north.result).toBe('worked')
    expect(begun).toHaveLength(2)
  })

  test('turns away at once who would wait longer than half a second, by how long work took of late', async () => {
    const { clock, come, results } = scene(1)
    for (let n = 0; n < 4; n++) {
      come(49)
      await clock.advance(49)
    }
    const before = results().length
    for (let n = 0; n < 15; n++) come(49)
    await clock.advance(0)
    expect(results().slice(before)).toEqual([...Array(11).fill('waiting'), ...Array(4).fill('turned away')])
    await clock.advance(550)
    expect(results().slice(before)).toEqual([...Array(11).fill('worked'), ...Array(4).fill('turned away')])
  })

  test('that stands still turns away at once, and sends off who was let in before', async () => {
    const { clock, come, results } = scene(1)
    come(8_000)
    come(10)
    come(10)
    await clock.advance(550)
    expect(results()).toEqual(['waiting', 'waiting', 'waiting'])
    const late = come(10)
    await clock.advance(0)
    expect(late.result).toBe('turned away')
    await clock.advance(leavesAfterMs - 550)
    expect(results()).toEqual(['waiting', 'turned away', 'turned away', 'turned away'])
  })

  test('that stood still is as good as ever once it does not', async () => {
    const { clock, come, results } = scene(2)
    for (let n = 0; n < 4; n++) come(8_000, { must: true })
    await clock.advance(16_000)
    for (let n = 0; n < 4; n++) {
      come(50)
      await clock.advance(50)
    }
    const before = results().length
    for (let n = 0; n < 10; n++) come(50)
    await clock.advance(500)
    expect(results().slice(before)).toEqual(Array(10).fill('worked'))
  })

  test('that is slow is seldom empty while somebody comes', async () => {
    const { clock, come, begun } = scene(1)
    for (let n = 0; n < 35; n++) {
      come(1_000)
      await clock.advance(800)
    }
    // 28 seconds, one for each. If nobody might wait, every other visitor would find it empty: 18.
    expect(begun.length).toBeGreaterThanOrEqual(24)
  })

  test('never turns away who must be worked on, and lets them wait as long as it takes', async () => {
    const { clock, come } = scene(1)
    come(8_000)
    const redelivered = Array.from({ length: 3 }, () => come(10, { must: true }))
    await clock.advance(8_000 + 30)
    expect(redelivered.map(({ result }) => result)).toEqual(['worked', 'worked', 'worked'])
  })

  test('has no more than so many places, however fast it is', async () => {
    const { clock, come, results } = scene(4)
    for (let n = 0; n < 8; n++) {
      come(1)
      await clock.advance(1)
    }
    const before = results().length
    for (let n = 0; n < 2 * placesPerLane; n++) come(1)
    await clock.advance(0)
    expect(
      results()
        .slice(before)
        .filter((result) => result === 'waiting'),
    ).toHaveLength(placesPerLane)
  })

  test('whatever comes whenever: never more at once, in order, all answered, and who was turned away never began', async () => {
    const visit = fc.record({
      pauseMs: fc.nat(400),
      ms: fc.oneof(fc.nat(60), fc.nat(3_000)),
      must: fc.boolean(),
      fails: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(visit, { maxLength: 60 }), async (atOnce, visits) => {
        const { clock, come, visitors, begun, counts } = scene(atOnce)
        for (const { pauseMs, ms, ...how } of visits) {
          const cameMs = clock.monotonic()
          const visitor = come(ms, how)
          await clock.advance(0)
          // At once is at once.
          if (visitor.result === 'turned away') expect(visitor.endedMs).toBe(cameMs)
          expect(visitor.placed).toBe(visitor.result !== 'turned away')
          await clock.advance(pauseMs)
        }
        await clock.advance(60 * 3_000)
        expect(counts.most).toBeLessThanOrEqual(atOnce)
        expect(begun).toEqual([...begun].sort((a, b) => a.came - b.came))
        for (const { must, began, result } of visitors) {
          expect(result).not.toBe('waiting')
          expect(began).toBe(result !== 'turned away')
          if (must) expect(began).toBe(true)
        }
        expect(clock.pending()).toBe(0)
      }),
    )
  })
})
