/**
 * How old a message is, without ever comparing two machines' clocks (docs/protocol.md, Times).
 *
 * The broker stamped both ends of the time before delivery (enqueued, and locked-until less the lock's length); what has
 * passed since is the larger of this machine's two clocks, so that neither a step of the wall clock nor a suspension,
 * in which the monotonic clock may stand still, makes a message look younger than it is.
 */
import type { Clock } from '../shared/clock.ts'
import type { Delivery } from '../shared/relay/client.ts'

export type Stamps = Pick<Delivery, 'enqueuedAt' | 'lockedUntil' | 'received'>

/** ms; NaN (older than every limit: `<=` is false) when the broker's stamps are missing. */
export function messageAgeMs(stamps: Stamps, lockMs: number, clock: Clock): number {
  const queuedMs = Math.max(0, stamps.lockedUntil - lockMs - stamps.enqueuedAt)
  return queuedMs + sinceReceivedMs(stamps, clock)
}

const sinceReceivedMs = ({ received }: Pick<Stamps, 'received'>, clock: Clock): number =>
  Math.max(0, clock.now() - received.wall, clock.monotonic() - received.monotonic)

/** Whether what begins now and takes at most `ms` is over before the lock is: until then nobody else has the message. */
export const lockOutlasts = (ms: number, stamps: Pick<Stamps, 'received'>, lockMs: number, clock: Clock): boolean =>
  sinceReceivedMs(stamps, clock) + ms < lockMs

/** The sender's clock and the broker's differ by more than this: nobody can say how old the wish is. */
export const maxSkewMs = 60_000
export const clocksAgree = (enqueuedAt: number, issuedAt: number): boolean => Math.abs(enqueuedAt - issuedAt) <= maxSkewMs
