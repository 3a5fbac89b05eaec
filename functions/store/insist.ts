/**
 * What must be written down however long the store is away: an outcome that became known late, and what an agent said.
 *
 * A message that brings such a thing has ten deliveries and five minutes. Given back at once each time, the deliveries would be
 * used up within seconds and the message put aside, where nobody looks; so each delivery tries for as long as this.
 */
import type { Clock } from '../../shared/clock.ts'
import { isFault } from '../../shared/fault.ts'

export const insistForMs = 25_000
const pauseMs = 1_000

/** `work` may be done again without harm. Rejects with its last fault, or at once with one that does not pass. */
export async function insist<T>(work: () => Promise<T>, clock: Clock): Promise<T> {
  const until = clock.monotonic() + insistForMs
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isFault(error, 'STORE_UNAVAILABLE') || clock.monotonic() + pauseMs > until) throw error
      await clock.sleep(pauseMs, { unref: true })
    }
  }
}
