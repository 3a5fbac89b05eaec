import { describe, expect, test } from 'vitest'
import { virtualClock } from '../test/virtual-clock.ts'
import { every, systemClock } from './clock.ts'

describe('the system clock', () => {
  test('sleeps, and counts on', async () => {
    const before = systemClock.monotonic()
    await systemClock.sleep(1)
    expect(systemClock.monotonic()).toBeGreaterThan(before)
    expect(new Date(systemClock.now()).getFullYear()).toBeGreaterThanOrEqual(2025)
  })

  test.each([true, false])('a sleep that is interrupted rejects with the reason itself (before it began: %s)', async (before) => {
    const controller = new AbortController()
    const reason = new Error('enough')
    if (before) controller.abort(reason)
    const slept = expect(systemClock.sleep(60_000, { signal: controller.signal })).rejects.toBe(reason)
    controller.abort(reason)
    await slept
  })

  test('a deadline in the past has passed by the next turn', async () => {
    const signal = systemClock.deadline(-5)
    await systemClock.sleep(5)
    expect(signal.reason).toMatchObject({ name: 'TimeoutError' })
  })
})

describe('every', () => {
  test('first after one interval, then again, never two at once', async () => {
    const clock = virtualClock()
    const stop = new AbortController()
    const startedAt: number[] = []
    const ended = every(clock, 1_000, stop.signal, async () => {
      startedAt.push(clock.monotonic())
      await clock.sleep(1_500)
    })
    await clock.advance(6_000)
    expect(startedAt).toEqual([1_000, 3_500, 6_000])
    stop.abort()
    await clock.advance(1_500)
    await ended
    expect(clock.pending()).toBe(0)
  })

  test('ends at once when told to, asleep or before it began', async () => {
    const clock = virtualClock()
    const stop = new AbortController()
    const work = () => Promise.reject(new Error('must not run'))
    const asleep = every(clock, 1_000, stop.signal, work)
    stop.abort()
    await asleep
    await every(clock, 1_000, stop.signal, work)
    expect(clock.pending()).toBe(0)
  })

  test('what its work throws ends it, and reaches who started it', async () => {
    const clock = virtualClock()
    const failed = expect(every(clock, 10, new AbortController().signal, () => Promise.reject(new Error('broken')))).rejects.toThrow(
      'broken',
    )
    await clock.advance(10)
    await failed
  })
})
