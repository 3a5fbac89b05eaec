import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Fault } from '../../shared/fault.ts'
import type { Outcome } from '../../shared/outcome.ts'
import { Secret } from '../../shared/secret.ts'
import { defaultTimes } from '../../shared/times.ts'
import { codeOf } from '../keys/test-cloud.ts'
import { createSeal } from '../relay/seal.ts'
import { flowOfRequest } from './flow.ts'
import { resetOf } from './new-password.ts'
import { read } from './read.ts'
import { ada, failWhere, sealable, startTestReset, storeDown, type TestFlow, type TestReset, tapped } from './test-reset.ts'
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
async function taken(flow: TestFlow, over: Partial<TurnDeps> = {}): Promise<Turn> {
  const turn = await take(flow, over)
  if (turn.kind !== 'turn') throw new Error(`refused: ${JSON.stringify(turn.answer)}`)
  return turn
}
const refusal = async (turn: ReturnType<typeof take>) => {
  const got = await turn
  return got.kind === 'turn' ? 'a turn' : `${got.answer.status} ${got.answer.body['code']}`
}
/** Whether another flow of the same person is kept from a turn; it gives back the one it gets. */
const leased = async () => {
  const turn = await take(await test.verified())
  if (turn.kind === 'turn') await turn.giveBack()
  return turn.kind !== 'turn'
}

describe('a turn', () => {
  it('marks the flow, holds the lease, and can be found by its request', async () => {
    const flow = await test.verified()
    const turn = await taken(flow)
    const { state, request } = await flow.row()
    expect([state, request?.until, await leased()]).toEqual(['submitted', test.cloud.clock.now() + defaultTimes.answerMs, true])
    expect(request?.id).toBe(turn.id.toString('base64url'))
    expect((await flowOfRequest(request?.id ?? '', test.deps.rows))?.id).toBe(flow.id)
    expect(turn.person).toEqual({ id: ada.id, sourceAnchor: ada.sourceAnchor })
  })

  it('is refused without a trace', async () => {
    const refusals: [Promise<TestFlow>, () => void, string][] = [
      [test.verified(), () => Object.assign(test.world, { on: false }), '403 disabled'],
      [test.verified({ person: { id: ada.id } }), () => {}, '409 cloudOnly'],
      [test.verified(), () => Object.assign(test.world, { writeback: 'down' }), '503 serviceDown'],
      [test.flow({ state: 'started' }), () => {}, '409 wrongState'],
      [test.flow({ state: 'challenged' }), () => {}, '409 wrongState'],
      [test.flow({ state: 'closed' }), () => {}, '409 wrongState'],
      [test.verified({ person: undefined }), () => {}, '409 wrongState'],
    ]
    for (const [making, arrange, expected] of refusals) {
      const flow = await making
      const before = await flow.row()
      arrange()
      expect(await refusal(take(flow))).toBe(expected)
      test.renew()
      expect(await flow.row()).toEqual(before)
    }
    expect(await leased()).toBe(false)
  })

  it.each<[Outcome, string]>([
    [{ kind: 'done' }, 'settled'],
    [{ kind: 'accountDisabled' }, 'settled'],
    [{ kind: 'policy.length', minLength: 12 }, 'verified'],
    [{ kind: 'directoryUnavailable' }, 'verified'],
    [{ kind: 'serviceDown' }, 'verified'],
  ])('that ends with %o leaves the flow %s and the lease free', async (outcome, state) => {
    const flow = await test.verified()
    const turn = await taken(flow)
    const answer = await turn.conclude(outcome)
    await turn.recorded
    expect(answer.body).toMatchObject({ code: outcome.kind, state })
    expect(await flow.row()).toMatchObject({ state, outcome })
    expect(await leased()).toBe(false)
    expect(await refusal(take(await test.verified()))).toBe('a turn')
  })

  it('can be taken again on the same flow at once', async () => {
    const flow = await test.verified()
    for (const _ of [1, 2]) await (await taken(flow)).conclude({ kind: 'policy.complexity' })
    const turn = await taken(flow)
    expect(await leased()).toBe(true)
    await turn.giveBack()
    expect(await leased()).toBe(false)
  })

  it('that ends in "unknown" keeps the lease until the answer was due and ten seconds', async () => {
    const [flow, other] = [await test.verified(), await test.verified()]
    const turn = await taken(flow)
    await turn.conclude({ kind: 'unknown' })
    await turn.recorded
    expect(await flow.row()).toMatchObject({ state: 'settled', outcome: { kind: 'unknown' } })
    test.cloud.pass(defaultTimes.answerMs + 10_000 - 1)
    expect(await refusal(take(other))).toBe('503 busy')
    test.cloud.pass(1)
    expect(await refusal(take(other))).toBe('a turn')
  })

  it('that could not be sealed is given back: the flow verified, the lease free, the password gone', async () => {
    const flow = await test.verified()
    const turn = await taken(flow)
    const password = Secret.fromText('Correct-Horse-1')
    const keys = {
      async sealing() {
        throw storeDown()
      },
    }
    const seal = createSeal({ tenantId: Buffer.alloc(16), times: defaultTimes, keys, clock: test.cloud.clock })
    expect(await codeOf(seal(sealable(turn), resetOf(password), undefined))).toBe('STORE_UNAVAILABLE')
    expect(await codeOf((async () => password.use(() => {}))())).toBe('SECRET_WIPED')
    expect(await flow.row()).toMatchObject({ state: 'verified' })
    expect(await leased()).toBe(false)
    expect(await refusal(take(flow))).toBe('a turn')
  })
})

