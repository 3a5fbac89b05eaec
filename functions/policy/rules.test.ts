import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { PolicyFacts, Reply } from '../../shared/payload.ts'
import type { Sealed } from '../relay/ask.ts'
import { openRoom } from '../reset/room.ts'
import { startTestReset, type TestFlow, type TestReset } from '../reset/test-reset.ts'
import { readRules } from './rules.ts'

let test: TestReset
beforeAll(async () => {
  test = await startTestReset()
})
afterAll(() => test.close())
beforeEach(() => test.renew())

const domain: PolicyFacts = {
  minLength: 8,
  historyLength: 5,
  complexity: true,
  minAgeMinutes: 60,
  lockoutThreshold: 10,
  lockoutMinutes: 30,
}
const own: PolicyFacts = { ...domain, minLength: 14, minAgeMinutes: 1440 }

/** An agent that answers a check with this, or with nothing. */
function rules(reply: Partial<Reply> | undefined, known: PolicyFacts | 'nobody' = domain, limit?: number) {
  const sent: { person: string; actor: string }[] = []
  const read = readRules({
    ...test.deps,
    room: openRoom(limit),
    policyOf: async () => (known === 'nobody' ? undefined : known),
    sealCheck: async (person, actor) => {
      sent.push({ person: person.id, actor })
      return {} as Sealed
    },
    inquire: async () => reply && { agentId: Buffer.alloc(16), spentMs: [0, 0, 0, 0], outcome: { kind: 'done' }, ...reply },
  })
  return { sent, read: (flow: TestFlow) => read(flow.call(undefined)) }
}

describe('the rules', () => {
  it('are the person’s own where the directory says them; of a lock-out nothing is told', async () => {
    const { read } = rules({ policy: own })
    const flow = await test.verified()
    const { status, body } = await read(flow)
    const { lockoutThreshold: _, lockoutMinutes: __, ...told } = own
    expect([status, body]).toEqual([200, { flow: flow.id, state: 'verified', of: 'person', maxLength: 127, ...told }])
  })

  it('say when the next change is allowed, and what else speaks against it', async () => {
    const retryAt = Date.UTC(2026, 10, 28, 12)
    expect((await rules({ policy: own, outcome: { kind: 'policy.minAge', retryAt } }).read(await test.verified())).body).toMatchObject({
      outcome: 'policy.minAge',
      retryAt: '2026-11-28T12:00:00.000Z',
      of: 'person',
    })
    expect((await rules({ outcome: { kind: 'accountDisabled' } }).read(await test.verified())).body).toMatchObject({
      outcome: 'accountDisabled',
      of: 'domain',
    })
  })

  it('are the domain’s where the directory does not answer in time, or there is no room', async () => {
    for (const { read } of [rules(undefined), rules({ policy: own }, domain, 0)])
      expect((await read(await test.verified())).body).toMatchObject({ of: 'domain', minLength: 8 })
  })

  it('are asked for once a flow, however often and however many at once', async () => {
    const { sent, read } = rules({ policy: own })
    const flow = await test.verified()
    const first = await Promise.all(Array.from({ length: 10 }, () => read(flow)))
    expect(first.every(({ status }) => status === 200)).toBe(true)
    expect((await read(flow)).body).toMatchObject({ of: 'person', minLength: 14 })
    expect(sent).toHaveLength(1)
  })

  it('leave the flow as it was', async () => {
    const flow = await test.verified()
    const before = await flow.row()
    await rules({ policy: own }).read(flow)
    expect({ ...(await flow.row()), rules: undefined }).toEqual({ ...before, rules: undefined })
  })

  it('are for whoever passed the gates: before, after, or on somebody else’s flow nothing is asked', async () => {
    const { sent, read } = rules({ policy: own })
    const person = (await (await test.verified()).row()).person
    for (const state of ['started', 'challenged', 'halfway', 'settled', 'closed'] as const)
      expect(await read(await test.flow({ state, person }))).toMatchObject({ status: 409, body: { code: 'wrongState', state } })
    const [mine, other] = [await test.verified(), await test.verified()]
    expect(await read({ ...mine, call: (body) => other.call(body, { params: { flow: mine.id } }) })).toMatchObject({ status: 404 })
    expect(sent).toEqual([])
  })

  it('are refused as a reset would be, and nothing is asked', async () => {
    const refusals = [
      ['disabled', { on: false }, {}],
      ['serviceDown', { writeback: 'down' }, {}],
      ['cloudOnly', {}, { person: { id: 'a' } }],
      ['notLinked', {}, { person: { id: 'a', sourceAnchor: 'YQ==', linkChanged: true } }],
    ] as const
    for (const [code, world, flow] of refusals) {
      test.renew()
      Object.assign(test.world, world)
      const { sent, read } = rules({ policy: own })
      expect((await read(await test.verified(flow))).body['code']).toBe(code)
      expect(sent).toEqual([])
    }
    expect((await rules(undefined, 'nobody').read(await test.verified())).body['code']).toBe('serviceDown')
  })
})
