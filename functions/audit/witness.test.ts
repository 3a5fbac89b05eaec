/** What is told of a flow as it goes its way through the real handlers. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { messageIdOf, newId } from '../../shared/seal.ts'
import { answerOf } from '../http/answers.ts'
import type { Call, Handler } from '../http/edge.ts'
import { problem } from '../http/problem.ts'
import { challenge } from '../reset/challenge.ts'
import { start } from '../reset/start.ts'
import { ada, callOf, startTestReset, storeDown, type TestReset } from '../reset/test-reset.ts'
import { verify } from '../reset/verify.ts'
import type { WriteTurn } from '../reset/write.ts'
import { submittedStep, witnessed } from './witness.ts'

let test: TestReset
beforeAll(async () => {
  test = await startTestReset()
})
afterAll(() => test.close())
beforeEach(() => test.renew())

const watched = <B>(route: string, handler: Handler<B>, rows = test.deps.rows) => witnessed(route, handler, { ...test.deps, rows })
const told = () => test.world.steps.map(({ event }) => event)

async function started() {
  const { body, cookies } = await watched('startReset', start(test.deps))(callOf({ username: ada.userPrincipalName }, {}, ''))
  const id = String(body['flow'])
  const secret = /=([\w-]+);/.exec(cookies?.[0] ?? '')?.[1] ?? ''
  const call = <B>(given: B): Call<B> => callOf(given, { [id]: secret }, id)
  const ask = () => watched('challengeReset', challenge(test.deps))(call({ gate: 'mailCode' }))
  const guess = (code: string) => watched('verifyReset', verify(test.deps))(call({ gate: 'mailCode', code }))
  return { id, call, ask, guess }
}

it('before a gate is passed, steps are counted and tell of no flow; then the flow’s whole story is told', async () => {
  const startedAt = test.deps.clock.now()
  const flow = await started()
  await flow.ask()
  await test.deliver()
  await flow.guess('wrong')
  await flow.ask()
  const code = await test.deliver()
  expect(test.world.steps).toEqual(['flowStarted', 'codeAsked', 'gateFailed', 'codeAsked'].map((event) => ({ event })))

  test.world.steps.splice(0)
  expect(await flow.guess(code)).toMatchObject({ status: 200 })
  await expect.poll(told).toHaveLength(4)
  const facts = { flow: flow.id, subject: ada.id }
  expect(test.world.steps).toEqual([
    { event: 'flowStarted', at: startedAt, ...facts },
    { event: 'codeAsked', count: 2, ...facts },
    { event: 'gateFailed', count: 1, ...facts },
    { event: 'gatePassed', gate: 'mailCode', ...facts },
  ])
})

it('five wrong codes close a flow: counted', async () => {
  const flow = await started()
  await flow.ask()
  for (let n = 0; n < 5; n += 1) await flow.guess('wrong')
  expect(told().slice(2)).toEqual(['gateFailed', 'gateFailed', 'gateFailed', 'gateFailed', 'flowClosed'])
})

it('an outcome is told with its person and request; a repeated answer and a refused call are not', async () => {
  const flow = await test.verified({ state: 'submitted', request: { id: 'r1', until: 0 } })
  const answer = async (given: ReturnType<typeof answerOf>) => watched('newPassword', async () => given)(flow.call({}))
  await answer(answerOf({ kind: 'done' }))
  await answer(answerOf({ kind: 'done' }, { repeated: true }))
  await answer(problem('wrongState'))
  await answer(answerOf({ kind: 'unknown' }))
  const facts = { event: 'outcomeTold', flow: flow.id, subject: ada.id, request: 'r1', operation: 'reset' }
  await expect
    .poll(() => test.world.steps)
    .toEqual([
      { ...facts, outcome: 'done' },
      { ...facts, outcome: 'unknown' },
    ])
})

it('the flow of a change may stand in the body, and who shows a token needs none', async () => {
  const flow = await test.verified()
  const handler = watched('change', async () => answerOf({ kind: 'wrongPassword' }))
  await handler(callOf({ flow: flow.id }, {}, undefined as never))
  await handler({ ...callOf({}, {}, ''), params: {}, user: { id: 'u1' } } as Call)
  await expect.poll(() => test.world.steps.map(({ subject }) => subject).sort()).toEqual([ada.id, 'u1'])
})

it('a flow that cannot be read afterwards changes no answer; the log says that a step is missing', async () => {
  const flow = await test.verified()
  const rows = { ...test.deps.rows, read: () => Promise.reject(storeDown()) }
  const answered = await watched('newPassword', async () => answerOf({ kind: 'done' }), rows)(flow.call({}))
  expect(answered.status).toBe(200)
  await expect
    .poll(() => test.world.logged)
    .toContainEqual({ event: 'auditLost', fields: { count: 1, route: 'newPassword', fault: 'STORE_UNAVAILABLE' } })
})

it('what is sealed is submitted', async () => {
  const id = newId()
  submittedStep(test.deps)({ id, person: { id: 'p1' } } as WriteTurn, { operation: 'unlock', actor: 'self' })
  expect(test.world.steps).toEqual([{ event: 'submitted', request: messageIdOf(id), subject: 'p1', operation: 'unlock' }])
})
