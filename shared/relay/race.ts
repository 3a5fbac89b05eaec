/**
 * What answers late is not given up but raced: a fresh link is opened beside it, and whoever is first wins.
 *
 * An answer takes one round trip and an opening a dozen, so a slow network keeps what it has. Whatever loses and comes after all
 * is dropped.
 */
import type { Clock } from '../clock.ts'
import { within } from './waits.ts'

export interface Opening<U> {
  up: Promise<U>
  /** Aborts when the link says by itself that it is gone, opened or not. */
  gone: AbortSignal
}

export interface Race<U> {
  clock: Clock
  begin(): Opening<U>
  drop(up: U): void
  /** From then on it is late, and fresh ones are tried. */
  lateMs: number
  timeoutMs: number
  /** How long each fresh one has until the next is tried instead. */
  everyMs: () => number
}

/** What `work` brings, or a fresh link if that is there first. */
export async function orFresh<T, U>(work: Promise<T>, gone: AbortSignal, race: Race<U>): Promise<T | U> {
  const over = new AbortController()
  const fresh = firstFresh(race, over.signal)
  let first: T | U | undefined
  try {
    first = await Promise.race([within(race.clock, race.timeoutMs, work, gone), fresh])
    return first
  } finally {
    over.abort()
    dropLate(fresh, race, first)
  }
}

async function firstFresh<U>(race: Race<U>, over: AbortSignal): Promise<U> {
  const { clock } = race
  await clock.sleep(race.lateMs, { signal: over })
  while (true) {
    const everyMs = race.everyMs()
    const next = clock.sleep(everyMs, { signal: over })
    next.catch(() => {})
    const { up, gone } = race.begin()
    const arrived = await within(clock, everyMs, up, AbortSignal.any([gone, over])).catch(() => undefined)
    dropLate(up, race, arrived)
    if (arrived !== undefined) return arrived
    await next
  }
}

/** An opening that nobody waits for any more must still be dropped when it comes, or its session stays locked. */
export function dropLate<U>(opening: Promise<U>, { drop }: Pick<Race<U>, 'drop'>, taken: unknown): void {
  opening.then((up) => up !== taken && drop(up)).catch(() => {})
}
