/**
 * How long the watchdog waits, and how a wait ends: by its time, because the link is gone, or because what it waited for came.
 *
 * Listeners are taken off again: a link lives for hours and is looked at all the time.
 */
import type { Clock } from '../clock.ts'
import { Fault } from '../fault.ts'

/** Sleeps; rejects when the link is gone or `own` is aborted. */
async function pause(clock: Clock, ms: number, gone: AbortSignal, own: AbortController): Promise<void> {
  const leave = () => own.abort()
  gone.addEventListener('abort', leave, { once: true })
  if (gone.aborted) leave()
  try {
    await clock.sleep(ms, { signal: own.signal })
  } finally {
    gone.removeEventListener('abort', leave)
  }
}

/** What `work` brings within `ms`, as long as the link is there. */
export async function within<T>(clock: Clock, ms: number, work: Promise<T>, gone: AbortSignal): Promise<T> {
  const settled = new AbortController()
  const timer = pause(clock, ms, gone, settled).then(
    () => Promise.reject(new Fault('RELAY_DOWN', `no answer from the broker within ${ms} ms`)),
    () => Promise.reject(gone.reason instanceof Error ? gone.reason : new Fault('RELAY_DOWN', 'the link is gone')),
  )
  try {
    return await Promise.race([work, timer])
  } finally {
    settled.abort()
    timer.catch(() => {})
  }
}

/** A sixtieth of how long nothing has worked, between one second and half a minute. */
export const longestPauseMs = (failingMs: number): number => Math.min(30_000, Math.max(1_000, failingMs / 60))

/** Doubling from a quarter of a second to the longest pause, each between 50 % and 100 % so that many clients do not come back at once. */
export const backoffMs = (attempt: number, failingMs: number, random: () => number): number =>
  Math.min(longestPauseMs(failingMs), 250 * 2 ** Math.max(0, attempt - 1)) * (0.5 + random() / 2)
