import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { defaultTimes } from '../../shared/times.ts'
import { failWhere, startTestReset, type TestFlow, type TestReset, tapped } from './test-reset.ts'
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

const take = (flow: TestFlow, over: Partial<TurnDeps> = {}, deadline?: AbortSignal) =>
  takeTurn(flow.call({}, deadline && { deadline }), { ...test.deps, ...over })
async function taken(flow: TestFlow): Promise<Turn> {
  const turn = await take(flow)
  if (turn.kind !== 'turn') throw new Error(`refused: ${JSON.stringify(turn.answer)}`)
  return turn
}
const refusal = async (turn: ReturnType<typeof take>) => {
  const got = await turn
  return got.kind === 'turn' ? 'a turn' : `${got.answer.status} ${got.answer.body['code']}`
}

describe('a second submit on the same flow', () => {
  const polled = (deps: TurnDeps, once: () => Promise<unknown>): TurnDeps => {
    const sleep: TurnDeps['clock']['sleep'] = async () => void (await once())
    return { ...deps, clock: { ...deps.clock, sleep } }
  }

  it('gets the first one’s answer, marked as such', async () => {
    const flow = await test.verified()
    const turn = await taken(flow)
    const second = await takeTurn(
      flow.call({}),
      polled(test.deps, () => turn.conclude({ kind: 'policy.history', historyLength: 24 })),
    )
    expect(second).toMatchObject({
      answer: { status: 422, body: { code: 'policy.history', historyLength: 24, repeated: true, state: 'verified' } },
    })
  })

  it('gets the stored answer later on', async () => {
    const flow = await test.verified()
    await (await taken(flow)).conclude({ kind: 'done' })
    expect(await take(flow)).toMatchObject({ answer: { status: 200, body: { code: 'done', repeated: true } } })
  })

  it('at the same moment sends nothing of its own', async () => {
    const flow = await test.verified()
    const concluding = async (turn: Awaited<ReturnType<typeof take>>) =>
      turn.kind === 'turn' ? turn.conclude({ kind: 'done' }) : turn.answer
    const answers = await Promise.all([1, 2, 3].map(async () => concluding(await take(flow))))
    expect(answers.map(({ body }) => `${body['code']} ${body['repeated']}`).sort()).toEqual(['done true', 'done true', 'done undefined'])
  })

  it('is told "unknown" when its time is over before the first one’s', async () => {
    const flow = await test.verified()
    await taken(flow)
    expect(await refusal(take(flow, {}, AbortSignal.abort()))).toBe('504 unknown')
  })

  it('is told "unknown" at once when the first one’s instance is gone', async () => {
    const flow = await test.verified()
    await taken(flow)
    test.cloud.pass(defaultTimes.answerMs)
    expect(await refusal(take(flow))).toBe('504 unknown')
  })

  it('is not told "unknown" when the first one’s turn was given back: nothing was sent', async () => {
    const flow = await test.verified()
    const turn = await taken(flow)
    expect(
      await refusal(
        takeTurn(
          flow.call({}),
          polled(test.deps, () => turn.giveBack()),
        ),
      ),
    ).toBe('503 busy')
    expect(await refusal(take(await test.verified()))).toBe('a turn')
  })

  it('is not told "nothing was changed" because the store failed while it waited', async () => {
    const flow = await test.verified()
    const turn = await taken(flow)
    const rows = tapped(test.deps.rows, {
      before: failWhere((at) => at.operation === 'read' && at.partition === flow.id && at.count === 2),
    })
    const second = takeTurn(flow.call({}), { ...polled(test.deps, () => turn.conclude({ kind: 'done' })), rows })
    expect(await refusal(second)).toBe('200 done')
  })

  it('takes its own turn when the flow is free again by the time it conflicts', async () => {
    const flow = await test.verified()
    const rows = tapped(test.deps.rows, {
      before: async ({ operation, partition, count }) => {
        if (operation === 'replace' && partition === flow.id && count === 1) await (await taken(flow)).giveBack()
      },
    })
    expect(await refusal(take(flow, { rows }))).toBe('a turn')
  })
})
