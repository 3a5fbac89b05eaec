import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { defaultTimes } from '../../shared/times.ts'
import { type Flow, recentFlows, saveFlow } from './flow.ts'
import { ada, failWhere, startTestReset, type TestFlow, type TestReset, tapped } from './test-reset.ts'
import { type Turn, type TurnDeps, takeTurn } from './turn.ts'

let test: TestReset
beforeAll(async () => {
  test = await startTestReset()
})
afterAll(() => test.close())
// Nobody's lease may be left over from the test before.
beforeEach(() => {
  test.renew()
  test.cloud.pass(defaultTimes.answerMs + 10_000)
})

const take = (flow: TestFlow, over: Partial<TurnDeps> = {}) => takeTurn(flow.call({}), { ...test.deps, ...over })
async function taken(flow: TestFlow, over: Partial<TurnDeps> = {}): Promise<Turn> {
  const turn = await take(flow, over)
  if (turn.kind !== 'turn') throw new Error(`refused: ${JSON.stringify(turn.answer)}`)
  return turn
}
const refusal = async (turn: ReturnType<typeof take>) => {
  const got = await turn
  return got.kind === 'turn' ? 'a turn' : `${got.answer.status} ${got.answer.body['code']}`
}

describe('a flow that this instance has just verified', () => {
  const justVerified = async () => {
    const flow = await test.flow({ state: 'challenged' })
    const row = await test.deps.rows.read<Flow>('flows', flow.id, 'flow')
    if (!row) throw new Error('the flow is gone')
    const person = { id: ada.id, sourceAnchor: ada.sourceAnchor }
    test.deps.recent.keep(await saveFlow({ ...row, id: flow.id }, { state: 'verified', person }, test.deps))
    return flow
  }

  it('is not read again', async () => {
    const flow = await justVerified()
    const rows = tapped(test.deps.rows, { before: failWhere((at) => at.operation === 'read' && at.partition === flow.id) })
    await test.deps.rows.remove('state', 'lease', ada.id)
    expect(await refusal(take(flow, { rows }))).toBe('a turn')
  })

  it('is read when another instance has gone on with it', async () => {
    const flow = await justVerified()
    const elsewhere = await taken(flow, { recent: recentFlows() })
    await elsewhere.conclude({ kind: 'done' })
    await elsewhere.recorded
    expect(await refusal(take(flow))).toBe('200 done')
  })

  it('is still its owner’s alone', async () => {
    const flow = await justVerified()
    expect(await refusal(takeTurn(flow.call({}, { flowSecret: () => 'a guess' }), test.deps))).toBe('404 unknownFlow')
  })

  it('is forgotten when there are too many', async () => {
    const recent = recentFlows(1)
    const row = (id: string) => ({ id, etag: '', rowKey: 'flow', value: { state: 'verified' } as Flow })
    for (const id of ['a', 'b']) recent.keep(row(id))
    expect([recent.take('a'), recent.take('b')?.id, recent.take('b')]).toEqual([undefined, 'b', undefined])
  })
})