describe('one person', () => {
  it('has one request at a time, whatever the number of flows', async () => {
    const flows = await Promise.all([test.verified(), test.verified(), test.verified(), test.verified()])
    const turns = await Promise.all(flows.map((flow) => refusal(take(flow))))
    expect(turns.sort()).toEqual(['503 busy', '503 busy', '503 busy', 'a turn'])
    const states = await Promise.all(flows.map(async (flow) => (await flow.row()).state))
    expect(states.sort()).toEqual(['submitted', 'verified', 'verified', 'verified'])
  })

  it('has one at a time also when an old lease is taken over', async () => {
    await taken(await test.verified())
    test.cloud.pass(defaultTimes.answerMs + 10_000)
    const flows = await Promise.all([test.verified(), test.verified(), test.verified()])
    expect((await Promise.all(flows.map((flow) => refusal(take(flow))))).sort()).toEqual(['503 busy', '503 busy', 'a turn'])
  })

  it('keeps their turn when a slower click on the same flow has placed the lease', async () => {
    const flow = await test.verified()
    const slower = { until: test.cloud.clock.now() + 1, flow: flow.id, request: 'of-the-slower-click' }
    const rows = tapped(test.deps.rows, {
      before: async ({ operation, partition }) => {
        if (operation === 'insert' && partition === 'lease') await test.deps.rows.put('state', 'lease', ada.id, slower)
      },
    })
    await taken(flow, { rows })
    expect(await leased()).toBe(true)
  })

  it('is not overtaken by another flow whose request this one has not noted yet', async () => {
    const [first, second] = [await test.verified(), await test.verified()]
    const answers: string[] = []
    const rows = tapped(test.deps.rows, {
      before: async ({ operation, partition }) => {
        if (operation === 'replace' && partition === first.id) {
          while ((await test.deps.rows.read('state', 'lease', ada.id)) === undefined);
          answers.push(await refusal(take(second)))
        }
      },
    })
    await test.deps.rows.remove('state', 'lease', ada.id)
    answers.push(await refusal(take(first, { rows })))
    expect(answers).toEqual(['503 busy', 'a turn'])
  })

  it('does not keep another from theirs', async () => {
    await taken(await test.verified())
    const grace = { id: 'aaaaaaaa-0000-4000-8000-000000000002', sourceAnchor: 'Z3JhY2U=' }
    expect(await refusal(take(await test.verified({ person: grace })))).toBe('a turn')
  })
})

describe('when the store fails in between', () => {
  it('the truth is still told', async () => {
    const flow = await test.verified()
    let failing = false
    const rows = tapped(test.deps.rows, { before: failWhere(() => failing) })
    const turn = await taken(flow, { rows })
    failing = true
    expect(await turn.conclude({ kind: 'done' })).toMatchObject({ status: 200, body: { code: 'done' } })
  })

  it('the truth is told even if somebody else holds the lease by now', async () => {
    const [slow, next] = [await test.verified(), await test.verified()]
    const turn = await taken(slow)
    test.cloud.pass(defaultTimes.answerMs + 10_000)
    await taken(next)
    expect(await turn.conclude({ kind: 'done' })).toMatchObject({ status: 200, body: { code: 'done' } })
    expect(await leased()).toBe(true)
  })

  it('before anything was sent (no key to seal under), the flow can be used again', async () => {
    const flow = await test.verified()
    const turn = await taken(flow)
    const keys = { sealing: () => Promise.reject(new Fault('KEY_UNAVAILABLE', 'by order of a test')) }
    const seal = createSeal({ tenantId: Buffer.alloc(16), times: defaultTimes, keys, clock: test.cloud.clock })
    expect(await codeOf(seal(sealable(turn), resetOf(Secret.fromText('Correct-Horse-1')), undefined))).toBe('KEY_UNAVAILABLE')
    expect(await flow.row()).toMatchObject({ state: 'verified' })
  })

  it('each request of a flow has an id of its own, which leads to the flow for as long as it is the last one', async () => {
    const flow = await test.verified()
    const ids: string[] = []
    for (const _ of [1, 2, 3]) {
      const turn = await taken(flow)
      ids.push(turn.id.toString('base64url'))
      await turn.conclude({ kind: 'policy.filter' })
      await turn.recorded
    }
    expect(new Set(ids).size).toBe(3)
    const found = await Promise.all(ids.map(async (id) => (await flowOfRequest(id, test.deps.rows))?.id))
    expect(found).toEqual([undefined, undefined, flow.id])
  })

  it('an outcome that was settled meanwhile is not overwritten', async () => {
    const flow = await test.verified()
    const turn = await taken(flow)
    const row = await test.deps.rows.read<object>('flows', flow.id, 'flow')
    const settled = { ...row?.value, state: 'settled', outcome: { kind: 'done' } }
    await test.deps.rows.replace('flows', flow.id, 'flow', settled, row?.etag ?? '')
    expect((await turn.conclude({ kind: 'unknown' })).body).toMatchObject({ code: 'unknown' })
    expect(await flow.row()).toMatchObject({ state: 'settled', outcome: { kind: 'done' } })
  })

  it.each([
    ['insert', 'lease', 'free'],
    ['read', 'lease', 'run out'],
    ['replace', 'lease', 'run out'],
  ] as const)('before anything was sent (%s %s, lease %s), the flow can be used again', async (operation, partition, lease) => {
    const flow = await test.verified()
    const rows = tapped(test.deps.rows, { before: failWhere((at) => at.operation === operation && at.partition === partition) })
    await test.deps.rows.remove('state', 'lease', ada.id)
    if (lease === 'run out') await test.deps.rows.insert('state', 'lease', ada.id, { until: 0, flow: 'another' })
    expect(await codeOf(take(flow, { rows }))).toBe('STORE_UNAVAILABLE')
    expect((await read(test.deps)(flow.call({}))).body).toMatchObject({ state: 'verified' })
    expect(await refusal(take(flow))).toBe('a turn')
  })
})
