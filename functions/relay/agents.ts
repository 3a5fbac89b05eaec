/**
 * Who is out there: what the agents said of themselves, and whether the service is up.
 *
 * An event is accepted only if the broker took it within 60 s of its being sent, and if it comes after the last one of
 * its agent in (boot started at, sequence): a recorded heartbeat cannot keep a dead agent alive. Up means at least one
 * agent with a proven link and a reachable domain, heard within two intervals and 30 s, not stopping. A request that was
 * not answered in time makes the service "down" at once, until an agent is heard again (docs/protocol.md, Events).
 * Of a revoked agent nothing is accepted any more.
 */
import type { Clock } from '../../shared/clock.ts'
import type { AgentEvent, Counters, DomainState } from '../../shared/event.ts'
import { isFault } from '../../shared/fault.ts'
import type { PolicyFacts } from '../../shared/payload.ts'
import type { Rows } from '../store/rows.ts'

export interface AgentRow {
  bootId: string
  bootStartedAt: number
  sequence: number
  /** The broker's time, ms. */
  heardAt: number
  stopping: boolean
  version?: string | undefined
  linkProven: boolean
  /** Since it started. */
  counters?: Counters | undefined
  domains: { id: string; reachable: boolean; policy?: PolicyFacts }[]
  packageKeys: string[]
  passwordKeys: string[]
  /** ms since the epoch. */
  revokedAt?: number | undefined
}

export type HeardAgent = AgentRow & { agent: string }
/** `revoked`: nothing it says counts, not even what would be true whenever it comes. */
export type Hearing = 'accepted' | 'refused' | 'revoked'

export type Writeback = 'up' | 'down'

export interface Agents {
  /** `enqueuedAt`: the broker's time. */
  heard(event: AgentEvent, enqueuedAt: number): Promise<Hearing>
  all(): Promise<HeardAgent[]>
  /** Heard in time, not stopping, not revoked: who has to prove new keys, whatever its link and its domains. */
  live(): Promise<HeardAgent[]>
  /** From now on nothing is accepted of it. False: nobody of that id was ever heard. */
  revoke(agent: string): Promise<boolean>
  /** Ends that; false as above. */
  admit(agent: string): Promise<boolean>
  writeback(): Promise<Writeback>
  /** A request was not answered in time. */
  unanswered(): Promise<void>
  /** An authentic reply came: somebody is there. */
  answered(): Promise<void>
}

export const heartbeatEveryMs = 300_000
export const heardWithinMs = 2 * heartbeatEveryMs + 30_000
const maxDelayMs = 60_000
/** "Down" is asked again sooner: somebody is waiting for it to end. */
const cachedMs = { up: 2_000, down: 250 } as const
const table = 'agents'

