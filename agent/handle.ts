/**
 * One message: open it, see whether it is known, do it, answer it. The loop settles it as this says.
 *
 * Silence for what is not authentic; the recorded answer for what was answered before; otherwise the work, whose sealed
 * reply is journalled before it is sent. An `unknown` is not journalled as finished: settle.ts keeps looking until it can
 * say more. A write begins only if it ends within the delivery's lock: afterwards somebody else may have the message.
 */
import type { Clock } from '../shared/clock.ts'
import { Fault, type FaultCode, faultWord, isFault } from '../shared/fault.ts'
import type { EventName, Log } from '../shared/log.ts'
import { outcomes } from '../shared/outcome.ts'
import type { Operation, Reply } from '../shared/payload.ts'
import { type Delivery, moment } from '../shared/relay/client.ts'
import { sealReply } from '../shared/seal.ts'
import type { Times } from '../shared/times.ts'
import { clocksAgree, lockOutlasts, type Stamps } from './age.ts'
import { askedLater } from './asked-later.ts'
import type { Ceilings } from './ceilings.ts'
import type { Directory } from './directory/directory.ts'
import type { Entered, Journal } from './journal.ts'
import type { AgentKeys } from './keys.ts'
import type { Lanes } from './lanes.ts'
import { check, unlock } from './look-only.ts'
import { aboutNobody, type OnboardJob } from './onboard.ts'
import { type Opened, open, openPasswords, proofOf } from './open.ts'
import type { Decisions } from './redelivery.ts'
import { type ResetJob, type ResetResult, reset } from './reset.ts'
import type { Tally } from './tally.ts'

export type Handling =
  | { kind: 'silent' }
  /** `refused`: nothing was changed. `record` is called before the reply is sent, `told` after. */
  | { kind: 'answered'; reply: Buffer; refused: boolean; record(): void; told(): void }

export interface HandleDeps {
  agentId: Buffer
  tenantId: Buffer
  times: Times
  decisions: Decisions
  keys: AgentKeys
  journal: Journal
  directory: Directory
  tally: Tally
  ceilings: Ceilings
  lanes: Lanes
  clock: Clock
  log: Log
}

/** `placed` is called once the delivery has its place: until then it is not decided whether it is worked on at all. */
export async function handle(delivery: Delivery, deps: HandleDeps, placed: () => void = () => {}): Promise<Handling> {
  const opened = await open(delivery, deps.tenantId, deps.keys)
  // Without a reply session nobody could be told: as good as not authentic.
  if (opened.kind === 'rejected' || !delivery.replyToSessionId) return refuse('rejected', 'envelopeRejected', delivery, deps)
  const entered = enter(delivery, opened, deps)
  if (entered.kind === 'replay') return refuse('replays', 'replayRefused', delivery, deps)
  const entry = { id: opened.id, sequenceNumber: delivery.sequenceNumber }
  const told = () => deps.journal.told(entry)
  if (entered.reply) return { kind: 'answered', reply: entered.reply, refused: false, record: () => {}, told }
  const { outcome, reply } = await work(delivery, opened, entered, deps, placed)
  // Who asks what became of an earlier request asks again; nothing of this one is open.
  if (outcome.kind === 'unknown' && opened.request.operation !== 'settle')
    return { kind: 'answered', reply, refused: false, record: () => {}, told: () => {} }
  const refused = outcomes[outcome.kind].effect === 'notChanged'
  return { kind: 'answered', reply, refused, record: () => deps.journal.finish(entry, reply), told }
}

function refuse(
  counter: 'rejected' | 'replays',
  event: 'envelopeRejected' | 'replayRefused',
  delivery: Delivery,
  deps: HandleDeps,
): Handling {
  deps.tally.count(counter)
  deps.log(event, { request: String(delivery.messageId), sequence: Number(delivery.sequenceNumber) })
  return { kind: 'silent' }
}

