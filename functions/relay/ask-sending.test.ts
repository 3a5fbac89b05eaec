import { beforeEach, describe, expect, it } from 'vitest'
import { defaultTimes } from '../../shared/times.ts'
import { type AskTest, askTest, down, inDoubt, reply } from './test-ask.ts'

const { answerMs, ttlMs } = defaultTimes

let t: AskTest
beforeEach(() => {
  t = askTest()
})

describe('sending', () => {
  it('names the session, and gives the request what is left of its time', async () => {
    const [ask, question] = [t.open(), t.newQuestion()]
    await t.clock.advance(2_000)
    await t.asking(ask, question).pass(0)
    const { atMs, ...message } = t.sent[0] ?? { atMs: 0 }
    expect(message).toEqual({
      messageId: question.messageId,
      body: question.body,
      ttlMs: ttlMs - 2_000,
      replyToSessionId: 'session-1',
    })
  })

  it('without a link is given up after five seconds, and nothing was sent', async () => {
    t.at.linkUp = false
    const { pass } = t.asking(t.open(), t.newQuestion())
    expect(await pass(4_999)).toBeUndefined()
    expect(await pass(1)).toBe('serviceDown')
    expect([t.sent, t.marks]).toEqual([[], []])
  })

  it('without time left sends nothing', async () => {
    const question = t.newQuestion()
    await t.clock.advance(ttlMs)
    const { pass } = t.asking(t.open(), question)
    expect(await pass(0)).toBe('serviceDown')
    expect(t.sent).toEqual([])
  })

  it('that the broker refuses sent nothing', async () => {
    t.at.sends = [() => Promise.reject(down(true))]
    const { pass } = t.asking(t.open(), t.newQuestion())
    expect(await pass(0)).toBe('serviceDown')
    expect([t.sent.length, t.marks]).toEqual([1, []])
  })

  it('in doubt is tried again under the same id, with less time each time, and then nobody can tell', async () => {
    t.at.sends = [() => Promise.reject(inDoubt())]
    const { pass } = t.asking(t.open(), t.newQuestion())
    await pass(1_000)
    expect(t.sent.map(({ atMs, ttlMs: ttl }) => atMs + ttl)).toEqual(t.sent.map(() => ttlMs))
    expect([new Set(t.sent.map(({ messageId }) => messageId)).size, t.sent.length]).toEqual([1, 5])
    expect(await pass(answerMs - 1_001)).toBeUndefined()
    const mine = t.sent.filter(({ messageId }) => messageId === t.sent[0]?.messageId)
    expect(mine.every(({ atMs, ttlMs: ttl }) => ttl > 0 && atMs < ttlMs)).toBe(true)
    expect(await pass(1)).toBe('unknown')
  })

  it('in doubt and then taken is sent', async () => {
    t.at.sends = [() => Promise.reject(inDoubt()), async () => {}]
    const [ask, question] = [t.open(), t.newQuestion()]
    const { pass } = t.asking(ask, question)
    await pass(5_000)
    expect(t.sent.length).toBe(2)
    await t.receive(ask, question.messageId, reply(question))
    expect(await pass(0)).toBe('done')
  })

  it('in doubt and then refused, or without a link, is never "nothing was sent"', async () => {
    t.at.sends = [() => Promise.reject(inDoubt()), () => Promise.reject(down(true))]
    const refused = t.asking(t.open(), t.newQuestion())
    expect(await refused.pass(answerMs - 1)).toBeUndefined()
    expect(await refused.pass(1)).toBe('unknown')

    const broken = () => {
      t.at.linkUp = false
      return Promise.reject(inDoubt())
    }
    t.at.sends = [broken]
    const cut = t.asking(t.open(), t.newQuestion())
    expect(await cut.pass(answerMs - 1)).toBeUndefined()
    expect(await cut.pass(1)).toBe('unknown')
  })

  it('that ends in a way nobody thought of may have arrived', async () => {
    t.at.sends = [() => Promise.reject(new TypeError('the SDK has a new idea'))]
    const { pass } = t.asking(t.open(), t.newQuestion())
    expect(await pass(answerMs)).toBe('unknown')
  })
})
