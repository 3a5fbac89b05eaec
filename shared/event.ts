/**
 * What an agent says unasked: heartbeat, stopping, settled (docs/protocol.md, Events). Key 1 tells which it is.
 */
import { createHash } from 'node:crypto'
import { rejected } from './envelope.ts'
import { type AgentOutcome, maxOutcomeCode, outcomeFromWire, outcomeToWire } from './outcome-code.ts'
import { type PolicyFacts, policyFacts, policyFromWire, policyToWire } from './payload.ts'
import { bytes, constant, type Declaration, decodeShape, encodeShape, flag, list, optional, readKey, text, tuple, uint } from './shape.ts'

/** Who speaks, and in which order: accepted only if (bootStartedAt, sequence) grows. GUIDs 16 bytes, times ms. */
export interface Speaker {
  agentId: Buffer
  bootId: Buffer
  bootStartedAt: number
  sequence: number
  sentAt: number
}

export const domainIdOf = (name: string): Buffer => createHash('sha256').update(name.toLowerCase()).digest().subarray(0, 8)

/** `id`: SHA-256 of the domain's DNS name in lower case, first 8 bytes: one size for every name, and no name in a table. */
export interface DomainState {
  id: Buffer
  reachable: boolean
  policy: PolicyFacts
}

/** Since the agent's boot. */
export interface Counters {
  handled: number
  changed: number
  refused: number
  unknown: number
  rejected: number
  replays: number
}

export interface Heartbeat extends Speaker {
  kind: 'heartbeat'
  version: string
  /** The receive link was seen to work within the last 60 s. */
  linkProven: boolean
  /** Key versions proven within this interval by opening the agent's own probe; at most two of each, during a rollover. */
  packageKeys: Buffer[]
  passwordKeys: Buffer[]
  /** SHA-256 over the settings that must be equal on all agents, first 8 bytes. */
  configuration: Buffer
  /** At most 5 per heartbeat. */
  domains: DomainState[]
  counters: Counters
}

/** Concerns its own boot id only: a restarted agent is not stopped by what its former self said. */
export interface Stopping extends Speaker {
  kind: 'stopping'
}

/** The outcome of `request` became known after its answer. */
export interface Settled extends Speaker {
  kind: 'settled'
  request: Buffer
  outcome: AgentOutcome
}

export type AgentEvent = Heartbeat | Stopping | Settled

const code = { heartbeat: 0, stopping: 1, settled: 2 } as const satisfies Record<AgentEvent['kind'], number>

const guid = bytes(16)
const speaker = { agentId: [2, guid], bootId: [3, guid], bootStartedAt: [4, uint()], sequence: [5, uint()], sentAt: [6, uint()] } as const

const heartbeatShape = {
  kind: [1, constant(code.heartbeat)],
  ...speaker,
  version: [7, text(16)],
  linkProven: [8, flag],
  packageKeys: [9, list(guid, 0, 2)],
  passwordKeys: [10, list(guid, 0, 2)],
  configuration: [11, bytes(8)],
  domains: [12, list(tuple(bytes(8), flag, policyFacts), 0, 5)],
  counters: [13, list(uint(), 6, 6)],
} as const satisfies Declaration

const stoppingShape = { kind: [1, constant(code.stopping)], ...speaker } as const satisfies Declaration

const settledShape = {
  kind: [1, constant(code.settled)],
  ...speaker,
  request: [14, guid],
  outcome: [15, uint(maxOutcomeCode)],
  detail: [16, optional(uint())],
} as const satisfies Declaration

const counterNames = ['handled', 'changed', 'refused', 'unknown', 'rejected', 'replays'] as const satisfies readonly (keyof Counters)[]

/** Six, as the shape has checked. */
function countersOf([handled = 0, changed = 0, refused = 0, unknown = 0, rejected = 0, replays = 0]: number[]): Counters {
  return { handled, changed, refused, unknown, rejected, replays }
}

export function encodeEvent(event: AgentEvent): Uint8Array {
  switch (event.kind) {
    case 'heartbeat':
      return encodeShape(heartbeatShape, {
        ...event,
        kind: code.heartbeat,
        domains: event.domains.map(({ id, reachable, policy }) => [id, reachable, policyToWire(policy)]),
        counters: counterNames.map((name) => event.counters[name]),
      })
    case 'stopping':
      return encodeShape(stoppingShape, { ...event, kind: code.stopping })
    case 'settled': {
      const { outcome, ...rest } = event
      return encodeShape(settledShape, { ...rest, kind: code.settled, ...outcomeToWire(outcome) })
    }
  }
}

export function decodeEvent(input: Uint8Array): AgentEvent {
  switch (readKey(input, 1)) {
    case code.heartbeat: {
      const { domains, counters, ...rest } = decodeShape(heartbeatShape, input)
      return {
        ...rest,
        kind: 'heartbeat',
        domains: domains.map(([id, reachable, policy]) => ({ id, reachable, policy: policyFromWire(policy) })),
        counters: countersOf(counters),
      }
    }
    case code.stopping:
      return { ...decodeShape(stoppingShape, input), kind: 'stopping' }
    case code.settled: {
      const { outcome, detail, ...rest } = decodeShape(settledShape, input)
      return { ...rest, kind: 'settled', outcome: outcomeFromWire(outcome, detail) }
    }
    default:
      throw rejected()
  }
}
