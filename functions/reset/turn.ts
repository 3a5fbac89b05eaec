/**
 * The gate before sending: a verified flow, a password whose place is known, a service that is up where it is needed, and one request
 * at a time.
 *
 * `takeTurn` either answers (nothing was sent) or gives a turn: the flow is `submitted`, the person's lease is held.
 * `conclude` writes the outcome; a turn that is given up before anything was sent puts the flow back. Either way the lease
 * is free then (lease.ts): one write ends a turn.
 */
import { isFault } from '../../shared/fault.ts'
import type { Outcome } from '../../shared/outcome.ts'
import { messageIdOf } from '../../shared/seal.ts'
import type { Times } from '../../shared/times.ts'
import { answerOf } from '../http/answers.ts'
import type { Call } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import { placeOf } from '../operations.ts'
import type { Agents } from '../relay/agents.ts'
import {
  type Flow,
  type FlowDeps,
  type FlowPerson,
  type FlowRow,
  type FlowState,
  flowTable,
  nextRequestId,
  openFlow,
  type RecentFlows,
  saveFlow,
  stateAfter,
} from './flow.ts'
import { placeLease, takeOverLease } from './lease.ts'
import { toldAs } from './told.ts'

export interface TurnDeps extends FlowDeps {
  agents: Pick<Agents, 'writeback'>
  feature: { isOn(): Promise<boolean> }
  times: Times
  recent: RecentFlows
}

export interface Turn {
  kind: 'turn'
  /** The request's id, 16 bytes. */
  id: Buffer
  /** With a source anchor, or in the cloud alone. */
  person: FlowPerson
  submittedAt: number
  /** Never fails: what was sent is answered with its outcome. */
  conclude(outcome: Outcome): Promise<Answer>
  /** Whether the outcome is in the flow's row; until then the reply stays on its queue. */
  recorded: Promise<boolean>
  /** The flow as before. Only while nothing was sent. */
  giveBack(): Promise<void>
}

type Answered = { kind: 'refused'; answer: Answer }

const pollMs = 300

export interface TurnWish {
  /** Without room (room.ts) nobody gets a turn; whoever had one on this flow before is told how it ended all the same. */
  hasRoom: boolean
  /** From which states; a turn that changes nothing leads back there. */
  from?: readonly FlowState[]
  /** Absent: a reset. */
  operation?: 'change' | 'unlock'
  /** What is said against it before anything is written or sent. */
  refuse?: (person: FlowPerson) => Promise<Outcome | undefined>
}

export async function takeTurn(call: Call, deps: TurnDeps, wish: TurnWish = { hasRoom: true }): Promise<Turn | Answered> {
  const submittedAt = deps.clock.monotonic()
  const opened = await openFlow(call, deps, deps.recent.take(call.params['flow'] ?? ''))
  if (opened.kind === 'refused') return opened
  const { flow } = opened
  const { person, state } = flow.value
  if (state === 'submitted' || state === 'settled') return repeated(flow, call.deadline, deps)
  if (!(wish.from ?? ['verified']).includes(state) || !person) return answered(problem('wrongState', { state }))
  if (deps.clock.now() >= flow.value.expiresAt) return answered(problem('expiredFlow'))
  const refused = (outcome: Outcome) => answered(answerOf(outcome, { state }))
  const notNow = await refusalOf(person, wish.operation, flow.value.by, deps)
  if (notNow) return refused(notNow)
  if (!wish.hasRoom) return refused({ kind: 'busy' })
  const refusal = await wish.refuse?.(person)
  if (refusal) return refused(refusal)

  const id = nextRequestId(flow)
  const request = {
    id: messageIdOf(id),
    until: deps.clock.now() + deps.times.answerMs,
    from: state,
    ...(wish.operation && { operation: wish.operation }),
  }
  const submitted = await submit(flow, request, person.id, deps)
  // Another click on the same flow was faster: this one gets the same answer.
  if (submitted === 'overtaken') return takeTurn(call, deps, wish)
  if (submitted === 'busy') return refused({ kind: 'busy' })
  return { kind: 'turn', id, person, submittedAt, ...ending(submitted, state, deps) }
}

