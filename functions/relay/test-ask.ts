/**
 * `createAsk` between a link made by hand and a clock set by hand: what was sent, what was said of the agents, what was
 * heard late. Nothing here is shared between two tests.
 */
import { randomBytes } from 'node:crypto'
import type { PackageKey } from '../../shared/envelope.ts'
import { Fault } from '../../shared/fault.ts'
import type { EventName, Fields } from '../../shared/log.ts'
import type { Outcome } from '../../shared/outcome.ts'
import type { AgentOutcome } from '../../shared/outcome-code.ts'
import type { Delivery, Outgoing } from '../../shared/relay/client.ts'
import { messageIdOf, newId, sealReply } from '../../shared/seal.ts'
import { defaultTimes } from '../../shared/times.ts'
import { virtualClock } from '../../test/virtual-clock.ts'
import { type Ask, type AskDeps, createAsk, type Question, type Sealed } from './ask.ts'

const tenantId = randomBytes(16)
export const newKey = (): PackageKey => ({ version: randomBytes(16), bytes: randomBytes(32) })
export const key = newKey()
export const down = (permanent: boolean) => new Fault('RELAY_DOWN', 'test', { permanent })
export const inDoubt = () => new Fault('SEND_IN_DOUBT', 'test')
export const storeDown = () => new Fault('STORE_UNAVAILABLE', 'test')

export const reply = (
  { id }: Pick<Question, 'id'>,
  outcome: AgentOutcome = { kind: 'done' },
  sealedWith: PackageKey = key,
  tenant = tenantId,
) => sealReply({ outcome, agentId: randomBytes(16), spentMs: [1, 2, 3, 4] }, sealedWith, tenant, id)

export type AskTest = ReturnType<typeof askTest>

export function askTest() {
  const clock = virtualClock()
  const sent: (Outgoing & { atMs: number })[] = []
  const late: [string, Outcome][] = []
  const unknown: string[] = []
  /** What was asked about a question, and under which id. */
  const asked: [string, Sealed][] = []
  const marks: string[] = []
  const logged: [EventName, Fields | undefined][] = []
  const taken = async () => {}
  /** `sends`: what happens to the n-th send; the last one goes for all that follow. */
  const at: { sends: (() => Promise<void>)[]; linkUp: boolean } = { sends: [taken], linkUp: true }

  async function send(message: Outgoing): Promise<void> {
    sent.push({ ...message, atMs: clock.monotonic() })
    await (at.sends.length > 1 ? at.sends.shift() : at.sends[0])?.()
  }
  const link: AskDeps['link'] = {
    ready: (signal) =>
      at.linkUp
        ? Promise.resolve({ sessionId: 'session-1', send })
        : new Promise((_, reject) => signal.addEventListener('abort', () => reject(down(false)), { once: true })),
  }
  return {
    clock,
    sent,
    late,
    unknown,
    asked,
    marks,
    logged,
    at,
    open: (over: Partial<AskDeps> = {}): Ask =>
      createAsk({
        tenantId,
        times: defaultTimes,
        link,
        agents: { unanswered: async () => void marks.push('unanswered'), answered: async () => void marks.push('answered') },
        late: async (messageId, outcome) => void late.push([messageId, outcome]),
        unknown: ({ messageId }) => void unknown.push(messageId),
        clock,
        log: (event, fields) => logged.push([event, fields]),
        ...over,
      }),
    newQuestion(): Question {
      const id = newId()
      const sealed = (of: Buffer) => ({ id: of, messageId: messageIdOf(of), body: randomBytes(300), key })
      const again: Question['again'] = (operation) => {
        const another = sealed(newId())
        asked.push([operation, another])
        return another
      }
      return { ...sealed(id), recorded: Promise.resolve(), submittedAt: clock.monotonic(), again }
    },
    /** `pass` lets time pass and tells the outcome, if it is there by then. */
    asking(ask: Ask, question: Question) {
      let outcome: Outcome | undefined
      const answer = ask.ask(question, clock.deadline(defaultTimes.answerMs)).then((said) => {
        outcome = said
      })
      const pass = async (ms: number) => {
        await clock.advance(ms)
        return outcome?.kind
      }
      return { answer, pass }
    },
    /** One message of the session; how it was settled. */
    async receive(ask: Ask, correlationId: unknown, body: Buffer | undefined) {
      const settled = { completed: 0, abandoned: 0 }
      const delivery: Delivery = {
        messageId: correlationId,
        correlationId,
        replyToSessionId: undefined,
        body,
        sequenceNumber: '1',
        deliveryCount: 0,
        enqueuedAt: clock.now(),
        lockedUntil: clock.now() + 300_000,
        received: { wall: clock.now(), monotonic: clock.monotonic() },
        complete: async () => void settled.completed++,
        renew: () => Promise.reject(new Error('replies are never renewed one by one')),
        abandon: async () => void settled.abandoned++,
      }
      const handled = ask.receive(delivery)
      await clock.advance(1_000)
      await handled
      return settled
    },
  }
}
