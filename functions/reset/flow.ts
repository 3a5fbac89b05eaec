/**
 * One person's way through a reset, as a row that only we can write (HMAC) and only its owner can use (secret).
 *
 *            challenge              verify               password              reply
 *   started ──────────▶ challenged ───────▶ verified ──────────▶ submitted ──────────▶ settled
 *                       │ ▲  │    │            ▲ ▲                  │                     ▲ │ policy refusal:
 *                 again └─┘  │    │            │ └──────────────────┘                     └─┘ back to verified;
 *               two gates    │    │ 5 wrong    │  nothing was sent           unknown: settled later, by reply or event
 *               are needed   │    ▼            │
 *                            │  closed ◀─┐     │
 *                            ▼   5 wrong │     │ verify, by another gate
 *                          halfway ──────┴─────┘
 *
 * Every step is one conditional write (ETag), so that two tabs or two guesses at once cannot both take it. A flow lives
 * for 15 minutes; one that was submitted stays readable for a day, so that a late outcome can be seen.
 */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../../shared/clock.ts'
import { type Outcome, outcomes } from '../../shared/outcome.ts'
import type { PolicyFacts } from '../../shared/payload.ts'
import { idOf } from '../../shared/seal.ts'
import type { SignInType } from '../entra/sign-in-type.ts'
import type { FirstGate, GateName } from '../gates/gate.ts'
import type { Call } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import type { Macs } from '../keys/mac.ts'
import type { Row, Rows } from '../store/rows.ts'

export const flowTable = 'flows'
export const flowLifeMs = 15 * 60_000
export const maxTries = 5
export const maxChallenges = 3
const readableMs = 24 * 3_600_000

export type FlowState = 'started' | 'challenged' | 'halfway' | 'verified' | 'submitted' | 'settled' | 'closed'

export interface Challenge {
  gate: FirstGate
  nonce: string
  expiresAt: number
  /** HMAC of the code, once it was sent. */
  code?: string | undefined
  /** Whom the code went to; absent for names nobody has. */
  personId?: string | undefined
}

export interface Flow {
  state: FlowState
  /** As typed. */
  username: string
  /** HMAC of the flow's secret. */
  secret: string
  expiresAt: number
  /** Of the whole flow, not of one code: asking again does not buy more guesses. */
  triesLeft: number
  challengesLeft: number
  challenge?: Challenge | undefined
  /** Gates that were passed, each counts once. The person is who passed the first. */
  passed?: readonly GateName[] | undefined
  person?: FlowPerson | undefined
  /** The request under way or the last one; `until`: when its answer was due. */
  request?: FlowRequest | undefined
  outcome?: Outcome | undefined
  /** The administrator who ordered it: then nobody has the flow's secret. */
  by?: string | undefined
  /** What the directory says of this person's rules, once it was asked (policy/rules.ts). */
  rules?: PersonRules | 'asked' | undefined
}

/** What the directory said of one person's password: by which policy, and whether anything speaks against another one. */
export interface PersonRules {
  policy?: PolicyFacts | undefined
  outcome: Outcome
}

export interface FlowRequest {
  id: string
  until: number
  /** Absent: a reset. What is told of it: reset/told.ts. */
  operation?: 'change' | 'unlock' | undefined
  /** Where the flow stood, and goes back to: absent: verified. */
  from?: FlowState | undefined
}

/** Who passed the gate, as the cloud directory said at that moment. `sourceAnchor` is absent for cloud-only people. */
export interface FlowPerson {
  id: string
  sourceAnchor?: string | undefined
  /** The on-premises domain, as a DNS name. */
  domainName?: string | undefined
  /** The parts of their names that no password may hold (policy/banned.ts). */
  names?: readonly string[] | undefined
  /** How they sign in to the cloud, which decides where the password has to go; absent where Graph did not say. */
  signIn?: SignInType | undefined
  /** Holds a directory role or may, or it could not be resolved. */
  administrator?: true | undefined
  /** Is not in the group whose members may use this. */
  notEligible?: true | undefined
  /** The source anchor is not the one this person was first served with, or none that a message can carry. */
  linkChanged?: true | undefined
}

export interface FlowRow extends Row<Flow> {
  id: string
}

export interface FlowDeps {
  rows: Rows
  macs: Macs
  clock: Clock
}

/** 14 random bytes, base64url: public, and not to be guessed either. */
export const newFlowId = () => randomBytes(flowIdBytes).toString('base64url')
const flowIdBytes = 14
export const newFlowSecret = () => randomBytes(32).toString('base64url')

