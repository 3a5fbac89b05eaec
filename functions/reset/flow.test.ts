import { TableClient } from '@azure/data-tables'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectionString } from '../../local/azurite.ts'
import type { Outcome } from '../../shared/outcome.ts'
import { codeOf } from '../keys/test-cloud.ts'
import { challenge } from './challenge.ts'
import { type Flow, type FlowState, flowLifeMs, openFlow, saveFlow, stateAfter } from './flow.ts'
import { read } from './read.ts'
import { start } from './start.ts'
import { ada, callOf, startTestReset, type TestReset } from './test-reset.ts'
import { verify } from './verify.ts'

let test: TestReset
beforeAll(async () => {
  test = await startTestReset()
})
afterAll(() => test.close())
beforeEach(() => test.renew())

const minutes = (n: number) => n * 60_000
const codeIn = async (opened: ReturnType<typeof openFlow>) => {
  const found = await opened
  return found.kind === 'flow' ? 'opened' : `${found.answer.status} ${found.answer.body['code']}`
}

describe('start', () => {
  it('opens a flow whose secret only its owner holds', async () => {
    const answer = await start(test.deps)(callOf({ username: 'ada@example.test' }, {}, ''))
    expect(answer).toMatchObject({ status: 202, body: { gates: ['mailCode'], writeback: 'up' } })
    const id = String(answer.body['flow'])
    const [name, secret = ''] = answer.cookies?.[0]?.split(';')[0]?.split('=') ?? []
    expect([name, answer.cookies?.[0]?.split('; ').slice(1)]).toEqual([
      `__Host-flow-${id}`,
      ['Path=/', 'Max-Age=900', 'Secure', 'HttpOnly', 'SameSite=Strict'],
    ])
    expect(await codeIn(openFlow(callOf({}, { [id]: secret }, id), test.deps))).toBe('opened')
    const stored = await test.cloud.tables.get('flows', id, 'flow')
    expect(stored?.d).toContain('"state":"started"')
    expect(stored?.d).not.toContain(secret)
  })

  it('reads the same for a name that somebody has, that nobody has, and that cannot be one', async () => {
    const answers = await Promise.all(
      ['ada@example.test', 'nobody@example.test', 'a\0b"\ud800<script>'].map((username) => start(test.deps)(callOf({ username }, {}, ''))),
    )
    const shape = answers.map(({ status, body }) => [status, Object.keys(body), body['gates'], body['writeback']])
    expect(new Set(shape.map((each) => JSON.stringify(each))).size).toBe(1)
    expect(test.world.queued).toEqual([])
  })
})

describe('a flow', () => {
  it('is nobody else’s: a wrong, missing or foreign secret and an unknown id read the same', async () => {
    const [mine, theirs] = await Promise.all([test.flow(), test.flow()])
    const secrets = [{}, { [mine.id]: '' }, { [mine.id]: theirs.secret }, { [mine.id]: `${mine.secret}x` }, { [theirs.id]: mine.secret }]
    for (const given of secrets) {
      expect(await codeIn(openFlow(callOf({}, given, mine.id), test.deps))).toBe('404 unknownFlow')
    }
    const unknown = 'A'.repeat(22)
    for (const id of [unknown, '', '../flows', 'a'.repeat(500), `${mine.id}'`]) {
      expect(await codeIn(openFlow(callOf({}, { [id]: mine.secret }, id), test.deps))).toBe('404 unknownFlow')
    }
  })

  it.each<FlowState>(['started', 'challenged', 'verified', 'closed'])('that is %s is over after 15 minutes', async (state) => {
    const flow = await test.flow({ state })
    test.cloud.pass(flowLifeMs - 1)
    expect(await codeIn(openFlow(flow.call({}), test.deps))).toBe('opened')
    test.cloud.pass(1)
    expect(await codeIn(openFlow(flow.call({}), test.deps))).toBe('410 expiredFlow')
  })

  it.each<FlowState>(['submitted', 'settled', 'verified'])('that is %s after a submit can be read for a day more', async (state) => {
    const flow = await test.flow({ state, request: { id: 'a'.repeat(22), until: 0 } })
    test.cloud.pass(flowLifeMs + 24 * minutes(60) - 1)
    expect(await codeIn(openFlow(flow.call({}), test.deps))).toBe('opened')
    test.cloud.pass(1)
    expect(await codeIn(openFlow(flow.call({}), test.deps))).toBe('410 expiredFlow')
  })

  it('takes one of two steps at once', async () => {
    const flow = await test.flow()
    const [a, b] = await Promise.all([openFlow(flow.call({}), test.deps), openFlow(flow.call({}), test.deps)])
    if (a.kind !== 'flow' || b.kind !== 'flow') throw new Error('not opened')
    const saves = await Promise.all([a, b].map(({ flow: row }, i) => codeOf(saveFlow(row, { triesLeft: i }, test.deps))))
    expect(saves.sort()).toEqual(['STORE_CONFLICT', 'no fault'])
  })

  it('goes back to "verified" after a refusal that another try may overcome, and only then', () => {
    const back: Outcome[] = [{ kind: 'policy.length', minLength: 12 }, { kind: 'busy' }, { kind: 'serviceDown' }, { kind: 'expired' }]
    const over: Outcome[] = [{ kind: 'done' }, { kind: 'doneCloudPending' }, { kind: 'unknown' }, { kind: 'accountDisabled' }]
    expect(back.map((each) => stateAfter(each))).toEqual(back.map(() => 'verified'))
    expect(back.map((each) => stateAfter(each, 'halfway'))).toEqual(back.map(() => 'halfway'))
    expect(over.map((each) => stateAfter(each))).toEqual(over.map(() => 'settled'))
  })
})

