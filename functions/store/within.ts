/**
 * One call to a service, with an end.
 *
 * SDKs are handed the signal and mostly obey it; the race makes the end certain even where one does not (a credential
 * waiting for its token endpoint). What the service did with the call is then unknown to the caller.
 */
import type { Clock } from '../../shared/clock.ts'

/** Rejects with the signal's `TimeoutError` when `work` has not settled within `ms`. */
export async function within<T>(clock: Clock, ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = clock.deadline(ms)
  const { promise: expired, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work(signal), expired])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
