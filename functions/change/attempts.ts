/**
 * How many current passwords that may be wrong are forwarded for one person: a guess counts in the directory, too, and nobody may
 * be locked out of their desk by whoever guesses here.
 *
 * Of an observation window at most three, and never the last two before the lock-out, for those are the person's own. Counted
 * before it is sent, by a conditional write, whatever the number of instances, flows and addresses; given back where the
 * directory has accepted it. The window begins anew with every attempt that counts, as the directory's does. It is half an
 * hour at least: an agent lets ten writes an hour through for one person (agent/ceilings.ts), and a guess is one of them.
 */
import type { Clock } from '../../shared/clock.ts'
import { isFault } from '../../shared/fault.ts'
import type { PolicyFacts } from '../../shared/payload.ts'
import type { Rows } from '../store/rows.ts'

export interface AttemptsRow {
  count: number
  /** When the last one was counted, ms. */
  at: number
}

type Lockout = Pick<PolicyFacts, 'lockoutThreshold' | 'lockoutMinutes'>

export interface Attempts {
  /** Nothing is written. */
  anyLeft(personId: string, policy: Lockout): Promise<boolean>
  /** False: none is left, and nothing may be sent. */
  take(personId: string, policy: Lockout): Promise<boolean>
  /** It was no wrong one. */
  giveBack(personId: string): Promise<void>
}

const most = 3
const leastMinutes = 30
/** So many of the directory's own are left to the person. */
const theirs = 2

/** Below 1 nothing is ever forwarded. */
export const attemptsOf = ({ lockoutThreshold }: Lockout): number =>
  lockoutThreshold === 0 ? most : Math.min(most, lockoutThreshold - theirs)

const place = (personId: string) => ['state', 'attempts', personId] as const

export function openAttempts({ rows, clock }: { rows: Pick<Rows, 'read' | 'insert' | 'replace'>; clock: Clock }): Attempts {
  const used = (row: AttemptsRow | undefined, { lockoutMinutes }: Lockout): number =>
    row !== undefined && clock.now() - row.at < Math.max(lockoutMinutes, leastMinutes) * 60_000 ? row.count : 0

  /** False: somebody else wrote meanwhile. */
  async function write(personId: string, value: AttemptsRow, etag: string | undefined): Promise<boolean> {
    try {
      await (etag === undefined ? rows.insert(...place(personId), value) : rows.replace(...place(personId), value, etag))
      return true
    } catch (error) {
      if (isFault(error, 'STORE_CONFLICT')) return false
      throw error
    }
  }

  return {
    async anyLeft(personId, policy) {
      const row = await rows.read<AttemptsRow>(...place(personId))
      return used(row?.value, policy) < attemptsOf(policy)
    },
    async take(personId, policy) {
      const row = await rows.read<AttemptsRow>(...place(personId))
      const count = used(row?.value, policy)
      if (count >= attemptsOf(policy)) return false
      const taken = await write(personId, { count: count + 1, at: clock.now() }, row?.etag)
      return taken || this.take(personId, policy)
    },
    async giveBack(personId) {
      const row = await rows.read<AttemptsRow>(...place(personId))
      if (!row || row.value.count === 0) return
      const given = await write(personId, { ...row.value, count: row.value.count - 1 }, row.etag)
      if (!given) await this.giveBack(personId)
    },
  }
}
