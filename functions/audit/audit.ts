/**
 * What administrators did: an entry before anything happens, and its outcome after it. Newest first, a page at a time.
 *
 * Rows are MACed like all (store/rows.ts): whoever can only write to the table cannot make, edit or move an entry. They can
 * remove one; the same facts stand in the log (`administratorActed`). An entry that says `begun` is of a call whose end was
 * not written down: the instance died, or the store was away. Refused calls leave none, or anybody could fill the store.
 */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../../shared/clock.ts'
import type { Role } from '../entra/admin-token.ts'
import type { Rows } from '../store/rows.ts'

export interface AuditEntry {
  /** ms since the epoch. */
  at: number
  /** Object id of the administrator. */
  who: string
  role: Role
  /** The route's name. */
  action: string
  /** Whom or what it was about: an object id. */
  subject?: string
  reason?: string
  /** `begun`, then `done`, `accepted`, or the code of a problem or fault. */
  outcome: string
}

export interface AuditPage {
  entries: AuditEntry[]
  /** Give it to get what lies before; absent at the end. */
  next?: string
  /** Entries on this page whose MAC does not fit: somebody else wrote there. */
  rejected: number
}

export interface Audit {
  /** Throws if the entry cannot be written: then nothing may happen. The end, once it is known, is told to what is returned. */
  begin(entry: Omit<AuditEntry, 'at' | 'outcome'>): Promise<(outcome: string) => Promise<void>>
  page(before?: string): Promise<AuditPage>
}

const table = 'audit'
const partition = 'administrators'
export const pageSize = 50

/** Tables are sorted by row key: the time counts down, so that the newest comes first. */
const latestMs = 8.64e15
const rowKeyOf = (at: number) => `${String(latestMs - at).padStart(16, '0')}-${randomBytes(8).toString('base64url')}`
export const isPlace = (text: string) => /^\d{16}-[\w-]{11}$/.test(text)

export function openAudit({ rows, clock }: { rows: Rows; clock: Clock }): Audit {
  return {
    async begin(entry) {
      const begun: AuditEntry = { ...entry, at: clock.now(), outcome: 'begun' }
      const rowKey = rowKeyOf(begun.at)
      await rows.insert<AuditEntry>(table, partition, rowKey, begun)
      // Not `replace`: a rollover of the state key may have written the row anew meanwhile.
      return async (outcome) => void (await rows.put<AuditEntry>(table, partition, rowKey, { ...begun, outcome }))
    },
    async page(before) {
      const { rows: found, rejected, last } = await rows.page<AuditEntry>(table, partition, pageSize, before)
      return { entries: found.map(({ value }) => value), rejected, ...(last !== undefined && { next: last }) }
    },
  }
}