function enter(delivery: Delivery, { id, envelope }: Opened, { journal, times, decisions, clock }: HandleDeps): Entered {
  return journal.enter({
    id,
    sequenceNumber: delivery.sequenceNumber,
    messageId: String(delivery.messageId),
    replyToSessionId: delivery.replyToSessionId ?? '',
    envelope,
    received: delivery.received,
    // Without the broker's stamps nothing is begun, and the row must be written all the same.
    ageMs: decisions.messageAgeMs({ ...delivery, received: moment(clock) }, times.lockMs, clock) || 0,
  })
}

async function work(delivery: Delivery, opened: Opened, entered: Entered & { kind: 'entered' }, deps: HandleDeps, placed: () => void) {
  const { request, key, id } = opened
  const stopwatch = startStopwatch(deps.clock)
  const about = { request: String(delivery.messageId), deliveries: delivery.deliveryCount }
  const job = jobOf(delivery, opened, entered, stopwatch, deps)
  const queuedMs = job.ageMs()
  deps.log(eventsOf(request.operation)[0], { ...about, operation: request.operation, ageMs: Math.round(queuedMs) })

  const { outcome, policy, proof } = await operate(job, delivery, deps, placed)

  if (!aboutNobody[request.operation]) deps.tally.outcome(outcome)
  const [, done, failed] = eventsOf(request.operation)
  deps.log(outcomes[outcome.kind].effect === 'changed' ? done : failed, {
    ...about,
    outcome: outcome.kind,
    elapsedMs: Math.round(stopwatch.elapsedMs()),
    ...job.refusal,
  })
  const { opened: openedMs, lookedUp, set } = stopwatch.marks
  const spentMs: Reply['spentMs'] = [bounded(queuedMs), bounded(openedMs), bounded(lookedUp), bounded(set)]
  return { outcome, reply: sealReply({ outcome, agentId: deps.agentId, spentMs, policy, proof }, key, deps.tenantId, id) }
}

/** Started, done, failed. */
const eventsOf = (operation: Operation): readonly [EventName, EventName, EventName] => events[operation] ?? otherEvents
const otherEvents = ['operationStarted', 'operationDone', 'operationFailed'] as const
const events: Partial<Record<Operation, readonly [EventName, EventName, EventName]>> = {
  reset: ['resetStarted', 'resetDone', 'resetFailed'],
  change: ['changeStarted', 'changeDone', 'changeFailed'],
  adminReset: ['adminResetStarted', 'adminResetDone', 'adminResetFailed'],
  onboard: ['operationStarted', 'onboarded', 'operationFailed'],
  offboard: ['operationStarted', 'offboarded', 'operationFailed'],
}

type Job = ResetJob & OnboardJob & { times: Times; refusal: { ldapCode?: number; ldapHex?: string | undefined } }

function jobOf(delivery: Delivery, opened: Opened, entered: Entered & { kind: 'entered' }, stopwatch: Stopwatch, deps: HandleDeps): Job {
  const { id, request } = opened
  const { ldapMs, lockMs } = deps.times
  let stamps: Stamps = delivery
  const ageMs = () => deps.decisions.messageAgeMs(stamps, lockMs, deps.clock)
  const startWithinMs = Math.min(request.startWithinMs, deps.times.startWithinMs)
  const job: Job = {
    request,
    times: deps.times,
    decisions: deps.decisions,
    openPasswords: () => openPasswords(opened, deps.keys).finally(() => stopwatch.mark('opened')),
    proof: () => proofOf(opened, deps.tenantId, deps.keys).finally(() => stopwatch.mark('opened')),
    async confirm() {
      // The vault takes longest: its request goes out first.
      await deps.clock.turn()
      // What lay in a socket while this process stood still looks new here: only the broker knows how old it is, and whose.
      stamps = { enqueuedAt: delivery.enqueuedAt, ...(await delivery.renew()) }
    },
    again: entered.seenBefore > 0 || delivery.deliveryCount > 0,
    othersHadIt: delivery.deliveryCount > entered.seenBefore,
    begun: entered.begun,
    ageMs,
    mayBegin() {
      if (!(ageMs() <= startWithinMs)) return false
      // Given back, so that the next delivery begins with a whole lock before it.
      if (!lockOutlasts(ldapMs, stamps, lockMs, deps.clock)) throw new Fault('DEADLINE_PASSED', 'the lock could end before the write')
      return true
    },
    admit() {
      const ceiling = deps.ceilings.admit(request.sourceAnchor ?? '')
      if (ceiling) deps.log('ceilingReached', { request: String(delivery.messageId), reason: ceiling })
      return ceiling === undefined
    },
    begin: (begun) => deps.journal.begin({ id, sequenceNumber: delivery.sequenceNumber }, begun),
    mark: stopwatch.mark,
    refused: ({ ldapCode, hex }) => {
      job.refusal = { ldapCode, ldapHex: hex }
    },
    refusal: {},
  }
  return job
}

