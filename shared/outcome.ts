/**
 * Every way a request can end: a closed union, so that a new ending fails to compile wherever it is not handled
 * (wire code in payload.ts, HTTP status and text in functions/, event id here, docs/outcomes.md by a test).
 *
 * `effect` is the promise behind the word: `changed` means the directory has the new password; `notChanged` means it has
 * not and never will by this request; `unknown` means neither could be known yet. Event ids are those administrators of
 * Microsoft's service know; ours beyond theirs start at 34000.
 */

/** The four conditions of the specification for finding an account by its cloud anchor. */
export const linkConditions = ['connectorSpace', 'metaverse', 'cloud', 'rule'] as const
export type LinkCondition = (typeof linkConditions)[number]

export type Outcome =
  | { kind: 'policy.length'; minLength: number }
  | { kind: 'policy.history'; historyLength: number }
  /** `retryAt`: ms since the epoch, when the minimum age ends. */
  | { kind: 'policy.minAge'; retryAt: number }
  | { kind: 'notLinked'; condition: LinkCondition }
  | { kind: PlainKind }

type PlainKind =
  | 'done'
  | 'doneCloudPending'
  | 'unlocked'
  | 'policy.complexity'
  | 'policy.containsName'
  | 'policy.filter'
  | 'policy.banned'
  | 'wrongPassword'
  | 'userNotFound'
  | 'ambiguousUser'
  | 'notEligible'
  | 'protectedAccount'
  | 'permissionDenied'
  | 'accountDisabled'
  | 'accountExpired'
  | 'cannotChange'
  | 'smartCardRequired'
  | 'accountLocked'
  | 'directoryUnavailable'
  | 'busy'
  | 'serviceDown'
  | 'clockUnsure'
  | 'expired'
  | 'superseded'
  | 'unknown'
  | 'rejected'
  | 'disabled'
  | 'cloudOnly'

export type OutcomeKind = Outcome['kind']
export type Effect = 'changed' | 'notChanged' | 'unknown'

interface Meaning {
  effect: Effect
  /** Another password, or the same one later, may succeed without anybody setting something up first. */
  retryable: boolean
  event: number | string
}

export const outcomes = {
  done: { effect: 'changed', retryable: false, event: 31002 },
  doneCloudPending: { effect: 'changed', retryable: false, event: 34001 },
  /** The account is not locked any more; of the password nothing was asked. */
  unlocked: { effect: 'notChanged', retryable: false, event: 34023 },
  'policy.length': { effect: 'notChanged', retryable: true, event: 33008 },
  'policy.complexity': { effect: 'notChanged', retryable: true, event: 33008 },
  'policy.containsName': { effect: 'notChanged', retryable: true, event: 33008 },
  'policy.history': { effect: 'notChanged', retryable: true, event: 33008 },
  'policy.minAge': { effect: 'notChanged', retryable: true, event: 33008 },
  'policy.filter': { effect: 'notChanged', retryable: true, event: 33008 },
  'policy.banned': { effect: 'notChanged', retryable: true, event: 34008 },
  wrongPassword: { effect: 'notChanged', retryable: true, event: 33007 },
  userNotFound: { effect: 'notChanged', retryable: false, event: 33002 },
  ambiguousUser: { effect: 'notChanged', retryable: false, event: 33003 },
  notLinked: { effect: 'notChanged', retryable: false, event: 33002 },
  notEligible: { effect: 'notChanged', retryable: false, event: 'SSPR_0013' },
  protectedAccount: { effect: 'notChanged', retryable: false, event: 33004 },
  permissionDenied: { effect: 'notChanged', retryable: false, event: 33004 },
  accountDisabled: { effect: 'notChanged', retryable: false, event: 33005 },
  accountExpired: { effect: 'notChanged', retryable: false, event: 33005 },
  cannotChange: { effect: 'notChanged', retryable: false, event: 33008 },
  smartCardRequired: { effect: 'notChanged', retryable: false, event: 33008 },
  accountLocked: { effect: 'notChanged', retryable: true, event: 33006 },
  directoryUnavailable: { effect: 'notChanged', retryable: true, event: 33001 },
  busy: { effect: 'notChanged', retryable: true, event: 34007 },
  serviceDown: { effect: 'notChanged', retryable: true, event: 32001 },
  clockUnsure: { effect: 'notChanged', retryable: false, event: 34005 },
  expired: { effect: 'notChanged', retryable: true, event: 34002 },
  superseded: { effect: 'notChanged', retryable: true, event: 34009 },
  unknown: { effect: 'unknown', retryable: false, event: 34006 },
  rejected: { effect: 'notChanged', retryable: false, event: 32004 },
  disabled: { effect: 'notChanged', retryable: false, event: 'SSPR_0010' },
  cloudOnly: { effect: 'notChanged', retryable: false, event: 'SSPR_0011' },
} as const satisfies Record<OutcomeKind, Meaning>

/** A refusal of the password itself: the person may choose another one on the same flow. */
export const isPolicyRefusal = (outcome: Outcome): boolean => outcome.kind.startsWith('policy.')
