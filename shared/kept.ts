/**
 * A value that is read again from time to time, and what happens when it cannot be.
 *
 * Younger than `freshMs` it is served as it is. Older, it is read again first, once for everybody who waits. If that
 * fails for a passing reason, or takes long, the old value serves until it is `usableMs` old (and for a moment nobody asks
 * again, lest everybody waits for a service that hangs); a permanent fault is never papered over. A value that is too old to
 * be used is dropped then, whether anybody asks or not: it may be a key.
 * Age is the larger of wall and monotonic time, so that neither a set clock nor a suspended machine makes it young.
 */
import type { Clock } from './clock.ts'
import { isFault } from './fault.ts'

export interface Keeping {
  freshMs: number
  usableMs: number
}

export interface Kept<T> {
  get(): Promise<T>
  /** Reads it now, whatever its age. */
  renew(): Promise<T>
  /** Drops the value. Whoever waits for it still gets it. */
  forget(): void
}

/** Both sides' keys: a version that was disabled is not taken any more after a minute, or after five where the vault is away. */
export const keyKeeping: Keeping = { freshMs: 60_000, usableMs: 300_000 }
/** That there is no such version: it may be on its way. */
export const noKeyKeeping: Keeping = { freshMs: 60_000, usableMs: 60_000 }

const restMs = 5_000
/** How long anybody waits for a new value who could go on with the old one. */
const patienceMs = 1_000

/** `keeping` may depend on the value, e.g. to remember for a short time that there is none. */
export function kept<T>(clock: Clock, keeping: Keeping | ((value: T) => Keeping), load: () => Promise<T>): Kept<T> {
  let held: Held<T> | undefined
  let failed: Moment | undefined
  let loading: Promise<T> | undefined
  const forgotten = new AbortController()
  let dropping = false

  const younger = (limit: keyof Keeping) => (held && ageMs(clock, held) < held.keeping[limit] ? held : undefined)

  async function reload(): Promise<T> {
    // Taken before the read: a slow answer is as old as its question.
    const asked = momentOf(clock)
    try {
      const value = await load()
      hold({ value, keeping: typeof keeping === 'function' ? keeping(value) : keeping, ...asked })
      failed = undefined
      return value
    } catch (error) {
      failed = momentOf(clock)
      if (!isPassing(error)) held = undefined
      throw error
    } finally {
      loading = undefined
    }
  }
  function hold(next: Held<T>): void {
    if (forgotten.signal.aborted) return
    held = next
    // Of nothing, nothing is left behind: whoever can name versions must not set a timer for each.
    if (!dropping && next.value !== undefined) void dropWhenOld()
  }
  async function dropWhenOld(): Promise<void> {
    dropping = true
    while (held) {
      const leftMs = held.keeping.usableMs - ageMs(clock, held)
      if (leftMs <= 0) held = undefined
      else await clock.sleep(leftMs, { signal: forgotten.signal, unref: true }).catch(() => {})
    }
    dropping = false
  }
  async function asked(): Promise<T> {
    loading ??= reload()
    const old = younger('usableMs')
    if (!old) return loading
    const patience = new AbortController()
    const late = clock.sleep(patienceMs, { signal: patience.signal, unref: true }).then(() => {
      failed = momentOf(clock)
      return old.value
    })
    late.catch(() => {})
    try {
      return await Promise.race([loading, late])
    } catch (error) {
      if (isPassing(error) && ageMs(clock, old) < old.keeping.usableMs) return old.value
      throw error
    } finally {
      patience.abort()
    }
  }
  return {
    async get() {
      const resting = failed && ageMs(clock, failed) < restMs
      const served = younger(resting ? 'usableMs' : 'freshMs')
      return served ? served.value : await asked()
    },
    async renew() {
      // What is being read already may be as old as its question.
      await loading?.catch(() => {})
      loading ??= reload()
      return await loading
    },
    forget() {
      held = undefined
      forgotten.abort()
    },
  }
}

interface Moment {
  wallMs: number
  monotonicMs: number
}

type Held<T> = Moment & { value: T; keeping: Keeping }

const isPassing = (error: unknown) => isFault(error) && !error.permanent
const momentOf = (clock: Clock): Moment => ({ wallMs: clock.now(), monotonicMs: clock.monotonic() })
const ageMs = (clock: Clock, { wallMs, monotonicMs }: Moment) => Math.max(clock.now() - wallMs, clock.monotonic() - monotonicMs)

/** One kept value per name, at most `limit` of them; the ones not asked for the longest are forgotten first. */
export function keptByName<T>(
  clock: Clock,
  limit: number,
  keeping: (value: T) => Keeping,
  load: (name: string) => Promise<T>,
): { get(name: string): Promise<T>; has(name: string): boolean } {
  const entries = new Map<string, Kept<T>>()
  return {
    get(name) {
      const entry = entries.get(name) ?? kept(clock, keeping, () => load(name))
      entries.delete(name)
      entries.set(name, entry)
      const [oldest] = entries.keys()
      if (entries.size > limit && oldest !== undefined) {
        entries.get(oldest)?.forget()
        entries.delete(oldest)
      }
      return entry.get()
    },
    has: (name) => entries.has(name),
  }
}
