/**
 * What is inside the envelope: CBOR maps with small integer keys, one declaration per message (docs/protocol.md).
 *
 * GUIDs and versions are 16 raw bytes, times are ms since the epoch, durations ms. Nothing here names a person, a DN or
 * says what a server wrote.
 */
import { rejected } from './envelope.ts'
import { type AgentOutcome, maxOutcomeCode, outcomeFromWire, outcomeToWire } from './outcome-code.ts'
import { bytes, type Declaration, decodeShape, encodeShape, flag, optional, type Shaped, text, tuple, uint } from './shape.ts'

export const operations = ['reset', 'change', 'adminReset', 'unlock', 'check', 'onboard', 'offboard', 'settle'] as const
export type Operation = (typeof operations)[number]
export const actors = ['self', 'admin'] as const
export type Actor = (typeof actors)[number]
export const flags = { unlock: 1, mustChange: 2 } as const

const guid = bytes(16)
const blob = bytes(256)
const anchor = text(64)

/** Whether a request can be about whoever goes by this source anchor. */
export const isSourceAnchor = (value: string): boolean => anchor.fits(value)

const requestShape = {
  operation: [1, uint(operations.length - 1)],
  issuedAt: [2, uint()],
  startWithinMs: [3, uint(600_000)],
  cloudAnchor: [4, optional(guid)],
  sourceAnchor: [5, optional(anchor)],
  passwordKey: [6, optional(guid)],
  newPassword: [7, optional(blob)],
  oldPassword: [8, optional(blob)],
  probe: [9, optional(blob)],
  flags: [10, uint(3)],
  actor: [11, uint(actors.length - 1)],
  trace: [12, optional(bytes(25))],
  /** settle only: the id of the request it asks about, and how long before this one that was issued. */
  about: [13, optional(guid)],
  aboutAgeMs: [14, optional(uint(600_000))],
} as const satisfies Declaration

type RequestFields = Shaped<typeof requestShape>
export type Request = Omit<RequestFields, 'operation' | 'actor'> & { operation: Operation; actor: Actor }

/** Which of the optional fields an operation carries; all others must be absent. */
const carries: Record<Operation, readonly (keyof RequestFields)[]> = {
  reset: ['cloudAnchor', 'sourceAnchor', 'passwordKey', 'newPassword'],
  change: ['cloudAnchor', 'sourceAnchor', 'passwordKey', 'newPassword', 'oldPassword'],
  adminReset: ['cloudAnchor', 'sourceAnchor', 'passwordKey', 'newPassword'],
  unlock: ['cloudAnchor', 'sourceAnchor'],
  check: ['cloudAnchor', 'sourceAnchor'],
  onboard: ['passwordKey', 'probe'],
  offboard: [],
  settle: ['cloudAnchor', 'sourceAnchor', 'passwordKey', 'newPassword', 'about', 'aboutAgeMs'],
}
const dependent = ['cloudAnchor', 'sourceAnchor', 'passwordKey', 'newPassword', 'oldPassword', 'probe', 'about', 'aboutAgeMs'] as const

const carriesExactly = (request: RequestFields, operation: Operation) =>
  dependent.every((field) => (request[field] !== undefined) === carries[operation].includes(field))

export function encodeRequest(request: Request): Uint8Array {
  const fields = { ...request, operation: operations.indexOf(request.operation), actor: actors.indexOf(request.actor) }
  if (!carriesExactly(fields, request.operation)) throw new TypeError(`wrong fields for ${request.operation}`)
  return encodeShape(requestShape, fields)
}

export function decodeRequest(input: Uint8Array): Request {
  const fields = decodeShape(requestShape, input)
  const operation = operations[fields.operation]
  const actor = actors[fields.actor]
  if (operation === undefined || actor === undefined || !carriesExactly(fields, operation)) throw rejected()
  return { ...fields, operation, actor }
}

/**
 * [minimum length, history length, complexity required, minimum age in minutes, wrong attempts that lock an account out (0: none
 * do), minutes after which their count starts anew]: what a person may know of the policy.
 */
export const policyFacts = tuple(uint(255), uint(1024), flag, uint(2_000_000), uint(255), uint(65_535))
export interface PolicyFacts {
  minLength: number
  historyLength: number
  complexity: boolean
  minAgeMinutes: number
  lockoutThreshold: number
  lockoutMinutes: number
}
type WirePolicy = [number, number, boolean, number, number, number]
export const policyToWire = (p: PolicyFacts): WirePolicy => [
  p.minLength,
  p.historyLength,
  p.complexity,
  p.minAgeMinutes,
  p.lockoutThreshold,
  p.lockoutMinutes,
]
export function policyFromWire(policy: WirePolicy): PolicyFacts {
  const [minLength, historyLength, complexity, minAgeMinutes, lockoutThreshold, lockoutMinutes] = policy
  return { minLength, historyLength, complexity, minAgeMinutes, lockoutThreshold, lockoutMinutes }
}

const replyShape = {
  outcome: [1, uint(maxOutcomeCode)],
  detail: [2, optional(uint())],
  agentId: [3, guid],
  /** ms spent: queued, opened, looked up, set. */
  spentMs: [4, tuple(uint(600_000), uint(600_000), uint(600_000), uint(600_000))],
  policy: [5, optional(policyFacts)],
  /** onboard only: HMAC-SHA-256(reply key, probe). */
  proof: [6, optional(bytes(32))],
} as const satisfies Declaration

export interface Reply {
  outcome: AgentOutcome
  agentId: Buffer
  spentMs: [queued: number, opened: number, lookedUp: number, set: number]
  policy?: PolicyFacts | undefined
  proof?: Buffer | undefined
}

export function encodeReply({ outcome, policy, ...rest }: Reply): Uint8Array {
  return encodeShape(replyShape, { ...rest, ...outcomeToWire(outcome), ...(policy && { policy: policyToWire(policy) }) })
}

export function decodeReply(input: Uint8Array): Reply {
  const { outcome, detail, policy, ...rest } = decodeShape(replyShape, input)
  return { ...rest, outcome: outcomeFromWire(outcome, detail), ...(policy && { policy: policyFromWire(policy) }) }
}
