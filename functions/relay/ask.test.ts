import { randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import type { AgentOutcome } from '../../shared/outcome-code.ts'
import { newId } from '../../shared/seal.ts'
import { defaultTimes } from '../../shared/times.ts'
import type { AskDeps, Question } from './ask.ts'
import { type AskTest, askTest, inDoubt, key, newKey, reply, storeDown } from './test-ask.ts'

const { answerMs, startWithinMs, ldapMs } = defaultTimes
const lateForMs = 300_000

let t: AskTest
beforeEach(() => {
  t = askTest()
})

describe('a reply', () => {
  it('is the answer', async () => {
    const [ask, question] = [t.open(), t.newQuestion()]
    const { pass } = t.asking(ask, question)
    expect(await pass(100)).toBeUndefined()
    expect(await t.receive(ask, question.messageId, reply(question, { kind: 'policy.length', minLength: 12 }))).toEqual({
      completed: 1,
      abandoned: 0,
    })
    expect(await pass(0)).toBe('policy.length')
    expect([t.marks, t.late]).toEqual([['answered'], []])
  })

  it('answers its own request alone, of many at once and in any order', async () => {
    const ask = t.open()
    const questions = Array.from({ length: 20 }, t.newQuestion)
    const outcomes: AgentOutcome[] = questions.map((_, i) => ({ kind: 'policy.length', minLength: i }))
    const answers = questions.map((question) => ask.ask(question, t.clock.deadline(answerMs)))
    for (const i of questions.keys()) {
      const at = questions.length - 1 - i
      const question = questions[at]
      if (question) await t.receive(ask, question.messageId, reply(question, outcomes[at]))
    }
    expect(await Promise.all(answers)).toEqual(outcomes)
  })

  it('that comes before the broker says that it took the request is the answer, too', async () => {
    const [ask, question] = [t.open(), t.newQuestion()]
    t.at.sends = [() => new Promise(() => {})]
    const { pass } = t.asking(ask, question)
    await pass(100)
    await t.receive(ask, question.messageId, reply(question))
    expect(await pass(0)).toBe('done')
  })

  it('ends the sending again', async () => {
    const [ask, question] = [t.open(), t.newQuestion()]
    t.at.sends = [() => Promise.reject(inDoubt())]
    const { pass } = t.asking(ask, question)
    await pass(600)
    await t.receive(ask, question.messageId, reply(question))
    const so = t.sent.length
    await pass(answerMs)
    expect(t.sent.length - so).toBeLessThanOrEqual(1)
  })

  it('is the answer even if nobody can be told that somebody is there', async () => {
    const agents = { unanswered: async () => {}, answered: () => Promise.reject(storeDown()) }
    const [ask, question] = [t.open({ agents }), t.newQuestion()]
    const { pass } = t.asking(ask, question)
    await pass(0)
    await t.receive(ask, question.messageId, reply(question))
    expect(await pass(0)).toBe('done')
  })

  it.each<[string, (question: Question) => Buffer | undefined]>([
    ['under another key', (question) => reply(question, { kind: 'done' }, newKey())],
    ['under another key with this one’s version', (question) => reply(question, { kind: 'done' }, { ...newKey(), version: key.version })],
    ['to another request', () => reply({ id: newId() })],
    ['of another tenant', (question) => reply(question, { kind: 'done' }, key, randomBytes(16))],
    ['that is the request itself', (question) => question.body],
    ['cut short', (question) => reply(question).subarray(0, -1)],
    ['that is empty', () => Buffer.alloc(0)],
    ['that is no bytes', () => undefined],
  ])('%s is passed over in silence, and the right one still counts', async (_, forge) => {
    const [ask, question] = [t.open(), t.newQuestion()]
    const { pass } = t.asking(ask, question)
    await pass(10)
    expect(await t.receive(ask, question.messageId, forge(question))).toEqual({ completed: 1, abandoned: 0 })
    expect(await pass(0)).toBeUndefined()
    expect([t.marks, t.logged]).toEqual([[], [['replyRejected', { request: question.messageId }]]])
    await t.receive(ask, question.messageId, reply(question))
    expect(await pass(0)).toBe('done')
  })

  it.each([undefined, null, 5, '', 'A'.repeat(22), '__proto__'])(
    'to nobody (%s) is completed and changes nothing',
    async (correlationId) => {
      const ask = t.open()
      expect(await t.receive(ask, correlationId, reply({ id: newId() }))).toEqual({ completed: 1, abandoned: 0 })
      expect([t.marks, t.late]).toEqual([[], []])
    },
  )

  it('sent a second time is completed and changes nothing', async () => {
    const [ask, question] = [t.open(), t.newQuestion()]
    const { pass } = t.asking(ask, question)
    await pass(0)
    await t.receive(ask, question.messageId, reply(question))
    expect(await t.receive(ask, question.messageId, reply(question, { kind: 'superseded' }))).toEqual({ completed: 1, abandoned: 0 })
    expect([await pass(0), t.late]).toEqual(['done', []])
  })
})

describe('a reply that says "unknown"', () => {
  it('is not the answer while another one may come', async () => {
    const [ask, question] = [t.open(), t.newQuestion()]
    const { pass } = t.asking(ask, question)
    await pass(0)
    expect(await t.receive(ask, question.messageId, reply(question, { kind: 'unknown' }))).toEqual({ completed: 1, abandoned: 0 })
    expect(await pass(0)).toBeUndefined()
    await t.receive(ask, question.messageId, reply(question))
    expect([await pass(0), t.unknown]).toEqual(['done', []])
  })

  it('is the answer when it is due, and one that comes after it still counts: the agent may have found out', async () => {
    const [ask, question] = [t.open(), t.newQuestion()]
    const { pass } = t.asking(ask, question)
    await pass(0)
    await t.receive(ask, question.messageId, reply(question, { kind: 'unknown' }))
    expect(await pass(answerMs)).toBe('unknown')
    // Somebody is there: nothing speaks against the service.
    expect([t.unknown, t.marks]).toEqual([[question.messageId], ['answered']])
    expect(await t.receive(ask, question.messageId, reply(question, { kind: 'done' }))).toEqual({ completed: 1, abandoned: 0 })
    expect(t.late).toEqual([[question.messageId, { kind: 'done' }]])
  })
})

describe('when whatever was begun must have ended', () => {
  const looksAfterMs = startWithinMs + ldapMs

  /** Asks, and lets time pass until the n-th look is on its way. */
  async function looking(n = 1) {
    const [ask, question] = [t.open(), t.newQuestion()]
    const { pass } = t.asking(ask, question)
    await pass(looksAfterMs - 1)
    expect(t.asked).toEqual([])
    await pass(1 + (n - 1) * 2_000)
    expect(t.asked.map(([operation]) => operation)).toEqual(Array.from({ length: n }, () => 'settle'))
    const look = t.asked.at(-1)?.[1] ?? expect.fail('nobody was asked')
    return { ask, question, pass, look }
  }

  it('somebody is asked whether the directory has it, and a password that it has is the answer', async () => {
    const { ask, pass, look } = await looking()
    expect(t.sent.at(-1)).toMatchObject({ messageId: look.messageId, replyToSessionId: 'session-1' })
    await t.receive(ask, look.messageId, reply(look))
    expect([await pass(0), t.unknown]).toEqual(['done', []])
  })

  it('a reply that comes after that is completed and changes nothing', async () => {
    const { ask, question, look } = await looking()
    await t.receive(ask, look.messageId, reply(look))
    expect(await t.receive(ask, question.messageId, reply(question, { kind: 'superseded' }))).toEqual({ completed: 1, abandoned: 0 })
    expect(t.late).toEqual([])
  })

  it.each(['superseded', 'expired', 'busy', 'directoryUnavailable'] as const)(
    '%s is no answer yet: somebody is asked again',
    async (kind) => {
      const { ask, pass, look } = await looking()
      await t.receive(ask, look.messageId, reply(look, { kind }))
      expect(await pass(500)).toBeUndefined()
      expect(t.asked.length).toBe(2)
    },
  )

  it('and if nobody answers, somebody else is asked', async () => {
    const { ask, pass, look } = await looking(2)
    await t.receive(ask, look.messageId, reply(look))
    expect(await pass(0)).toBe('done')
  })

  it('who cannot tell is not asked again: each time may cost the person an attempt', async () => {
    const { ask, pass, look } = await looking()
    await t.receive(ask, look.messageId, reply(look, { kind: 'unknown' }))
    expect(await pass(answerMs - looksAfterMs - 1_001)).toBeUndefined()
    expect(t.asked.length).toBe(1)
    expect(await pass(1)).toBe('unknown')
  })

  it('and the agent that had it could not tell either: "unknown", before the answer is due', async () => {
    const { ask, question, pass, look } = await looking()
    await t.receive(ask, question.messageId, reply(question, { kind: 'unknown' }))
    await t.receive(ask, look.messageId, reply(look, { kind: 'unknown' }))
    expect(await pass(0)).toBe('unknown')
  })

  it('nobody is asked about what was answered', async () => {
    const [ask, question] = [t.open(), t.newQuestion()]
    const { pass } = t.asking(ask, question)
    await t.receive(ask, question.messageId, reply(question))
    expect(await pass(answerMs)).toBe('done')
    expect([t.asked, t.clock.pending()]).toEqual([[], 0])
  })
})

describe('no reply', () => {
  it('is "unknown" when the answer is due, and said of the service once', async () => {
    const [ask, question] = [t.open(), t.newQuestion()]
    const { pass } = t.asking(ask, question)
    expect(await pass(answerMs - 1)).toBeUndefined()
    expect(await pass(1)).toBe('unknown')
    await pass(lateForMs)
    expect(t.marks).toEqual(['unanswered'])
  })

  it('says nothing of the service if somebody who submitted later was answered', async () => {
    const ask = t.open()
    const lost = t.asking(ask, t.newQuestion())
    await t.clock.advance(1_000)
    const later = t.newQuestion()
    const answered = t.asking(ask, later)
    await answered.pass(0)
    await t.receive(ask, later.messageId, reply(later))
    expect(await answered.pass(0)).toBe('done')
    expect(await lost.pass(answerMs)).toBe('unknown')
    expect(t.marks).toEqual(['answered'])
  })

  it('is said of the service if only somebody who submitted earlier was answered', async () => {
    const [ask, earlier] = [t.open(), t.newQuestion()]
    const answered = t.asking(ask, earlier)
    await t.clock.advance(1_000)
    const lost = t.asking(ask, t.newQuestion())
    await t.receive(ask, earlier.messageId, reply(earlier))
    expect(await answered.pass(0)).toBe('done')
    expect(await lost.pass(answerMs)).toBe('unknown')
    expect(t.marks).toEqual(['answered', 'unanswered'])
  })

  it('is "unknown" even if the store is away', async () => {
    const agents = { unanswered: () => Promise.reject(storeDown()), answered: async () => {} }
    const { pass, answer } = t.asking(t.open({ agents }), t.newQuestion())
    expect(await pass(answerMs)).toBe('unknown')
    await answer
  })

  it('until then, and late: it is heard once per message and not told twice', async () => {
    const [ask, question] = [t.open(), t.newQuestion()]
    const { pass } = t.asking(ask, question)
    await pass(answerMs)
    expect(await t.receive(ask, question.messageId, reply(question))).toEqual({ completed: 1, abandoned: 0 })
    expect(t.late).toEqual([[question.messageId, { kind: 'done' }]])
    expect(t.marks).toEqual(['unanswered', 'answered'])
  })

  it('that comes late while the store is away is given back, and comes again', async () => {
    let away = true
    const hear: AskDeps['late'] = async (messageId, outcome) => {
      if (away) throw storeDown()
      t.late.push([messageId, outcome])
    }
    const [ask, question] = [t.open({ late: hear }), t.newQuestion()]
    await t.asking(ask, question).pass(answerMs)
    expect(await t.receive(ask, question.messageId, reply(question))).toEqual({ completed: 0, abandoned: 1 })
    away = false
    expect(await t.receive(ask, question.messageId, reply(question))).toEqual({ completed: 1, abandoned: 0 })
    expect(t.late.length).toBe(1)
  })

  it('is forgotten when a reply can no longer come, with every timer', async () => {
    const ask = t.open()
    const questions = Array.from({ length: 50 }, t.newQuestion)
    const waits = questions.map((question) => t.asking(ask, question))
    await t.clock.advance(answerMs + lateForMs)
    await Promise.all(waits.map(({ answer }) => answer))
    expect(t.clock.pending()).toBe(0)
    for (const question of questions) await t.receive(ask, question.messageId, reply(question))
    expect(t.late).toEqual([])
  })
})
