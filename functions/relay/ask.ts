/**
 * Sends one sealed request and waits for its answer: changed, not changed, or unknown, and never anything in between.
 *
 * The replies of all requests of this instance come on one session; the correlation id finds who waits. A send that the
 * broker did not confirm may have arrived: it is tried again under the same message id (the broker drops the second),
 * and if no reply comes, the answer is `unknown`. "Not changed" is said only if nothing was ever handed to the broker.
 * "Unknown" is said when the answer is due and not before, and only after somebody was asked whether the directory has the
 * password: the reply may have been lost. One that comes after the answer was given still counts: `late` hears it.
 */
import type { Clock } from '../../shared/clock.ts'
import type { PackageKey } from '../../shared/envelope.ts'
import { faultWord, isFault } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import type { Outcome } from '../../shared/outcome.ts'
import type { Reply } from '../../shared/payload.ts'
import type { Delivery, Outgoing } from '../../shared/relay/client.ts'
import { openReply } from '../../shared/seal.ts'
import type { Times } from '../../shared/times.ts'

export interface Sealed {
  id: Buffer
  messageId: string
  body: Buffer
  /** The key it was sealed under: its reply comes under the same. */
  key: PackageKey
}

export interface Question extends Sealed {
  /** Monotonic ms when the person submitted: every duration counts from there. */
  submittedAt: number
  /** Resolves when its outcome was written down (or could not be): only then is the reply taken off the queue. */
  recorded: Promise<unknown>
  /** Another request about the same person (aftermath.ts). */
  again(operation: 'check' | 'settle'): Sealed
}

/** What the relay's link offers here; replies arrive at `Ask.receive`. */
export interface AskLink {
  sessionId: string
  send(message: Outgoing, signal: AbortSignal): Promise<void>
}

export interface Ask {
  ask(question: Question, deadline: AbortSignal): Promise<Outcome>
  /** One message of this instance's session. */
  receive(delivery: Delivery): Promise<void>
  /** Sends what no person waits for; the whole reply, or undefined: no answer in time. */
  inquire(sealed: Sealed, withinMs: number): Promise<Reply | undefined>
  /** Whether this instance sent that request, as far as it remembers: everyone who waits, and the last who were answered. */
  knows(messageId: string): boolean
}

export interface AskDeps {
  tenantId: Buffer
  times: Times
  link: { ready(signal: AbortSignal): Promise<AskLink> }
  agents: { unanswered(): Promise<void>; answered(): Promise<void> }
  late(messageId: string, outcome: Outcome): Promise<void>
  /** Somebody was told "unknown": what is done about it. */
  unknown(question: Question): void
  clock: Clock
  log: Log
}

/** How long after its answer a reply may still come: the life of a reply on its queue. */
const lateForMs = 300_000
const retryPauseMs = 250
const maxDone = 10_000
/** How long each look has for its answer, and how soon after it the next one comes: whoever takes it may hang, or be dead. */
const lookMs = 1_500
const lookPauseMs = 500
/** While nothing was sent, nobody is kept waiting for a broker that is away. */
const maxLinkWaitMs = 5_000

interface Waiting {
  question: Pick<Question, keyof Sealed | 'submittedAt' | 'recorded'>
  arrived: PromiseWithResolvers<Reply>
  /** `answered`: with `unknown`. */
  state: 'waiting' | 'answered' | 'done'
  /** "Unknown" is not the last word: somebody may still know better before the answer is due. */
  patient: boolean
  /** An agent has said that it cannot tell. */
  inDoubt: boolean
}

const serviceDown: Outcome = { kind: 'serviceDown' }
/** A new one each time: a shared one would keep every waiter's reactions for ever. */
const pending = () => new Promise<never>(() => {})

