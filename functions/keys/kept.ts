/**
 * A value that is read again from time to time, and what happens when it cannot be.
 *
 * Younger than `freshMs` it is served as it is. Older, it is read again first, once for everybody who waits. If that
 * fails for a passing reason, the old value serves until it is `usableMs` old (and for a moment nobody asks again, lest
 * everybody waits for a service that hangs); a permanent fault is never papered over.
 * Age is the larger of wall and monotonic time, so that neither a set clock nor a suspended machine makes it young.
 */
import type { Clock } from '../../shared/clock.ts'
import { isFault } from '../../shared/fault.ts'

export interface Keeping {
  freshMs: number
  usableMs: number
}

export interface Kept<T> {
  get(): Promise<T>
  /** Reads it now, whatever its age. */
  renew(): Promise<T>
}

const restMs = 5_000

/** `keeping` may depend on the value, e.g. to remember for a short time that there is none. */
export function kept<T>(clock: Clock, keeping: Keeping | ((value: T) => Keeping), load: () => Promise<T>): Kept<T> {
  let held: (Moment & { value: T }) | undefined
  let failed: Moment | undefined
  let loading: Promise<T> | undefined

  const younger = (limit: keyof Keeping) => {
    if (!held) return undefined
    const limits = typeof keeping === 'function' ? keeping(held.value) : keeping
    return ageMs(clock, held) < limits[limit] ? held : undefined
  }
  async function reload(): Promise<T> {
    // Taken before the read: a slow answer is as old as its question.
    const asked = momentOf(clock)
    try {
      const value = await load()
      held = { value, ...asked }
      failed = undefined
      return value
    } catch (error) {
      failed = momentOf(clock)
      throw error
    } finally {
      loading = undefined
    }
  }
  return {
    async get() {
      const resting = failed && ageMs(clock, failed) < restMs
      const served = younger(resting ? 'usableMs' : 'freshMs')
      if (served) return served.value
      try {
        loading ??= reload()
        return await loading
      } catch (error) {
        const usable = isFault(error) && !error.permanent ? younger('usableMs') : undefined
        if (!usable) throw error
        return usable.value
      }
    },
    async renew() {
      // What is being read already may be as old as its question.
      await loading?.catch(() => {})
      loading ??= reload()
      return await loading
    },
  }
}

interface Moment {
  wallMs: number
  monotonicMs: number
}

const momentOf = (clock: Clock): Moment => ({ wallMs: clock.now(), monotonicMs: clock.monotonic() })
const ageMs = (clock: Clock, { wallMs, monotonicMs }: Moment) => Math.max(clock.now() - wallMs, clock.monotonic() - monotonicMs)

/** One kept value per name, at most `limit` of them; the ones not asked for the longest are forgotten first. */
export function keptByName<T>(
  clock: Clock,
  limit: number,
  keeping: (value: T) => Keeping,
  load: (name: string) => Promise<T>,
): { get(name: string): Promise<T> } {
  const entries = new Map<string, Kept<T>>()
  return {
    get(name) {
      const entry = entries.get(name) ?? kept(clock, keeping, () => load(name))
      entries.delete(name)
      entries.set(name, entry)
      const [oldest] = entries.keys()
      if (entries.size > limit && oldest !== undefined) entries.delete(oldest)
      return entry.get()
    },
  }
}
