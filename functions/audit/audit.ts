/**
 * What administrators did: an entry before anything happens, and its outcome after it.
 *
 * Rows are MACed like all (store/rows.ts): whoever can only write to the table cannot make, edit or move an entry. They can
 * remove one; the same facts stand in the log (`administratorActed`). An entry that says `begun` is of a call whose end was
 * not written down: the instance died, or the store was away. Refused calls leave none, or anybody could fill the store.
 */
import type { Clock } from '../../shared/clock.ts'
import type { Role } from '../entra/admin-token.ts'
import type { Rows } from '../store/rows.ts'
import { administrators, auditTable, newPlace } from './place.ts'

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
  /** The message-id, of what was asked of the directory. */
  request?: string
  /** `begun`, then `done`, `accepted`, or the code of a problem or fault. */
  outcome: string
}

export interface Audit {
  /** Throws if the entry cannot be written: then nothing may happen. The end, once it is known, is told to what is returned. */
  begin(entry: Omit<AuditEntry, 'at' | 'outcome' | 'request'>): Promise<(outcome: string, request?: string) => Promise<void>>
}

export function openAudit({ rows, clock }: { rows: Pick<Rows, 'insert' | 'put'>; clock: Clock }): Audit {
  return {
    async begin(entry) {
      const begun: AuditEntry = { ...entry, at: clock.now(), outcome: 'begun' }
      const rowKey = newPlace(begun.at)
      await rows.insert<AuditEntry>(auditTable, administrators, rowKey, begun)
      // Not `replace`: a rollover of the state key may have written the row anew meanwhile.
      return async (outcome, request) =>
        void (await rows.put<AuditEntry>(auditTable, administrators, rowKey, {
          ...begun,
          outcome,
          ...(request !== undefined && { request }),
        }))
    },
  }
}
