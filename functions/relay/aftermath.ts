/**
 * After "unknown": is anybody there, and what became of it?
 *
 * A request may have died unseen on its queue, or with the agent that had it: then no reply and no event will ever come. So
 * once its message is dead for certain, any agent is asked to look (`settle`), until one can tell or five minutes are over.
 * And where an unanswered request has made the service down, somebody is knocked for (`check`) instead of waiting for the
 * next heartbeat: an authentic reply, whatever it says, makes it up again (agents.ts).
 */
import type { Clock } from '../../shared/clock.ts'
import { faultWord } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import type { Outcome } from '../../shared/outcome.ts'
import type { Times } from '../../shared/times.ts'
import type { Agents } from './agents.ts'
import type { Ask, Question } from './ask.ts'

export interface AftermathDeps {
  inquire: Ask['inquire']
  agents: Pick<Agents, 'writeback'>
  /** Nobody has told the person since. */
  isOpen(messageId: string): Promise<boolean>
  settle(messageId: string, outcome: Outcome): Promise<void>
  times: Pick<Times, 'ttlMs' | 'lockMs'>
  clock: Clock
  log: Log
}

/** How late a message may reach its queue and still be begun: agents compare clocks that coarsely (agent/age.ts). */
const strayMs = 60_000
const followedForMs = 300_000
const answersWithinMs = 5_000
const pauseMs = { knock: 2_000, settle: 15_000 } as const
/** What says that it is over; a fault of the moment does not. */
const last: readonly Outcome['kind'][] = ['done', 'superseded', 'expired']

export function createAftermath(deps: AftermathDeps): (question: Question) => void {
  const { inquire, agents, isOpen, settle, times, clock, log } = deps
  let knocking = false

  return (question) => {
    for (const work of [findOut(question), knock(question)])
      work.catch((error: unknown) => log('relayError', { request: question.messageId, fault: faultWord(error) }))
  }

  async function findOut(question: Question): Promise<void> {
    const { messageId, submittedAt } = question
    const deadAt = submittedAt + strayMs + times.ttlMs + times.lockMs
    await clock.sleep(Math.max(0, deadAt - clock.monotonic()) + 1_000, { unref: true })
    while (isFollowed(question) && (await isOpen(messageId).catch(() => true))) {
      const outcome = (await inquire(question.again('settle'), answersWithinMs))?.outcome
      if (outcome && last.includes(outcome.kind)) return settle(messageId, outcome)
      await clock.sleep(pauseMs.settle, { unref: true })
    }
  }

  async function knock(question: Question): Promise<void> {
    if (knocking) return
    knocking = true
    try {
      while (isFollowed(question) && (await agents.writeback().catch(() => 'down')) === 'down') {
        if ((await inquire(question.again('check'), answersWithinMs)) !== undefined) return
        await clock.sleep(pauseMs.knock, { unref: true })
      }
    } finally {
      knocking = false
    }
  }

  function isFollowed({ submittedAt }: Question): boolean {
    return clock.monotonic() - submittedAt < followedForMs
  }
}
