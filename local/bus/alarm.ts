/**
 * One pending wake-up on a clock: rings at the earliest of the times asked for, then waits to be asked again.
 *
 * It never keeps the process alive, and after `stop` it never rings.
 */
import type { Clock } from '../../shared/clock.ts'

/** `setTimeout` counts in 31 bits; a longer wait is cut into pieces, which costs one needless ring. */
const longestSleepMs = 2 ** 31 - 1

export class Alarm {
  readonly #clock: Clock
  readonly #ring: () => void
  #at = Number.POSITIVE_INFINITY
  #pending = new AbortController()
  #stopped = false

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock
    this.#ring = ring
  }

  /** Rings at `at` or earlier. */
  by(at: number): void {
    if (this.#stopped || at >= this.#at) return
    this.#at = at
    this.#pending.abort()
    this.#pending = new AbortController()
    const { signal } = this.#pending
    const waitMs = Math.min(longestSleepMs, Math.max(0, at - this.#clock.now()))
    this.#clock.sleep(waitMs, { signal, unref: true }).then(
      () => {
        if (signal.aborted) return
        this.#at = Number.POSITIVE_INFINITY
        this.#ring()
      },
      () => undefined, // aborted: an earlier time took its place, or the end
    )
  }

  stop(): void {
    this.#stopped = true
    this.#pending.abort()
  }
}
