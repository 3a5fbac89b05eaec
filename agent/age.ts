/**
 * How old a message is, without ever comparing two machines' clocks (docs/protocol.md, Times).
 *
 * The broker stamped both ends of the time before delivery (enqueued, and locked-until less the lock's length); what has
 * passed since is the larger of this machine's two clocks, so that neither a step of the wall clock nor a suspension,
 * in which the monotonic clock may stand still, makes a message look younger than it is.
 */
import type { Clock } from '../shared/clock.ts'
import type { Delivery, Moment } from '../shared/relay/client.ts'

export type Stamps = Pick<Delivery, 'enqueuedAt' | 'lockedUntil' | 'received'>

/** ms; NaN (older than every limit: `<=` is false) when the broker's stamps are missing. */
export function messageAgeMs(stamps: Stamps, lockMs: number, clock: Clock): number {
  const queuedMs = Math.max(0, stamps.lockedUntil - lockMs - stamps.enqueuedAt)
  return queuedMs + sinceReceivedMs(stamps, clock)
}

const sinceReceivedMs = ({ received }: Pick<Stamps, 'received'>, clock: Clock): number =>
  Math.max(0, clock.now() - received.wall, clock.monotonic() - received.monotonic)

/**
 * How old it is at least and at most, long after: a clock that was set ahead must not make a message dead, and one that was set
 * back, or stood still, must not make it young.
 */
export function ageBounds({ ageMs, received }: { ageMs: number; received: Moment }, clock: Clock): { atLeastMs: number; atMostMs: number } {
  const since = [clock.now() - received.wall, clock.monotonic() - received.monotonic]
  return { atLeastMs: ageMs + Math.max(0, Math.min(...since)), atMostMs: ageMs + Math.max(0, ...since) }
}

/** Whether what begins now and takes at most `ms` is over before the lock is: until then nobody else has the message. */
export const lockOutlasts = (ms: number, stamps: Pick<Stamps, 'received'>, lockMs: number, clock: Clock): boolean =>
  sinceReceivedMs(stamps, clock) + ms < lockMs

/** The sender's clock and the broker's differ by more than this: nobody can say how old the wish is. */
export const maxSkewMs = 60_000
export const clocksAgree = (enqueuedAt: number, issuedAt: number): boolean => Math.abs(enqueuedAt - issuedAt) <= maxSkewMs