const idPattern = /^[A-Za-z0-9_-]{19}$/

/**
 * A request's id, 16 bytes: its flow's, and two bytes that count the flow's submits. So whatever is said of a request, however
 * late, leads to the flow by itself. Of several clicks that take the same number only one wins the flow's step. RangeError after
 * 65,536 submits, for which a flow does not live long enough.
 */
export function nextRequestId({ id, value: { request } }: FlowRow): Buffer {
  const next = Buffer.alloc(flowIdBytes + 2)
  next.write(id, 'base64url')
  next.writeUInt16BE(request === undefined ? 0 : idOf(request.id).readUInt16BE(flowIdBytes) + 1, flowIdBytes)
  return next
}

/** The flow that a request belongs to, if that is its last one. `messageId`: as somebody else says it. */
export async function flowOfRequest(messageId: string, rows: Pick<Rows, 'read'>): Promise<FlowRow | undefined> {
  const id = Buffer.from(messageId, 'base64url').subarray(0, flowIdBytes).toString('base64url')
  const row = idPattern.test(id) ? await rows.read<Flow>(flowTable, id, 'flow') : undefined
  return row?.value.request?.id === messageId ? { ...row, id } : undefined
}

type Opened = { kind: 'flow'; flow: FlowRow } | { kind: 'refused'; answer: Answer }

/**
 * The caller's own flow, or the answer that says why not. A wrong secret and an unknown flow read the same.
 * `known`: the row as this instance last wrote it, for a caller whose next step is a conditional write.
 */
export async function openFlow(call: Call, deps: FlowDeps, known?: FlowRow): Promise<Opened> {
  const id = call.params['flow'] ?? ''
  const secret = call.flowSecret(id)
  const row = known ?? (idPattern.test(id) && secret !== undefined ? await deps.rows.read<Flow>(flowTable, id, 'flow') : undefined)
  if (!row || secret === undefined || !(await deps.macs.fits(row.value.secret, 'flow-secret', [id, secret]))) {
    return { kind: 'refused', answer: problem('unknownFlow') }
  }
  const { request, expiresAt } = row.value
  const lifeEnds = request === undefined ? expiresAt : expiresAt + readableMs
  if (deps.clock.now() >= lifeEnds) return { kind: 'refused', answer: problem('expiredFlow') }
  return { kind: 'flow', flow: { ...row, id } }
}

/** After a refusal that another password or a later try may overcome, what was passed stays passed. */
export const stateAfter = ({ kind }: Outcome, from: FlowState = 'verified'): FlowState =>
  outcomes[kind].effect === 'notChanged' && outcomes[kind].retryable ? from : 'settled'

/** A new one, in any state; its secret is kept as a MAC. */
export async function insertFlow(
  { id, secret, ...given }: { id: string; secret: string } & Pick<Flow, 'username' | 'state'> & Partial<Flow>,
  { rows, macs, clock }: FlowDeps,
): Promise<Flow> {
  const mac = await macs.make('flow-secret', [id, secret])
  const allowance = { triesLeft: maxTries, challengesLeft: maxChallenges, expiresAt: clock.now() + flowLifeMs }
  const flow = { ...allowance, ...given, secret: mac }
  await rows.insert<Flow>(flowTable, id, 'flow', flow)
  return flow
}

/** STORE_CONFLICT when somebody else took a step first. */
export async function saveFlow(flow: FlowRow, change: Partial<Flow>, { rows }: { rows: Pick<Rows, 'replace'> }): Promise<FlowRow> {
  const value = { ...flow.value, ...change }
  return { ...flow, value, etag: await rows.replace<Flow>(flowTable, flow.id, 'flow', value, flow.etag) }
}

/**
 * Verified flows as this instance has just written them: the submit that follows need not read what it is about to replace.
 * What another instance wrote meanwhile shows at once, for the write is conditional: it fails, and the flow is read.
 */
export interface RecentFlows {
  keep(flow: FlowRow): void
  /** Once. */
  take(id: string): FlowRow | undefined
}

export function recentFlows(limit = 1_000): RecentFlows {
  const kept = new Map<string, FlowRow>()
  return {
    keep(flow) {
      if (flow.value.state !== 'verified') return
      kept.set(flow.id, flow)
      const [oldest] = kept.keys()
      if (kept.size > limit && oldest !== undefined) kept.delete(oldest)
    },
    take(id) {
      const flow = kept.get(id)
      kept.delete(id)
      return flow
    },
  }
}
