/**
 * The only place that asks for the time or sets a timer.
 *
 * Time is an argument everywhere else, so that a test of six months takes milliseconds. `now` is wall time in ms since
 * the epoch; `monotonic` counts ms from an arbitrary start and never jumps (though it may stand still in a suspension).
 */
import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises'

export interface Clock {
  now(): number
  monotonic(): number
  /** Resolves after `ms`; rejects with the signal's reason when aborted. A pending sleep does not keep the process alive if `unref`. */
  sleep(ms: number, options?: { signal?: AbortSignal | undefined; unref?: boolean }): Promise<void>
  /** Resolves when what is ready to be written and read has been: for work that nobody waits for. Takes no time. */
  turn(): Promise<void>
  /** Aborts with a `TimeoutError` after `ms`. Does not keep the process alive. */
  deadline(ms: number): AbortSignal
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, { signal, unref = false } = {}) {
    try {
      await delay(ms, undefined, { ...(signal ? { signal } : {}), ref: !unref })
    } catch {
      // Node rejects with an AbortError of its own around the reason; an interruption is the only way a delay fails.
      throw signal?.reason
    }
  },
  turn: () => immediate(),
  deadline: (ms) => AbortSignal.timeout(Math.max(0, Math.ceil(ms))),
}

/** Runs `work` every `everyMs` until the signal aborts; the first run is one interval from now and runs never overlap. */
export async function every(clock: Clock, everyMs: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    try {
      await clock.sleep(everyMs, { signal, unref: true })
    } catch {
      return
    }
    await work()
  }
}

/** What `work` brings within `ms`, or a `TimeoutError`: for work that does not look at a signal. What it comes to later counts no more. */
export function inTime<T>(work: Promise<T>, clock: Clock, ms: number): Promise<T> {
  const late = Promise.withResolvers<never>()
  const signal = clock.deadline(ms)
  signal.addEventListener('abort', () => late.reject(signal.reason), { once: true })
  return Promise.race([work, late.promise])
}
