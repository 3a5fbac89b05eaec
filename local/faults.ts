/**
 * Disturbances a test orders in advance: "the next three requests are throttled, then one hangs".
 *
 * A queue that is worked off in order; each request takes at most one. Which kinds exist, and what they look like on
 * the wire, is for the stand-in that takes them.
 */

export type Disturbance<Kind extends string> = { kind: Kind; count: number }

export interface Disturbances<Kind extends string> {
  /** Replaces whatever is still to come; an empty list ends all disturbance. */
  set(list: Disturbance<Kind>[]): void
  /** What happens to the request at hand, if anything. */
  take(): Kind | undefined
}

export function makeDisturbances<Kind extends string>(): Disturbances<Kind> {
  let queue: Disturbance<Kind>[] = []
  return {
    set(list) {
      queue = list.filter((each) => each.count > 0).map((each) => ({ ...each }))
    },
    take() {
      const first = queue[0]
      if (!first) return undefined
      first.count -= 1
      if (first.count === 0) queue.shift()
      return first.kind
    },
  }
}
