/**
 * One message: open it, see whether it is known, do it, answer it. The loop settles it as this says.
 *
 * Silence for what is not authentic; the recorded answer for what was answered before; otherwise the work, whose sealed
 * reply is journalled before it is sent and sent before the message is settled. An `unknown` is not journalled as
 * finished: settle.ts keeps looking until it can say more.
 */
import type { Clock } from '../shared/clock.ts'
import { type FaultCode, faultWord, isFault } from '../shared/fault.ts'
import type { EventName, Log } from '../shared/log.ts'
import { outcomes } from '../shared/outcome.ts'
import type { Reply } from '../shared/payload.ts'
import type { Delivery } from '../shared/relay/client.ts'
import { sealReply } from '../shared/seal.ts'
import type { Times } from '../shared/times.ts'
import { clocksAgree, messageAgeMs } from './age.ts'
import type { Directory } from './directory/directory.ts'
import type { Entered, Journal } from './journal.ts'
import type { AgentKeys } from './keys.ts'
import { type Opened, open, openPassword } from './open.ts'
import { type ResetJob, type ResetResult, reset } from './reset.ts'
import type { Tally } from './tally.ts'

export type Handling = { kind: 'silent' } | { kind: 'answered'; reply: Buffer }

export interface HandleDeps {
  agentId: Buffer
  tenantId: Buffer
  times: Times
  keys: AgentKeys
  journal: Journal
  directory: Directory
  tally: Tally
  clock: Clock
  log: Log
}

export async function handle(delivery: Delivery, deps: HandleDeps): Promise<Handling> {
  const opened = await open(delivery, deps.tenantId, deps.keys)
  // Without a reply session nobody could be told: as good as not authentic.
  if (opened.kind === 'rejected' || !delivery.replyToSessionId) return refuse('rejected', 'envelopeRejected', delivery, deps)
  const entered = enter(delivery, opened, deps)
  if (entered.kind === 'replay') return refuse('replays', 'replayRefused', delivery, deps)
  if (entered.reply) return { kind: 'answered', reply: entered.reply }
  return { kind: 'answered', reply: await work(delivery, opened, entered, deps) }
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

function enter(delivery: Delivery, { id, envelope }: Opened, { journal, times, clock }: HandleDeps): Entered {
  return journal.enter({
    id,
    sequenceNumber: delivery.sequenceNumber,
    messageId: String(delivery.messageId),
    replyToSessionId: delivery.replyToSessionId ?? '',
    envelope,
    receivedAt: clock.now(),
    ageMs: messageAgeMs(delivery, times.lockMs, clock),
  })
}

async function work(delivery: Delivery, opened: Opened, entered: Entered & { kind: 'entered' }, deps: HandleDeps): Promise<Buffer> {
  const { request, key, id } = opened
  const stopwatch = startStopwatch(deps.clock)
  const about = { request: String(delivery.messageId), deliveries: delivery.deliveryCount }
  const job = jobOf(delivery, opened, entered, stopwatch, deps)
  const queuedMs = job.ageMs()
  deps.log('resetStarted', { ...about, operation: request.operation, ageMs: Math.round(queuedMs) })

  const { outcome, policy } = await operate(job, delivery, deps)

  deps.tally.outcome(outcome)
  const event = outcomes[outcome.kind].effect === 'changed' ? 'resetDone' : 'resetFailed'
  deps.log(event, { ...about, outcome: outcome.kind, elapsedMs: Math.round(stopwatch.elapsedMs()), ...job.refusal })
  const { opened: openedMs, lookedUp, set } = stopwatch.marks
  const spentMs: Reply['spentMs'] = [bounded(queuedMs), bounded(openedMs), bounded(lookedUp), bounded(set)]
  const sealed = sealReply({ outcome, agentId: deps.agentId, spentMs, policy }, key, deps.tenantId, id)
  if (outcome.kind !== 'unknown') deps.journal.finish({ id, sequenceNumber: delivery.sequenceNumber }, sealed)
  return sealed
}

type Job = ResetJob & { refusal: { ldapCode?: number; ldapHex?: string | undefined } }

function jobOf(delivery: Delivery, opened: Opened, entered: Entered & { kind: 'entered' }, stopwatch: Stopwatch, deps: HandleDeps): Job {
  const { id, request } = opened
  const ageMs = () => messageAgeMs(delivery, deps.times.lockMs, deps.clock)
  const startWithinMs = Math.min(request.startWithinMs, deps.times.startWithinMs)
  const job: Job = {
    request,
    password: openPassword(opened, 'new', deps.keys).finally(() => stopwatch.mark('opened')),
    again: entered.seenBefore > 0 || delivery.deliveryCount > 0,
    othersHadIt: delivery.deliveryCount > entered.seenBefore,
    begun: entered.begun,
    ageMs,
    mayBegin: () => ageMs() <= startWithinMs,
    begin: (begun) => deps.journal.begin({ id, sequenceNumber: delivery.sequenceNumber }, begun),
    mark: stopwatch.mark,
    refused: ({ ldapCode, hex }) => {
      job.refusal = { ldapCode, ldapHex: hex }
    },
    refusal: {},
  }
  return job
}

/** The operations that exist so far; what this agent does not know, it says it did not do. */
async function operate(job: Job, delivery: Delivery, { directory, log }: HandleDeps): Promise<ResetResult> {
  const { operation, issuedAt } = job.request
  if (!clocksAgree(delivery.enqueuedAt, issuedAt)) return { outcome: { kind: 'clockUnsure' } }
  if (operation !== 'reset' && operation !== 'adminReset') return { outcome: { kind: 'rejected' } }
  try {
    return await reset(job, directory)
  } catch (error) {
    const failure = isFault(error) ? failures[error.code] : undefined
    if (failure === undefined) throw error
    log(failure.event, { fault: faultWord(error) })
    // Nothing was written by this delivery; only an earlier one may have.
    return { outcome: { kind: job.begun !== undefined || job.othersHadIt ? 'unknown' : failure.outcome } }
  }
}

const failures: Partial<Record<FaultCode, { outcome: 'directoryUnavailable' | 'permissionDenied'; event: EventName }>> = {
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

const bounded = (ms: number) => Math.min(600_000, Math.max(0, Math.round(ms)))
