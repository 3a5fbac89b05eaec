/**
 * The gate before sending: a verified flow, a person managed on-premises, a service that is up, and one request at a time.
 *
 * `takeTurn` either answers (nothing was sent) or gives a turn: the flow is `submitted`, the person's lease is held.
 * `conclude` writes the outcome; a turn that is given up before anything was sent puts both back.
 */
import { isFault } from '../../shared/fault.ts'
import type { Outcome } from '../../shared/outcome.ts'
import { messageIdOf, newId } from '../../shared/seal.ts'
import type { Times } from '../../shared/times.ts'
import { answerOf } from '../http/answers.ts'
import type { Call } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import type { Agents } from '../relay/agents.ts'
import { type Flow, type FlowDeps, type FlowPerson, type FlowRow, flowTable, openFlow, saveFlow, stateAfter } from './flow.ts'

export interface TurnDeps extends FlowDeps {
  agents: Pick<Agents, 'writeback'>
  feature: { isOn(): Promise<boolean> }
  times: Times
}

export interface Turn {
  kind: 'turn'
  /** The request's id, 16 bytes. */
  id: Buffer
  person: FlowPerson & { sourceAnchor: string }
  submittedAt: number
  /** Never fails: what was sent is answered with its outcome. */
  conclude(outcome: Outcome): Promise<Answer>
  /** Flow and lease as before. Only while nothing was sent. */
  giveBack(): Promise<void>
}

type Answered = { kind: 'refused'; answer: Answer }

/** Finds the flow of a request that is settled late. */
export interface RequestRow {
  flow: string
}

const leaseGraceMs = 10_000
const pollMs = 300

export async function takeTurn(call: Call, deps: TurnDeps): Promise<Turn | Answered> {
  const submittedAt = deps.clock.monotonic()
  const opened = await openFlow(call, deps)
  if (opened.kind === 'refused') return opened
  const { flow } = opened
  const { person, state } = flow.value
  if (state === 'submitted' || state === 'settled') return repeated(flow, call.deadline, deps)
  if (state !== 'verified' || !person) return answered(problem('wrongState', { state }))
  if (deps.clock.now() >= flow.value.expiresAt) return answered(problem('expiredFlow'))
  if (!(await deps.feature.isOn())) return refused({ kind: 'disabled' })
  if (person.sourceAnchor === undefined) return refused({ kind: 'cloudOnly' })
  if ((await deps.agents.writeback()) === 'down') return refused({ kind: 'serviceDown' })

  const id = newId()
  const request = { id: messageIdOf(id), until: deps.clock.now() + deps.times.answerMs }
  const submitted = await submit(flow, request, deps)
  // Another click on the same flow was faster: this one gets the same answer.
  if (submitted === undefined) return takeTurn(call, deps)
  const lease = await hold(person.id, submitted, request.id, deps)
  if (lease === undefined) return refused({ kind: 'busy' })
  return { kind: 'turn', id, person: { ...person, sourceAnchor: person.sourceAnchor }, submittedAt, ...ending(submitted, lease, deps) }
}

/** The person's lease, and the way from the request to its flow. Without both, for whatever reason, the flow is verified again. */
async function hold(personId: string, submitted: FlowRow, requestId: string, deps: TurnDeps): Promise<Lease | undefined> {
  // At once, for somebody is waiting: a request row of a turn that was not given leads nowhere and harms nobody.
  const [lease, request] = await Promise.allSettled([
    takeLease(personId, submitted.id, deps),
    deps.rows.insert<RequestRow>(flowTable, 'requests', requestId, { flow: submitted.id }),
  ])
  if (lease.status === 'fulfilled' && lease.value && request.status === 'fulfilled') return lease.value
  await giveBack(submitted, lease.status === 'fulfilled' ? lease.value : undefined, deps)
  if (lease.status === 'rejected') throw lease.reason
  if (request.status === 'rejected') throw request.reason
  return undefined
}

const answered = (answer: Answer) => ({ kind: 'refused', answer }) as const
const refused = (outcome: Outcome) => answered(answerOf(outcome, { state: 'verified' }))

async function submit(flow: FlowRow, request: { id: string; until: number }, deps: TurnDeps): Promise<FlowRow | undefined> {
  try {
    return await saveFlow(flow, { state: 'submitted', request, outcome: undefined }, deps)
  } catch (error) {
    if (isFault(error, 'STORE_CONFLICT')) return undefined
    throw error
  }
}

function ending(submitted: FlowRow, lease: Lease, deps: TurnDeps): Pick<Turn, 'conclude' | 'giveBack'> {
  return {
    async conclude(outcome) {
      const state = stateAfter(outcome)
      // While the outcome is unknown a write may still be under way: the lease runs out by itself.
      const released = outcome.kind === 'unknown' ? undefined : unlessStoreFails(lease.release())
      const saved = await unlessStoreFails(saveFlow(submitted, { state, outcome }, deps))
      await released
      return answerOf(outcome, { state: saved ? state : 'submitted' })
    },
    giveBack: () => giveBack(submitted, lease, deps),
  }
}

async function giveBack(submitted: FlowRow, lease: Lease | undefined, deps: TurnDeps): Promise<void> {
  try {
    await saveFlow(submitted, { state: 'verified', request: undefined }, deps)
  } finally {
    if (lease) await unlessStoreFails(lease.release())
  }
}

/** The person is told what happened even if it cannot be written down: GET then says "unknown", and the lease runs out. */
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
  // Back at "verified" without an outcome: the first one was turned away, too, and nothing was sent.
  const outcome = value.outcome ?? { kind: value.state === 'verified' ? 'busy' : 'unknown' }
  return answered(answerOf(outcome, { state: value.state, repeated: true }))
}

interface Lease {
  release(): Promise<void>
}

/** One open request per person, whatever the number of flows and instances: a row until the answer and ten seconds. */
async function takeLease(personId: string, flowId: string, { rows, clock, times }: TurnDeps): Promise<Lease | undefined> {
  const place = ['state', 'lease', personId] as const
  const value = { until: clock.now() + times.answerMs + leaseGraceMs, flow: flowId }
  const held = (etag: string): Lease => ({ release: () => rows.remove(...place, etag) })
  const unlessTaken = async (write: Promise<string>): Promise<Lease | undefined> => {
    try {
      return held(await write)
    } catch (error) {
      if (isFault(error, 'STORE_CONFLICT')) return undefined
      throw error
    }
  }
  // Free, nearly always: a lease is removed when its request was answered. Else one that has run out may be taken over.
  const taken = await unlessTaken(rows.insert(...place, value))
  if (taken) return taken
  const old = await rows.read<{ until: number }>(...place)
  if (old === undefined || old.value.until > clock.now()) return undefined
  return unlessTaken(rows.replace(...place, value, old.etag))
}
