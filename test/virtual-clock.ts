/**
 * A clock that stands still until a test moves it, with both of the real one's faces: wall time can be stepped, and the
 * monotonic side can stand still as in a suspension (shared/clock.ts).
 *
 * `advance` wakes whatever falls due one at a time, in order of time, and lets everything that needs no time run out in
 * between: after it, what those milliseconds could bring about has happened. Real sockets are not waited for.
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../shared/clock.ts'

export interface VirtualClock extends Clock {
  /** Lets time pass on both sides. */
  advance(ms: number): Promise<void>
  /** The wall clock is set; no time passes. */
  stepWall(ms: number): void
  /** The machine slept: on waking the wall clock has gone on, the monotonic one and every timer have not. */
  suspend(ms: number): void
  /** Sleeps and deadlines that nothing has ended yet. */
  pending(): number
}

interface Sleeper {
  dueMs: number
  wake(): void
}

export function virtualClock(startedAt = Date.UTC(2026, 5, 1, 12)): VirtualClock {
  const sleepers = new Set<Sleeper>()
  let passedMs = 0
  let wallMs = startedAt

  function after(ms: number, wake: () => void): Sleeper {
    const sleeper = { dueMs: passedMs + Math.max(0, ms), wake }
    sleepers.add(sleeper)
    return sleeper
  }
  /** Of those due at the same time, the one that lay down first. */
  const nextDue = (untilMs: number): Sleeper | undefined =>
    [...sleepers]
      .filter(({ dueMs }) => dueMs <= untilMs)
      .reduce<Sleeper | undefined>((a, b) => (a && a.dueMs <= b.dueMs ? a : b), undefined)

  function moveTo(ms: number): void {
    wallMs += ms - passedMs
    passedMs = ms
  }

  return {
    now: () => wallMs,
    monotonic: () => passedMs,
    async sleep(ms, { signal } = {}) {
      signal?.throwIfAborted()
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const sleeper = after(ms, resolve)
      const interrupt = () => reject(signal?.reason)
      signal?.addEventListener('abort', interrupt, { once: true })
      try {
        await promise
      } finally {
        sleepers.delete(sleeper)
        signal?.removeEventListener('abort', interrupt)
      }
    },
    turn: () => turn(),
    deadline(ms) {
      const controller = new AbortController()
      after(ms, () => controller.abort(new DOMException('the deadline has passed', 'TimeoutError')))
      return controller.signal
    },
    async advance(ms) {
      const untilMs = passedMs + ms
      await turn()
      for (let due = nextDue(untilMs); due; due = nextDue(untilMs)) {
        moveTo(due.dueMs)
        sleepers.delete(due)
        due.wake()
        await turn()
      }
      moveTo(untilMs)
    },
    stepWall(ms) {
      wallMs += ms
    },
    suspend(ms) {
      wallMs += ms
    },
    pending: () => sleepers.size,
  }
}