export function createAsk(deps: AskDeps): Ask {
  const { tenantId, times, link, agents, clock, log } = deps
  const waiting = new Map<string, Waiting>()
  /** The last ones answered with their outcome: a second copy of the reply (a redelivery at the agent) is nothing to report. */
  const done = new Set<string>()
  /** When the last of those who got an answer submitted. */
  let answeredSince = Number.NEGATIVE_INFINITY

  return {
    async ask(question, deadline) {
      const entry = wait(question, true)
      const over = new AbortController()
      // A reply may come before the broker has said that it took the request, or although it never says so.
      const notSent = send(entry, times.ttlMs).then((sent) => (sent === 'notSent' ? serviceDown : pending()))
      const replied = entry.arrived.promise.then((reply) => reply.outcome)
      const outcome = await Promise.race([replied, notSent, lookedFor(entry, question, over.signal), aborted(deadline)])
      over.abort()
      if (outcome !== undefined && outcome.kind !== 'unknown') {
        end(entry)
        return outcome
      }
      // Whoever finds out later is heard.
      entry.state = 'answered'
      void forgetLater(question.messageId)
      if (entry.inDoubt) {
        deps.unknown(question)
        return { kind: 'unknown' }
      }
      log('outcomeUnknown', { request: question.messageId })
      // Unless somebody who submitted later was answered: agents are there, and this one request was lost on its way.
      if (answeredSince <= question.submittedAt)
        await agents.unanswered().catch((error: unknown) => log('relayError', { fault: faultWord(error) }))
      deps.unknown(question)
      return { kind: 'unknown' }
    },

    inquire,

    knows: (messageId) => waiting.has(messageId) || done.has(messageId),

    async receive(delivery) {
      const messageId = typeof delivery.correlationId === 'string' ? delivery.correlationId : ''
      const entry = waiting.get(messageId)
      const reply = entry && open(delivery, entry.question)
      try {
        if (done.has(messageId)) return await delivery.complete()
        if (reply === undefined) log('replyRejected', { request: messageId || undefined })
        else if (entry?.state === 'answered') await deps.late(messageId, reply.outcome)
        else if (entry) await take(entry, reply)
        if (reply !== undefined) await agents.answered()
        await delivery.complete()
      } catch (error) {
        // The waiting person has their answer; a late one that could not be written down comes again.
        log('relayError', { request: messageId || undefined, fault: faultWord(error) })
        await clock.sleep(retryPauseMs, { unref: true })
        await delivery.abandon().catch(() => {})
      }
    },
  }

  async function take(entry: Waiting, reply: Reply): Promise<void> {
    answeredSince = Math.max(answeredSince, entry.question.submittedAt)
    entry.inDoubt = reply.outcome.kind === 'unknown'
    if (entry.inDoubt && entry.patient) return
    entry.arrived.resolve(reply)
    await entry.question.recorded
  }

  /**
   * When whatever was begun must have ended, and nobody has said how: any agent is asked whether the directory has the
   * password. That is certain however young the message is; everything else is not yet.
   */
  async function lookedFor(entry: Waiting, { again, submittedAt }: Question, over: AbortSignal): Promise<Outcome> {
    const endedMs = times.startWithinMs + times.ldapMs - (clock.monotonic() - submittedAt)
    try {
      for (let pauseMs = endedMs; ; pauseMs = lookPauseMs) {
        await clock.sleep(Math.max(0, pauseMs), { signal: over })
        const outcome = (await inquire(again('settle'), lookMs))?.outcome
        if (outcome?.kind === 'done') return outcome
        if (outcome?.kind !== 'unknown') continue
        return entry.inDoubt ? outcome : await pending()
      }
    } catch {
      // Answered meanwhile.
      return pending()
    }
  }

  async function inquire(sealed: Sealed, withinMs: number): Promise<Reply | undefined> {
    const entry = wait({ ...sealed, submittedAt: clock.monotonic(), recorded: Promise.resolve() }, false)
    void send(entry, withinMs)
    const reply = await Promise.race([entry.arrived.promise, aborted(clock.deadline(withinMs))])
    end(entry)
    return reply
  }

  function wait(question: Waiting['question'], patient: boolean): Waiting {
    const entry: Waiting = { question, arrived: Promise.withResolvers(), state: 'waiting', patient, inDoubt: false }
    waiting.set(question.messageId, entry)
    return entry
  }

  function end(entry: Waiting): void {
    const { messageId } = entry.question
    entry.state = 'done'
    waiting.delete(messageId)
    done.add(messageId)
    const [oldest] = done
    if (done.size > maxDone && oldest !== undefined) done.delete(oldest)
  }

  function open({ body }: Delivery, { key, id }: Sealed): Reply | undefined {
    try {
      return body && openReply(body, key, tenantId, id)
    } catch (error) {
      if (isFault(error, 'ENVELOPE_REJECTED')) return undefined
      throw error
    }
  }

  /** `inDoubt`: handed to the broker at least once without a word whether it took it. */
  async function send(entry: Waiting, lifeMs: number): Promise<'sent' | 'inDoubt' | 'notSent'> {
    const { messageId, body, submittedAt } = entry.question
    let result: 'inDoubt' | 'notSent' = 'notSent'
    const leftMs = () => lifeMs - (clock.monotonic() - submittedAt)
    const giveUp = clock.deadline(Math.max(0, leftMs()))
    while (!giveUp.aborted && entry.state === 'waiting') {
      try {
        const open = await link.ready(result === 'notSent' ? clock.deadline(Math.min(maxLinkWaitMs, leftMs())) : giveUp)
        const ttlMs = Math.floor(leftMs())
        if (ttlMs <= 0) return result
        await open.send({ messageId, body, ttlMs, replyToSessionId: open.sessionId }, giveUp)
        return 'sent'
      } catch (error) {
        log('relayError', { request: messageId, fault: faultWord(error) })
        // Whatever else it was, the broker may have taken the message.
        if (!isFault(error, 'RELAY_DOWN')) result = 'inDoubt'
        else if (error.permanent || result === 'notSent') return result
        await clock.sleep(retryPauseMs, { signal: giveUp }).catch(() => {})
      }
    }
    return result
  }

  async function forgetLater(messageId: string): Promise<void> {
    await clock.sleep(lateForMs, { unref: true })
    waiting.delete(messageId)
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  if (signal.aborted) resolve(undefined)
  else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  return promise
}
