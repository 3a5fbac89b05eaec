/**
 * What this agent does at most, whoever asks: they hold even if the cloud side is lost.
 *
 * Writes per minute, writes per person and hour, and a kill switch: as long as a file of that name exists, nothing is
 * written. Counted when a write may begin; what is refused here was not changed and never will be (event 34010).
 */
import { existsSync } from 'node:fs'
import type { Clock } from '../shared/clock.ts'

export interface CeilingSettings {
  perMinute: number
  perPersonPerHour: number
  stopFile: string
}

export type Ceiling = 'perMinute' | 'perPersonPerHour' | 'stopFile'

export interface Ceilings {
  /** Counts one more write for this person, or says which ceiling does not allow it. */
  admit(person: string): Ceiling | undefined
  /** The kill switch is on. */
  stopped(): boolean
}

const minuteMs = 60_000
const hourMs = 3_600_000

export function openCeilings({ perMinute, perPersonPerHour, stopFile }: CeilingSettings, clock: Clock): Ceilings {
  const all = openWindow(minuteMs, perMinute)
  const persons = new Map<string, Window>()
  let sweptAt = clock.monotonic()

  function windowOf(person: string, now: number): Window {
    // Nobody is remembered longer than their hour.
    if (now - sweptAt > minuteMs) {
      for (const [name, window] of persons) if (window.isEmpty(now)) persons.delete(name)
      sweptAt = now
    }
    const window = persons.get(person) ?? openWindow(hourMs, perPersonPerHour)
    persons.set(person, window)
    return window
  }

  const stopped = () => existsSync(stopFile)
  return {
    stopped,
    admit(person) {
      if (stopped()) return 'stopFile'
      const now = clock.monotonic()
      const own = windowOf(person, now)
      if (own.isFull(now)) return 'perPersonPerHour'
      if (all.isFull(now)) return 'perMinute'
      for (const window of [own, all]) window.count(now)
      return undefined
    },
  }
}

interface Window {
  isFull(now: number): boolean
  isEmpty(now: number): boolean
  count(now: number): void
}

/** The last `limit` times at most: no more is needed to know whether one more fits. */
function openWindow(lengthMs: number, limit: number): Window {
  const times: number[] = []
  const current = (now: number) => {
    while (times[0] !== undefined && now - times[0] >= lengthMs) times.shift()
    return times.length
  }
  return {
    isFull: (now) => current(now) >= limit,
    isEmpty: (now) => current(now) === 0,
    count: (now) => void times.push(now),
  }
}