/** What this agent does not know, it says it did not do. */
const works: Partial<Record<Operation, (job: Job, directory: Directory) => Promise<ResetResult>>> = {
  reset,
  adminReset: reset,
  change: reset,
  unlock,
  check,
  settle: askedLater,
}

async function operate(job: Job, delivery: Delivery, deps: HandleDeps, placed: () => void): Promise<ResetResult> {
  const { directory, log } = deps
  const { operation, issuedAt } = job.request
  if (!clocksAgree(delivery.enqueuedAt, issuedAt)) return { outcome: { kind: 'clockUnsure' } }
  const nobodys = aboutNobody[operation]
  if (nobodys) return nobodys(job)
  const work = works[operation]
  if (work === undefined) return { outcome: { kind: 'rejected' } }
  try {
    const result = await inLane(job, deps, placed, () => work(job, directory))
    return result ?? { outcome: job.decisions.unlessBegun(job, { kind: 'busy' }) }
  } catch (error) {
    const failure = isFault(error) ? failures[error.code] : undefined
    if (failure === undefined) throw error
    log(failure.event, { fault: faultWord(error) })
    // Nothing was written by this delivery; only an earlier one may have. Then the next one may find out.
    const outcome = job.decisions.unlessBegun(job, { kind: failure.outcome })
    if (outcome.kind === 'unknown') throw error
    return { outcome }
  }
}

/** Undefined: turned away. Whoever is not linked yet is looked for first, in a lane of their own. */
function inLane(job: Job, { directory, lanes }: HandleDeps, placed: () => void, work: () => Promise<ResetResult>) {
  const { sourceAnchor = '', cloudAnchor } = job.request
  // What an earlier delivery may have begun must be looked into, however long that takes.
  const visit = { must: job.again, placed }
  const domain = directory.domainOf(sourceAnchor)
  if (domain !== undefined) return lanes.run(domain, visit, work)
  return lanes.run('', visit, async () => {
    const located = await directory.locate(sourceAnchor, cloudAnchor)
    return located.kind === 'user' ? lanes.run(located.user.domain, visit, work) : work()
  })
}

/** What a fault says of the request. */
export const failures: Partial<Record<FaultCode, { outcome: 'directoryUnavailable' | 'permissionDenied'; event: EventName }>> = {
  DIRECTORY_UNAVAILABLE: { outcome: 'directoryUnavailable', event: 'directoryError' },
  DIRECTORY_CONFIGURATION: { outcome: 'permissionDenied', event: 'directoryConfiguration' },
  DIRECTORY_REFUSED: { outcome: 'permissionDenied', event: 'directoryConfiguration' },
}

interface Stopwatch {
  marks: { opened: number; lookedUp: number; set: number }
  mark(step: 'opened' | 'lookedUp' | 'set'): void
  elapsedMs(): number
}

function startStopwatch(clock: Clock): Stopwatch {
  const startedAt = clock.monotonic()
  const elapsedMs = () => clock.monotonic() - startedAt
  const marks = { opened: 0, lookedUp: 0, set: 0 }
  return {
    marks,
    elapsedMs,
    mark: (step) => {
      marks[step] = elapsedMs()
    },
  }
}

/** As the reply carries it; 0 for what cannot be known. */
const bounded = (ms: number) => Math.min(600_000, Math.max(0, Math.round(ms) || 0))
