/** The valid messages: every operation, every kind of reply and event, and the largest of each. All values are fixed. */
import { createHash } from 'node:crypto'
import type { AgentEvent, DomainState } from '../../shared/event.ts'
import type { Reply, Request } from '../../shared/payload.ts'

/** Bytes that depend on the label alone, so that making the vectors again changes nothing. */
export function fixed(label: string, length: number): Buffer {
  let bytes = Buffer.alloc(0)
  for (let i = 0; bytes.length < length; i++) bytes = Buffer.concat([bytes, createHash('sha256').update(`${label}/${i}`).digest()])
  return bytes.subarray(0, length)
}

const base: Request = {
  operation: 'reset',
  issuedAt: 1_800_000_000_000,
  startWithinMs: 14_000,
  cloudAnchor: fixed('cloud anchor', 16),
  sourceAnchor: 'AAECAwQFBgcICQoLDA0ODw==',
  passwordKey: fixed('password key version', 16),
  newPassword: fixed('new password blob', 256),
  flags: 1,
  actor: 'self',
}
const bare = { issuedAt: base.issuedAt, startWithinMs: base.startWithinMs, flags: 0, actor: 'self' } as const
const person = { cloudAnchor: base.cloudAnchor, sourceAnchor: base.sourceAnchor }
const largest: Request = { ...base, sourceAnchor: 'a'.repeat(64), trace: fixed('trace', 25), flags: 3, startWithinMs: 600_000 }

export const requests: Record<string, [why: string, Request]> = {
  reset: ['what a person submits after the gate', base],
  'reset with trace': ['the W3C trace context rides along as 25 raw bytes', { ...base, trace: fixed('trace', 25) }],
  'largest reset': ['longest anchor and trace: must stay within 480 bytes', largest],
  'largest change': [
    'the old password too: must stay within 760 bytes',
    { ...largest, operation: 'change', oldPassword: fixed('old', 256) },
  ],
  'reset by an administrator': ['must change at next sign-in', { ...base, operation: 'adminReset', actor: 'admin', flags: 3 }],
  unlock: ['no password, no key', { ...bare, ...person, operation: 'unlock', flags: 1 }],
  check: ['no password, no key', { ...bare, ...person, operation: 'check' }],
  onboard: [
    'a probe under new key versions, no person',
    { ...bare, operation: 'onboard', passwordKey: fixed('new version', 16), probe: fixed('probe', 256), actor: 'admin' },
  ],
  offboard: ['nothing but itself', { ...bare, operation: 'offboard', actor: 'admin' }],
  settle: [
    'what became of an earlier request: its blob, its id and its age',
    { ...base, operation: 'settle', about: fixed('earlier id', 16), aboutAgeMs: 96_500 },
  ],
  'anchor outside ASCII': ['64 bytes are counted in UTF-8', { ...base, sourceAnchor: 'ü'.repeat(32) }],
}

const answered: Reply = { outcome: { kind: 'done' }, agentId: fixed('agent', 16), spentMs: [12, 9, 3, 31] }
const policy = { minLength: 14, historyLength: 24, complexity: true, minAgeMinutes: 1440, lockoutThreshold: 10, lockoutMinutes: 30 }

export const replies: Record<string, [why: string, Reply]> = {
  done: ['the password is set', answered],
  'too short': [
    'the rule and its number, and the policy a person may see',
    { ...answered, outcome: { kind: 'policy.length', minLength: 14 }, policy },
  ],
  'in history': ['how many are remembered', { ...answered, outcome: { kind: 'policy.history', historyLength: 24 }, policy }],
  'too young': ['when it can be tried again', { ...answered, outcome: { kind: 'policy.minAge', retryAt: 1_800_086_400_000 }, policy }],
  'not linked': ['the index of the condition', { ...answered, outcome: { kind: 'notLinked', condition: 'rule' } }],
  unknown: ['a write that could not be confirmed', { ...answered, outcome: { kind: 'unknown' } }],
  'onboard proof': ['HMAC of the probe', { ...answered, proof: fixed('proof', 32) }],
  'largest reply': [
    'must stay within 220 bytes',
    {
      outcome: { kind: 'policy.minAge', retryAt: Number.MAX_SAFE_INTEGER },
      agentId: fixed('agent', 16),
      spentMs: [600_000, 600_000, 600_000, 600_000],
      policy: {
        minLength: 255,
        historyLength: 1024,
        complexity: true,
        minAgeMinutes: 2_000_000,
        lockoutThreshold: 255,
        lockoutMinutes: 65_535,
      },
      proof: fixed('proof', 32),
    },
  ],
}

const speaker = {
  agentId: fixed('agent', 16),
  bootId: fixed('boot', 16),
  bootStartedAt: 1_799_999_000_000,
  sequence: 7,
  sentAt: 1_800_000_000_000,
}
const counters = { handled: 0, changed: 0, refused: 0, unknown: 0, rejected: 0, replays: 0 }
const quiet = { linkProven: true, packageKeys: [], passwordKeys: [], configuration: fixed('configuration', 8), domains: [], counters }
const domain = (n: number): DomainState => ({
  id: fixed(`domain ${n}`, 8),
  reachable: true,
  policy: {
    minLength: 255,
    historyLength: 1024,
    complexity: true,
    minAgeMinutes: 2_000_000,
    lockoutThreshold: 255,
    lockoutMinutes: 65_535,
  },
})
const many = 4_000_000_000

export const events: Record<string, [why: string, AgentEvent]> = {
  'first heartbeat': ['before anything is proven', { kind: 'heartbeat', ...speaker, ...quiet, version: '0.1.0' }],
  'largest heartbeat': [
    'five domains, both key versions of a rollover: must stay within 400 bytes',
    {
      kind: 'heartbeat',
      ...speaker,
      sequence: many,
      version: '100.100.100',
      linkProven: false,
      packageKeys: [fixed('p1', 16), fixed('p2', 16)],
      passwordKeys: [fixed('k1', 16), fixed('k2', 16)],
      configuration: fixed('configuration', 8),
      domains: [1, 2, 3, 4, 5].map(domain),
      counters: { handled: many, changed: many, refused: many, unknown: many, rejected: many, replays: many },
    },
  ],
  stopping: ['the last word of one boot', { kind: 'stopping', ...speaker }],
  'settled as done': ['known late', { kind: 'settled', ...speaker, request: fixed('request', 16), outcome: { kind: 'done' } }],
  'settled with a detail': [
    'details travel the same way as in a reply',
    { kind: 'settled', ...speaker, request: fixed('request', 16), outcome: { kind: 'policy.length', minLength: 14 } },
  ],
}