describe('read', () => {
  it('shows where a flow stands, and nothing about the person', async () => {
    const { body, status } = await read(test.deps)((await test.verified()).call({}))
    expect(status).toBe(200)
    expect(Object.keys(body).sort()).toEqual(['expiresAt', 'flow', 'gates', 'state', 'triesLeft'])
  })

  it('says "unknown" of a request whose instance is gone, once its answer was due', async () => {
    const flow = await test.verified({ state: 'submitted', request: { id: 'r', until: test.cloud.clock.now() + 30_000 } })
    expect((await read(test.deps)(flow.call({}))).body).not.toHaveProperty('outcome')
    test.cloud.pass(30_001)
    expect((await read(test.deps)(flow.call({}))).body).toMatchObject({ state: 'submitted', outcome: 'unknown', effect: 'unknown' })
  })

  it('shows an outcome that became known late', async () => {
    const flow = await test.verified({ state: 'settled', outcome: { kind: 'done' } })
    expect((await read(test.deps)(flow.call({}))).body).toMatchObject({ state: 'settled', outcome: 'done', effect: 'changed' })
  })
})

describe('whoever can write to the table, and holds no key', () => {
  const table = () =>
    TableClient.fromConnectionString(connectionString(test.cloud.azurite.addresses), 'flows', { allowInsecureConnection: true })
  const steps = (flow: Awaited<ReturnType<TestReset['flow']>>) => [
    codeOf(read(test.deps)(flow.call({}))),
    codeOf(challenge(test.deps)(flow.call({ gate: 'mailCode' }))),
    codeOf(verify(test.deps)(flow.call({ gate: 'mailCode', code: '00000000' }))),
  ]

  it('cannot put a verified flow in the place of another', async () => {
    const [verified, mine] = await Promise.all([test.verified(), test.flow()])
    const { etag: _, timestamp: __, ...columns } = await table().getEntity(verified.id, 'flow')
    await table().upsertEntity({ ...columns, partitionKey: mine.id, rowKey: 'flow' }, 'Replace')
    expect(await Promise.all(steps(mine))).toEqual(['ROW_REJECTED', 'ROW_REJECTED', 'ROW_REJECTED'])
  })

  it.each<[string, (flow: Flow) => unknown]>([
    ['more tries', (flow) => ({ ...flow, triesLeft: 1_000_000 })],
    ['a passed gate', (flow) => ({ ...flow, state: 'verified', person: { id: ada.id, sourceAnchor: 'x' } })],
    ['a longer life', (flow) => ({ ...flow, expiresAt: flow.expiresAt + minutes(600) })],
  ])('cannot give itself %s', async (_, edit) => {
    const flow = await test.flow()
    await table().updateEntity({ partitionKey: flow.id, rowKey: 'flow', d: JSON.stringify(edit(await flow.row())) }, 'Merge')
    expect(await Promise.all(steps(flow))).toEqual(['ROW_REJECTED', 'ROW_REJECTED', 'ROW_REJECTED'])
  })
})
