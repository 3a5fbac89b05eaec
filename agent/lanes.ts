/**
 * One lane per domain: so many requests are worked on at once, the others wait in the order in which they came, and who
 * would wait longer than is promised is turned away before anything of theirs is opened (docs/protocol.md, Overload).
 *
 * The wait is judged by how long work took of late and, where a lane stands still, by how long it has. A lane holds
 * `placesPerLane` at most, so memory is bounded. Who must be worked on (a redelivery) is never turned away.
 */
import type { Clock } from '../shared/clock.ts'

export interface Lanes {
  /** Undefined: turned away, and `work` never begins. */
  run<T>(domain: string, visit: Visit, work: () => Promise<T>): Promise<T | undefined>
}

export interface Visit {
  /** Never turned away. */
  must: boolean
  /** Called as soon as there is a place, to work or to wait. */
  placed(): void
}

export const placesPerLane = 50
/** Who is expected to wait longer is turned away at once. */
export const promisedMs = 500
/** Who was let in and still waits is turned away then: the lane has become slower than it was. */
export const leavesAfterMs = 700
/** Until there is something to go by. */
const firstGuessMs = 100
/** So many of the last ones are gone by. Few: a directory that was away is as fast as ever when it is back. */
const lookBack = 4

export function openLanes(atOnce: number, clock: Clock): Lanes {
  const lanes = new Map<string, Lanes['run']>()
  return {
    run(domain, visit, work) {
      const run = lanes.get(domain) ?? openLane(atOnce, clock)
      lanes.set(domain, run)
      return run(domain, visit, work)
    },
  }
}

function openLane(atOnce: number, clock: Clock): Lanes['run'] {
  /** In the order in which they came. Calling one gives it the place of somebody who is done. */
  const waiting = new Set<() => void>()
  let working = 0
  /** How long the last ones took, ms. */
  const recent: number[] = []
  let lastBeganAt = 0

  /** One may always wait: otherwise a slow lane would stand empty until somebody happens to come by. */
  function isCrowded(): boolean {
    const meanMs = recent.length === 0 ? firstGuessMs : recent.reduce((sum, ms) => sum + ms, 0) / recent.length
    const eachMs = Math.max(meanMs, clock.monotonic() - lastBeganAt)
    const expectedMs = ((waiting.size + 1) * eachMs) / atOnce
    return waiting.size > 0 && (expectedMs > promisedMs || working + waiting.size >= placesPerLane)
  }

  /** False: it took too long, and nobody waits here any more. */
  async function turn(must: boolean): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const come = () => resolve(true)
    const over = new AbortController()
    const leave = () => void (waiting.delete(come) && resolve(false))
    waiting.add(come)
    if (!must) void clock.sleep(leavesAfterMs, { signal: over.signal, unref: true }).then(leave, () => {})
    return promise.finally(() => over.abort())
  }

  function passOn(): void {
    const [first] = waiting
    if (first === undefined) working -= 1
    else if (waiting.delete(first)) first()
  }

  return async (_, { must, placed }, work) => {
    if (working < atOnce) {
      working += 1
      placed()
    } else {
      if (!must && isCrowded()) return undefined
      placed()
      if (!(await turn(must))) return undefined
    }
    const beganAt = clock.monotonic()
    lastBeganAt = beganAt
    try {
      return await work()
    } finally {
      recent.push(clock.monotonic() - beganAt)
      if (recent.length > lookBack) recent.shift()
      passOn()
    }
  }
}