/** What speaks against an operation, whatever the flow and the password: nothing was written or sent. */
export async function refusalOf(
  person: FlowPerson,
  operation: TurnWish['operation'],
  by: string | undefined,
  { feature, agents }: Pick<TurnDeps, 'feature' | 'agents'>,
): Promise<Outcome | undefined> {
  if (!(await feature.isOn())) return { kind: 'disabled' }
  // For somebody else an administrator may: the group says who helps themselves.
  if (person.notEligible && by === undefined) return { kind: 'notEligible' }
  if (person.linkChanged) return { kind: 'notLinked', condition: 'cloud' }
  const place = placeOf(operation ?? 'reset', person.signIn)
  if (place === 'nowhere' || (place !== 'cloud' && person.sourceAnchor === undefined)) return { kind: 'cloudOnly' }
  return place !== 'cloud' && (await agents.writeback()) === 'down' ? { kind: 'serviceDown' } : undefined
}

/**
 * The flow's step and the person's lease, both at once, for somebody is waiting.
 *
 * The step decides who of several clicks on one flow goes on; only then may a lease be taken over. Without both, for
 * whatever reason, the flow is verified again. The lease of a turn that was not given runs out by itself.
 */
async function submit(flow: FlowRow, request: Request, personId: string, deps: TurnDeps): Promise<FlowRow | 'overtaken' | 'busy'> {
  const [step, lease] = await Promise.allSettled([
    saveFlow(flow, { state: 'submitted', request, outcome: undefined }, deps),
    placeLease(personId, flow.id, request.id, deps),
  ])
  if (step.status === 'rejected') {
    if (isFault(step.reason, 'STORE_CONFLICT')) return 'overtaken'
    throw step.reason
  }
  try {
    if (lease.status === 'rejected') throw lease.reason
    if (lease.value || (await takeOverLease(personId, flow.id, request.id, deps))) return step.value
  } catch (error) {
    await giveBack(step.value, flow.value.state, deps)
    throw error
  }
  await giveBack(step.value, flow.value.state, deps)
  return 'busy'
}

type Request = NonNullable<Flow['request']>

const answered = (answer: Answer) => ({ kind: 'refused', answer }) as const

function ending(submitted: FlowRow, from: FlowState, deps: TurnDeps): Pick<Turn, 'conclude' | 'recorded' | 'giveBack'> {
  const recorded = Promise.withResolvers<boolean>()
  return {
    recorded: recorded.promise,
    async conclude(found) {
      const outcome = toldAs(found, submitted.value.request?.operation)
      const state = stateAfter(outcome, from)
      const save = async () => deps.recent.keep(await saveFlow(submitted, { state, outcome }, deps))
      // What ends the flow is told first and written down then. Where the person may go on, the next step must find it.
      const saved = unlessStoreFails(state === 'settled' ? deps.clock.turn().then(save) : save())
      recorded.resolve(saved)
      return answerOf(outcome, { state: state === 'settled' || (await saved) ? state : 'submitted' })
    },
    giveBack: () => giveBack(submitted, from, deps),
  }
}

/** The request stays in the row: by it the lease is known to be free. */
async function giveBack(submitted: FlowRow, from: FlowState, deps: TurnDeps): Promise<void> {
  await saveFlow(submitted, { state: from }, deps)
}

/** The person is told what happened even if it cannot be written down: GET then says "unknown", and the lease runs out by itself. */
async function unlessStoreFails(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (!isFault(error)) throw error
    return false
  }
}

/** A second submit on the same flow gets what the first one got, marked as such: the second password was not looked at. */
async function repeated(flow: FlowRow, deadline: AbortSignal, deps: TurnDeps): Promise<Answered> {
  let { value } = flow
  while (value.state === 'submitted' && !deadline.aborted && deps.clock.now() < (value.request?.until ?? 0)) {
    await deps.clock.sleep(pollMs, { signal: deadline }).catch(() => {})
    // A read that fails says nothing about the request under way: it is looked for again.
    await unlessStoreFails(deps.rows.read<Flow>(flowTable, flow.id, 'flow').then((row) => (value = row?.value ?? value)))
  }
  // Back where it was without an outcome: the first one was turned away, too, and nothing was sent.
  const outcome = value.outcome ?? { kind: value.state === 'submitted' ? 'unknown' : 'busy' }
  return answered(answerOf(outcome, { state: value.state, repeated: true }))
}