export function openAgents({ rows, clock }: { rows: Pick<Rows, 'read' | 'insert' | 'replace' | 'put' | 'list'>; clock: Clock }): Agents {
  let cached: { writeback: Writeback; until: number } | undefined
  let silent = false
  /** When a request was not answered and the table did not take it: written as soon as it does. */
  let unwritten: number | undefined

  async function noteUnanswered(at: number): Promise<void> {
    unwritten = at
    await rows.put(table, 'service', 'unanswered', { at })
    unwritten = undefined
  }

  async function read(): Promise<Writeback> {
    if (unwritten !== undefined) await noteUnanswered(unwritten)
    const [agents, unanswered] = await Promise.all([
      rows.list<AgentRow>(table, 'agent'),
      rows.read<{ at: number }>(table, 'service', 'unanswered'),
    ])
    silent = unanswered !== undefined && unanswered.value.at > 0
    return agents.some(({ value }) => isUp(value, clock.now(), unanswered?.value.at ?? 0)) ? 'up' : 'down'
  }

  return {
    async heard(event, enqueuedAt) {
      // Written so that a time that is none is refused, too.
      if (!(Math.abs(enqueuedAt - event.sentAt) <= maxDelayMs)) return 'refused'
      const hearing = await remember(event, enqueuedAt)
      cached = undefined
      return hearing
    },
    all,
    live: async () => (await all()).filter((agent) => isLive(agent, clock.now())),
    revoke: (agent) => mark(agent, clock.now()),
    admit: (agent) => mark(agent, undefined),
    async writeback() {
      if (cached && cached.until > clock.monotonic()) return cached.writeback
      const now = await read()
      cached = { writeback: now, until: clock.monotonic() + cachedMs[now] }
      return now
    },
    async unanswered() {
      cached = undefined
      silent = true
      await noteUnanswered(clock.now())
    },
    async answered() {
      if (!silent) return
      unwritten = undefined
      await rows.put(table, 'service', 'unanswered', { at: 0 })
      cached = undefined
      silent = false
    },
  }

  async function all(): Promise<HeardAgent[]> {
    return (await rows.list<AgentRow>(table, 'agent')).map(({ rowKey, value }) => ({ agent: rowKey, ...value }))
  }

  async function mark(agent: string, revokedAt: number | undefined): Promise<boolean> {
    cached = undefined
    const known = await rows.read<AgentRow>(table, 'agent', agent)
    if (!known) return false
    try {
      await rows.replace(table, 'agent', agent, { ...known.value, revokedAt }, known.etag)
      return true
    } catch (error) {
      if (isFault(error, 'STORE_CONFLICT')) return mark(agent, revokedAt)
      throw error
    }
  }

  async function remember(event: AgentEvent, heardAt: number): Promise<Hearing> {
    const id = event.agentId.toString('hex')
    const known = await rows.read<AgentRow>(table, 'agent', id)
    if (known?.value.revokedAt !== undefined) return 'revoked'
    if (known && !follows(event, known.value)) return 'refused'
    const value = merge(event, known?.value, heardAt)
    if (value === undefined) return 'refused'
    try {
      await (known ? rows.replace(table, 'agent', id, value, known.etag) : rows.insert(table, 'agent', id, value))
      return 'accepted'
    } catch (error) {
      // Another instance wrote a later event of the same agent meanwhile; this one is judged again.
      if (isFault(error, 'STORE_CONFLICT')) return remember(event, heardAt)
      throw error
    }
  }
}

const follows = (event: AgentEvent, known: AgentRow) =>
  event.bootStartedAt > known.bootStartedAt ||
  (event.bootStartedAt === known.bootStartedAt && event.bootId.toString('hex') === known.bootId && event.sequence > known.sequence)

/** Undefined: nothing to remember (an agent that we never heard says that it stops). */
function merge(event: AgentEvent, known: AgentRow | undefined, heardAt: number): AgentRow | undefined {
  const { bootStartedAt, sequence } = event
  const speaker = { bootId: event.bootId.toString('hex'), bootStartedAt, sequence, heardAt }
  switch (event.kind) {
    case 'heartbeat':
      return {
        ...speaker,
        stopping: false,
        version: event.version,
        linkProven: event.linkProven,
        counters: event.counters,
        domains: event.domains.map(domainRow),
        packageKeys: event.packageKeys.map((version) => version.toString('hex')),
        passwordKeys: event.passwordKeys.map((version) => version.toString('hex')),
      }
    case 'stopping':
      return known?.bootId === speaker.bootId ? { ...known, ...speaker, stopping: true } : undefined
    case 'settled':
      return known?.bootId === speaker.bootId ? { ...known, ...speaker } : blank(speaker)
  }
}

/** Of a domain that cannot be reached an agent may know nothing, and says so with zeros. */
const domainRow = ({ id, reachable, policy }: DomainState) => ({ id: id.toString('hex'), reachable, ...(reachable && { policy }) })
const blank = (speaker: Pick<AgentRow, 'bootId' | 'bootStartedAt' | 'sequence' | 'heardAt'>): AgentRow => ({
  ...speaker,
  stopping: false,
  linkProven: false,
  domains: [],
  packageKeys: [],
  passwordKeys: [],
})

const isLive = ({ heardAt, stopping, revokedAt }: AgentRow, now: number): boolean =>
  now - heardAt <= heardWithinMs && !stopping && revokedAt === undefined

const isUp = (agent: AgentRow, now: number, unansweredAt: number): boolean =>
  isLive(agent, now) && agent.heardAt > unansweredAt && agent.linkProven && agent.domains.some((domain) => domain.reachable)
