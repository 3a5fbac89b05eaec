import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Outcome } from '../../shared/outcome.ts'
import { codeOf } from '../keys/test-cloud.ts'
import { read } from './read.ts'
import { settle } from './settle.ts'
import { ada, failWhere, startTestReset, storeDown, type TestFlow, type TestReset, tapped } from './test-reset.ts'
import { takeTurn } from './turn.ts'

let test: TestReset
beforeAll(async () => {
  test = await startTestReset()
})
afterAll(() => test.close())
beforeEach(() => {
  test.renew()
  test.cloud.pass(60_000)
})

/** A flow with a request under way: its message id, and the end of its turn. */
async function submitted(
  wish?: Parameters<typeof takeTurn>[2],
): Promise<{ flow: TestFlow; id: string; conclude(outcome: Outcome): Promise<unknown> }> {
  const flow = await test.verified()
  const turn = await takeTurn(flow.call({}), test.deps, wish)
  if (turn.kind !== 'turn') throw new Error(`refused: ${JSON.stringify(turn.answer)}`)
  const conclude = async (outcome: Outcome) => {
    await turn.conclude(outcome)
    await turn.recorded
  }
  return { flow, id: turn.id.toString('base64url'), conclude }
}
const outcomeOf = async (flow: TestFlow) => (await flow.row()).outcome?.kind

describe('a late outcome', () => {
  it('settles an unknown one once and is mailed once', async () => {
    const { flow, id, conclude } = await submitted()
    await conclude({ kind: 'unknown' })
    await settle(id, { kind: 'done' }, test.deps)
    await settle(id, { kind: 'done' }, test.deps)
    await settle(id, { kind: 'superseded' }, test.deps)
    expect((await read(test.deps)(flow.call({}))).body).toMatchObject({ state: 'settled', outcome: 'done', effect: 'changed' })
    expect(test.world.mailed).toEqual([{ kind: 'outcome', to: ada.mailAddress, outcome: { kind: 'done' }, asked: 'reset' }])
    expect(test.world.steps.filter(({ event }) => event === 'settled').length).toBe(1)
  })

  it.each(['change', 'unlock'] as const)(
    'of a %s is told as one: a mail about a reset nobody asked for would frighten',
    async (operation) => {
      const { flow, id, conclude } = await submitted({ hasRoom: true, operation })
      await conclude({ kind: 'unknown' })
      await settle(id, { kind: 'done' }, test.deps)
      const told = { kind: operation === 'unlock' ? 'unlocked' : 'done' }
      expect(test.world.mailed).toEqual([{ kind: 'outcome', to: ada.mailAddress, outcome: told, asked: operation }])
      expect(await outcomeOf(flow)).toBe(told.kind)
    },
  )

  it('that reaches several instances at once is mailed once', async () => {
    const { flow, id, conclude } = await submitted()
    await conclude({ kind: 'unknown' })
    await Promise.all(Array.from({ length: 5 }, () => settle(id, { kind: 'done' }, test.deps)))
    expect([await outcomeOf(flow), test.world.mailed.length]).toEqual(['done', 1])
  })

  it('settles a request whose instance died', async () => {
    const { flow, id } = await submitted()
    test.cloud.pass(60_000)
    await settle(id, { kind: 'done' }, test.deps)
    expect([await outcomeOf(flow), test.world.mailed.length]).toEqual(['done', 1])
  })

  it('gives the flow back after a refusal, for as long as the flow lives', async () => {
    const { flow, id, conclude } = await submitted()
    await conclude({ kind: 'unknown' })
    await settle(id, { kind: 'expired' }, test.deps)
    expect(await flow.row()).toMatchObject({ state: 'verified', outcome: { kind: 'expired' } })
    test.cloud.pass(60_000)
    expect((await takeTurn(flow.call({}), test.deps)).kind).toBe('turn')
  })

  it.each<Outcome>([{ kind: 'done' }, { kind: 'accountDisabled' }, { kind: 'policy.filter' }])(
    'never replaces the final %o',
    async (final) => {
      const { flow, id, conclude } = await submitted()
      await conclude(final)
      await settle(id, { kind: 'superseded' }, test.deps)
      expect([await outcomeOf(flow), test.world.mailed]).toEqual([final.kind, []])
    },
  )

  it('of an earlier request says nothing about the present one', async () => {
    const { flow, id, conclude } = await submitted()
    await conclude({ kind: 'policy.filter' })
    const again = await takeTurn(flow.call({}), test.deps)
    if (again.kind !== 'turn') throw new Error('refused')
    await settle(id, { kind: 'done' }, test.deps)
    expect(await flow.row()).toMatchObject({ state: 'submitted' })
    await again.conclude({ kind: 'unknown' })
    await again.recorded
    await settle(id, { kind: 'done' }, test.deps)
    expect(await outcomeOf(flow)).toBe('unknown')
  })

  it('that is still "unknown" settles nothing', async () => {
    const { flow, id } = await submitted()
    await settle(id, { kind: 'unknown' }, test.deps)
    expect([(await flow.row()).state, test.world.mailed]).toEqual(['submitted', []])
  })

  it('of a request nobody made is ignored', async () => {
    await settle('A'.repeat(22), { kind: 'done' }, test.deps)
    expect([test.world.mailed, test.world.logged]).toEqual([[], []])
  })

  it('meets an answer being written at the same moment, and one of them holds', async () => {
    const { flow, id, conclude } = await submitted()
    const rows = tapped(test.deps.rows, {
      before: async ({ operation, count }) => operation === 'replace' && count === 1 && (await conclude({ kind: 'done' })),
    })
    await settle(id, { kind: 'superseded' }, { ...test.deps, rows })
    expect([await outcomeOf(flow), test.world.mailed]).toEqual(['done', []])
  })
})

describe('when something fails', () => {
  it('a store that is away is a fault, so that the message comes again', async () => {
    const { flow, id, conclude } = await submitted()
    await conclude({ kind: 'unknown' })
    const rows = tapped(test.deps.rows, { before: failWhere(({ operation }) => operation === 'replace') })
    expect(await codeOf(settle(id, { kind: 'done' }, { ...test.deps, rows }))).toBe('STORE_UNAVAILABLE')
    await settle(id, { kind: 'done' }, test.deps)
    expect([await outcomeOf(flow), test.world.mailed.length]).toEqual(['done', 1])
  })

  it.each(['people', 'mail'] as const)('the outcome stays recorded without %s', async (what) => {
    const { flow, id } = await submitted()
    const away = async () => {
      throw storeDown()
    }
    const broken = { people: { byId: away }, mail: { sendOutcome: away } }
    await settle(id, { kind: 'done' }, { ...test.deps, [what]: broken[what] })
    expect(await outcomeOf(flow)).toBe('done')
    expect(test.world.logged.at(-1)).toEqual({ event: 'handlerFailed', fields: { route: 'settle', fault: 'STORE_UNAVAILABLE' } })
  })

  it('somebody without an address is not written to', async () => {
    const { id } = await submitted()
    const byId = async () => ({})
    await settle(id, { kind: 'done' }, { ...test.deps, people: { byId } })
    expect(test.world.mailed).toEqual([])
  })
})
