import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { codeOf } from '../keys/test-cloud.ts'
import { challenge } from './challenge.ts'
import { startTestReset, storeDown, type TestReset } from './test-reset.ts'

let test: TestReset
beforeAll(async () => {
  test = await startTestReset()
})
afterAll(() => test.close())
beforeEach(() => test.renew())

const ask = (flow: Awaited<ReturnType<TestReset['flow']>>, gate = 'mailCode') => challenge(test.deps)(flow.call({ gate }))

describe('a challenge', () => {
  it('writes a row and queues public ids, and looks nobody up', async () => {
    const flow = await test.flow()
    const nobodyMayAsk = { ...test.deps, people: undefined, mail: undefined }
    const answer = await challenge(nobodyMayAsk)(flow.call({ gate: 'mailCode' }))
    expect(answer).toMatchObject({ status: 202, body: { flow: flow.id, state: 'challenged', gate: 'mailCode', triesLeft: 5 } })
    const { challenge: recorded, state } = await flow.row()
    expect(state).toBe('challenged')
    expect(test.world.queued).toEqual([JSON.stringify({ flow: flow.id, challenge: recorded?.nonce })])
    expect(recorded?.code).toBeUndefined()
  })

  it('is given three times per flow, each with a nonce of its own', async () => {
    const flow = await test.flow()
    const answers = [await ask(flow), await ask(flow), await ask(flow), await ask(flow)]
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 429])
    expect(new Set(test.world.queued).size).toBe(3)
  })

  it.each(['sms', '', 'constructor', '__proto__', 'toString'])('is refused for the gate "%s"', async (gate) => {
    const answer = await ask(await test.flow(), gate)
    expect([answer.status, answer.body['code'], answer.body['gates']]).toEqual([400, 'unknownGate', ['mailCode']])
    expect(test.world.queued).toEqual([])
  })

  it.each([
    ['verified', 409, 'wrongState'],
    ['submitted', 409, 'wrongState'],
    ['settled', 409, 'wrongState'],
    ['closed', 429, 'tooManyTries'],
  ] as const)('is refused when the flow is %s', async (state, status, code) => {
    const answer = await ask(await test.flow({ state }))
    expect([answer.status, answer.body['code']]).toEqual([status, code])
  })

  it('asked for twice at once is recorded once and queued once', async () => {
    const flow = await test.flow()
    const both = await Promise.all([codeOf(ask(flow)), codeOf(ask(flow))])
    expect(both.sort()).toEqual(['STORE_CONFLICT', 'no fault'])
    expect([test.world.queued.length, (await flow.row()).challengesLeft]).toEqual([1, 2])
  })

  it('that could not be queued is a fault, and can be asked for again', async () => {
    const flow = await test.flow()
    const queue = {
      async send() {
        throw storeDown()
      },
    }
    expect(await codeOf(challenge({ ...test.deps, queue })(flow.call({ gate: 'mailCode' })))).toBe('STORE_UNAVAILABLE')
    expect((await ask(flow)).status).toBe(202)
    expect(await test.deliver()).toMatch(/^\d{8}$/)
  })
})
