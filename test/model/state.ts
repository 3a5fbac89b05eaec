/**
 * The world of one request as the model sees it: a broker, a directory, two agents with their journals, and what was told.
 *
 * Times are ms since the broker took the message. An agent's volatile side (`hand`) is lost when it dies, its journal is not.
 * A state is plain data: its JSON is its identity.
 */

export type Told = 'done' | 'superseded' | 'expired' | 'unknown' | 'policy.history' | 'policy.minAge' | 'directoryUnavailable'

/** What each of these says of the directory (docs/outcomes.md). */
export const notChanged: readonly Told[] = ['superseded', 'expired', 'policy.history', 'policy.minAge', 'directoryUnavailable']

export type Phase =
  /** Journalled as taken (handle.ts, enter). */
  | 'taken'
  /** Confirmed, looked up, and bound to write (reset.ts, up to job.begin). */
  | 'ready'
  /** Journalled that a write begins (reset.ts, job.begin). */
  | 'begun'
  /** The write is under way. */
  | 'sent'
  /** There is an outcome (loop.ts: a refusal is completed first, everything else is recorded first). */
  | 'decided'
  | 'completed'
  | 'recorded'
  | 'told'

export interface Hand {
  phase: Phase
  /** Of this delivery. */
  count: number
  lockedUntil: number
  /** By the agent's two clocks. */
  wall: number
  monotonic: number
  /** From the journal, before this delivery: how often seen, and pwdLastSet from before a write. */
  seenBefore: number
  begunBefore: number | null
  /** pwdLastSet as looked up, and whether the directory could have shown that somebody else had changed the password. */
  lookedUp: number | null
  sawOthers: boolean
  outcome: Told | null
}

export interface Agent {
  hand: Hand | null
  journal: { seen: number; wall: number; monotonic: number; age: number; begun: number | null; reply: Told | null; told: boolean }
  /** Away from true time by: a set wall clock; sleeps that the monotonic clock did not count. */
  wallOffset: number
  monotonicLag: number
}

export interface State {
  now: number
  message: { where: 'queue' | 'locked' | 'gone'; count: number; holder: number; until: number }
  /** `setAt`: as true time; `hidden`: "must change", pwdLastSet reads 0. */
  directory: { password: 'old' | 'ours' | 'theirs'; setAt: number; hidden: boolean; ourWrites: number }
  /** Writes handed over that have neither happened nor failed. */
  flights: { by: number; until: number }[]
  told: Told[]
  faults: number
  others: number
  /** What no later state may undo: set where a promise is broken. */
  broken: string | null
}

/** pwdLastSet of a password that is an hour old. */
const longAgo = -3_600_000

const freshAgent = (): Agent => ({
  hand: null,
  journal: { seen: 0, wall: 0, monotonic: 0, age: 0, begun: null, reply: null, told: false },
  wallOffset: 0,
  monotonicLag: 0,
})

export const initial = (faults: number, others: number): State => ({
  now: 0,
  message: { where: 'queue', count: 0, holder: -1, until: 0 },
  directory: { password: 'old', setAt: longAgo, hidden: false, ourWrites: 0 },
  flights: [],
  told: [],
  faults,
  others,
  broken: null,
})

export type World = State & { agents: Agent[] }
export const initialWorld = (agents: number, faults: number, others: number): World => ({
  ...initial(faults, others),
  agents: Array.from({ length: agents }, freshAgent),
})
