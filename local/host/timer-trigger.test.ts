import { expect, test } from 'vitest'
import type { Clock } from '../../shared/clock.ts'
import { readHostJson } from './host-json.ts'
import type { Invoker } from './invoke.ts'
import { startTimerTrigger } from './timer-trigger.ts'

/** A clock whose sleeps end at once and move it on; `firings` of them, then it stands still until aborted. */
function leapingClock(startMs: number, firings: number): Clock {
  let nowMs = startMs
  let left = firings
  return {
    now: () => nowMs,
    monotonic: () => nowMs,
    sleep: async (ms, { signal } = {}) => {
      if (left-- > 0) nowMs += ms
      else await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    },
    turn: async () => {},
    deadline: () => new AbortController().signal,
  }
}

test('a timer fires on its schedule, one run after the other, until it is stopped', async () => {
  const clock = leapingClock(Date.parse('2026-11-22T16:50:00Z'), 3)
  const fired: string[] = []
  const thirdTime = Promise.withResolvers<void>()
  const invoker = {
    invoke: async () => {
      fired.push(new Date(clock.now()).toISOString())
      if (fired.length === 3) thirdTime.resolve()
      return { kind: 'succeeded', response: {} }
    },
  } as unknown as Invoker
  const bindings = { t: { type: 'timerTrigger', direction: 'in', schedule: '%EVERY%' } } as const
  const trigger = startTimerTrigger(
    { metadata: { name: 'tick', bindings }, callback: () => undefined },
    { settings: { EVERY: '0 */10 * * * *' }, host: readHostJson({ version: '2.0' }, {}), invoker, clock, log: () => undefined },
  )
  await thirdTime.promise
  await trigger.stop()
  await trigger.close()
  expect(fired).toEqual(['2026-11-22T17:00:00.000Z', '2026-11-22T17:10:00.000Z', '2026-11-22T17:20:00.000Z'])
})
