/**
 * What a queue keeps of one message, what may be done with it, and when time will change it next.
 */
import type { Message } from './message.ts'

export type Settlement =
  | { kind: 'complete' }
  | { kind: 'abandon'; properties?: Record<string, unknown> | undefined }
  | { kind: 'defer'; properties?: Record<string, unknown> | undefined }
  | {
      kind: 'deadLetter'
      reason?: string | undefined
      description?: string | undefined
      properties?: Record<string, unknown> | undefined
    }

export interface Entry {
  readonly sequence: number
  message: Message
  state: 'active' | 'scheduled' | 'locked'
  deferred: boolean
  deliveryCount: number
  enqueuedAt: number
  expiresAt: number
  /** Nobody gets it before. */
  availableAt: number
  /** `token` is hex in network order. `bySession`: the lock ends with the session's, not by itself. */
  lock: { token: string; until: number; bySession: boolean } | undefined
}

export type Offer = { kind: 'enqueued'; sequence: number } | { kind: 'duplicate' }

export function nextChange(entry: Entry, now: number): number {
  if (entry.state === 'scheduled') return entry.enqueuedAt
  if (entry.lock) return entry.lock.bySession ? Number.POSITIVE_INFINITY : entry.lock.until
  return entry.availableAt > now ? Math.min(entry.availableAt, entry.expiresAt) : entry.expiresAt
}
