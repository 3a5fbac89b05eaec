/**
 * Outcomes as they travel: one small number and, for four of them, one more (docs/protocol.md, Outcome codes).
 *
 * Only what an agent may say has a number. Numbers are never reused; the list grows at its end.
 */
import { rejected } from './envelope.ts'
import { linkConditions, type Outcome, type OutcomeKind } from './outcome.ts'

/** The outcomes an agent may send. The rest are decided in the cloud and have no number. */
const outcomeCodes = {
  done: 0,
  'policy.length': 1,
  'policy.complexity': 2,
  'policy.containsName': 3,
  'policy.history': 4,
  'policy.minAge': 5,
  'policy.filter': 6,
  wrongPassword: 7,
  userNotFound: 8,
  ambiguousUser: 9,
  notLinked: 10,
  protectedAccount: 11,
  permissionDenied: 12,
  accountDisabled: 13,
  accountExpired: 14,
  cannotChange: 15,
  smartCardRequired: 16,
  accountLocked: 17,
  directoryUnavailable: 18,
  busy: 19,
  clockUnsure: 20,
  expired: 21,
  superseded: 22,
  unknown: 23,
  rejected: 24,
} as const satisfies Partial<Record<OutcomeKind, number>>
type AgentKind = keyof typeof outcomeCodes
type DetailedKind = 'policy.length' | 'policy.history' | 'policy.minAge' | 'notLinked'
export type AgentOutcome = Extract<Outcome, { kind: DetailedKind }> | { kind: Exclude<AgentKind, DetailedKind> }

const kinds = Object.keys(outcomeCodes) as AgentKind[]
export const maxOutcomeCode = kinds.length - 1

/** Outcome -> [code, detail?]: the one number that goes with it (length, count, time in ms, or index of the link condition). */
export function outcomeToWire(outcome: AgentOutcome): { outcome: number; detail?: number } {
  const code = { outcome: outcomeCodes[outcome.kind] }
  switch (outcome.kind) {
    case 'policy.length':
      return { ...code, detail: outcome.minLength }
    case 'policy.history':
      return { ...code, detail: outcome.historyLength }
    case 'policy.minAge':
      return { ...code, detail: outcome.retryAt }
    case 'notLinked':
      return { ...code, detail: linkConditions.indexOf(outcome.condition) }
    default:
      return code
  }
}

export function outcomeFromWire(code: number, detail: number | undefined): AgentOutcome {
  const kind = kinds[code]
  if (kind === undefined) throw rejected()
  switch (kind) {
    case 'policy.length':
      return { kind, minLength: present(detail) }
    case 'policy.history':
      return { kind, historyLength: present(detail) }
    case 'policy.minAge':
      return { kind, retryAt: present(detail) }
    case 'notLinked':
      return { kind, condition: present(linkConditions[present(detail)]) }
    default:
      if (detail !== undefined) throw rejected()
      return { kind }
  }
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw rejected()
  return value
}
