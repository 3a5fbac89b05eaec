import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { codeAt } from '../gates/test-codes.ts'
import type { Answer } from '../http/problem.ts'
import { challenge } from './challenge.ts'
import { flowLifeMs } from './flow.ts'
import { read } from './read.ts'
import { start } from './start.ts'
import { ada, callOf, startTestReset, storeDown, type TestFlow, type TestReset } from './test-reset.ts'
import { takeTurn } from './turn.ts'
import { verify } from './verify.ts'

let test: TestReset
let secret: Buffer
beforeAll(async () => {
  test = await startTestReset()
})
afterAll(() => test.close())
beforeEach(async () => {
  test.renew()
  test.cloud.pass(60_000)
  secret = await registeredFor(ada.id)
})

async function registeredFor(id: string): Promise<Buffer> {
  const made = await test.deps.authenticators.begin(id)
  await test.deps.authenticators.confirm(id, codeAt(made, test.cloud.clock.now()))
  test.cloud.pass(60_000)
  return made
}
const code = () => codeAt(secret, test.cloud.clock.now())
const guess = (flow: TestFlow, gate: string, given: string): Promise<Answer> => verify(test.deps)(flow.call({ gate, code: given }))
const shown = ({ status, body }: Answer) => [status, body['code'] ?? body['state']]
const turnOf = async (flow: TestFlow) => {
  const turn = await takeTurn(flow.call({}), test.deps)
  if (turn.kind !== 'turn') return turn.answer.body['code']
  await turn.giveBack()
  return 'a turn'
}

/** By mail; answers what the first gate answered. */
async function throughMail(flow: TestFlow): Promise<Answer> {
  await challenge(test.deps)(flow.call({ gate: 'mailCode' }))
  return guess(flow, 'mailCode', await test.deliver())
}
async function halfway(): Promise<TestFlow> {
  const flow = await test.flow()
  expect(shown(await throughMail(flow))).toEqual([200, 'halfway'])
  return flow
}

describe('a person who needs one gate', () => {
  it('is through with the first, and an authenticator adds nothing', async () => {
    const flow = await test.flow()
    expect(shown(await throughMail(flow))).toEqual([200, 'verified'])
    expect(shown(await guess(flow, 'totp', code()))).toEqual([409, 'wrongState'])
  })
})

describe.each([
  ['a person where the policy says two', { policy: { gates: 2 as const } }],
  ['an administrator, whatever the policy says', { administrator: true, policy: { gates: 1 as const } }],
])('%s', (_, world) => {
  beforeEach(() => void Object.assign(test.world, world))

  it('is halfway after the first gate, is told which are left, and sets no password', async () => {
    const flow = await test.flow()
    const answer = await throughMail(flow)
    expect(answer).toEqual({
      status: 200,
      body: { flow: flow.id, state: 'halfway', gate: 'mailCode', writeback: 'up', gates: ['totp'] },
    })
    expect((await read(test.deps)(flow.call(undefined))).body).toMatchObject({ state: 'halfway', gates: ['totp'] })
    expect(await turnOf(flow)).toBe('wrongState')
    expect((await flow.row()).request).toBeUndefined()
  })

  it('is through after both', async () => {
    const flow = await halfway()
    expect(await guess(flow, 'totp', code())).toEqual({
      status: 200,
      body: { flow: flow.id, state: 'verified', gate: 'totp', writeback: 'up' },
    })
    expect(await flow.row()).toMatchObject({ state: 'verified', passed: ['mailCode', 'totp'], person: { id: ada.id } })
    expect(await turnOf(flow)).toBe('a turn')
  })

  it('counts each gate once', async () => {
    const flow = await halfway()
    expect(shown(await challenge(test.deps)(flow.call({ gate: 'mailCode' })))).toEqual([409, 'wrongState'])
    expect(shown(await guess(flow, 'mailCode', '00000000'))).toEqual([409, 'wrongState'])
    expect(await turnOf(flow)).toBe('wrongState')
  })
})

describe('an authenticator’s code', () => {
  beforeEach(() => void Object.assign(test.world, { policy: { gates: 2 } }))

  it('opens one flow: the same code is wrong in the next, also at once', async () => {
    const [one, other] = [await halfway(), await halfway()]
    const same = code()
    const answers = await Promise.all([guess(one, 'totp', same), guess(other, 'totp', same)])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 422])
    expect(shown(await guess(await halfway(), 'totp', same))).toEqual([422, 'wrongCode'])
  })

  it('of another person is wrong', async () => {
    const theirs = await registeredFor('cccccccc-0000-4000-8000-000000000009')
    expect(shown(await guess(await halfway(), 'totp', codeAt(theirs, test.cloud.clock.now())))).toEqual([422, 'wrongCode'])
  })

  it('of one that is not confirmed is wrong, and so is any of who has none', async () => {
    await test.deps.authenticators.remove(ada.id)
    const flow = await halfway()
    expect(shown(await guess(flow, 'totp', code()))).toEqual([422, 'wrongCode'])
    const pending = await test.deps.authenticators.begin(ada.id)
    expect(shown(await guess(flow, 'totp', codeAt(pending, test.cloud.clock.now())))).toEqual([422, 'wrongCode'])
  })

  it('spends the flow’s tries, of which there are five for both gates', async () => {
    const flow = await test.flow()
    await challenge(test.deps)(flow.call({ gate: 'mailCode' }))
    const right = await test.deliver()
    expect((await guess(flow, 'mailCode', '00000000')).body['triesLeft']).toBe(4)
    await guess(flow, 'mailCode', right)
    for (const left of [3, 2, 1]) expect((await guess(flow, 'totp', 'abcdef')).body['triesLeft']).toBe(left)
    expect(shown(await guess(flow, 'totp', 'abcdef'))).toEqual([429, 'tooManyTries'])
    expect(shown(await guess(flow, 'totp', code()))).toEqual([429, 'tooManyTries'])
  })

  it('comes too late when the time of the flow is over, though a change was tried on it', async () => {
    const flow = await test.flow({
      state: 'halfway',
      person: { id: ada.id, sourceAnchor: ada.sourceAnchor },
      passed: ['mailCode'],
      request: { id: 'r1', until: 0, operation: 'change', from: 'halfway' },
    })
    test.cloud.pass(flowLifeMs)
    expect(shown(await guess(flow, 'totp', code()))).toEqual([410, 'expiredFlow'])
    expect((await flow.row()).state).toBe('halfway')
  })

  it('is nothing where the policy does not offer it', async () => {
    const flow = await halfway()
    Object.assign(test.world, { policy: { gates: 2, offered: ['mailCode'] } })
    expect(shown(await guess(flow, 'totp', code()))).toEqual([400, 'unknownGate'])
  })

  it('is in no row and no line of the log', async () => {
    const flow = await halfway()
    const given = code()
    await guess(flow, 'totp', given)
    expect(JSON.stringify([await flow.row(), test.world.logged])).not.toContain(given)
  })
})

describe('before a gate is passed', () => {
  const stranger = { username: 'nobody@example.test' }

  it('nothing tells who has an authenticator, who needs two gates, or whether the name exists', async () => {
    Object.assign(test.world, { administrator: true, policy: { gates: 2 } })
    const seen = async (username: string) => {
      const started = await start(test.deps)(callOf({ username }, {}, ''))
      const flow = await test.flow({ username })
      return [
        started.body['gates'],
        shown(await guess(flow, 'totp', code())),
        (await challenge(test.deps)(flow.call({ gate: 'totp' }))).body,
        shown(await challenge(test.deps)(flow.call({ gate: 'mailCode' }))),
        shown(await guess(flow, 'totp', code())),
        shown(await guess(flow, 'mailCode', '00000000')),
        (await read(test.deps)(flow.call(undefined))).body['gates'],
      ]
    }
    const [known, unknown] = [await seen(ada.userPrincipalName), await seen(stranger.username)]
    expect(known).toEqual(unknown)
    expect(known[1]).toEqual([409, 'wrongState'])
  })

  it('a stranger cannot use up the tries of somebody’s authenticator', async () => {
    for (let n = 0; n < 12; n++) await guess(await test.flow(), 'totp', '000000')
    Object.assign(test.world, { policy: { gates: 2 } })
    expect(shown(await guess(await halfway(), 'totp', code()))).toEqual([200, 'verified'])
  })
})

describe('a store that fails', () => {
  it('after the code was taken: the flow is still halfway, and the next code opens it', async () => {
    Object.assign(test.world, { policy: { gates: 2 } })
    const flow = await halfway()
    const failing = { ...test.deps.rows, replace: () => Promise.reject(storeDown()) }
    await expect(verify({ ...test.deps, rows: failing })(flow.call({ gate: 'totp', code: code() }))).rejects.toThrow()
    expect((await flow.row()).state).toBe('halfway')
    expect(shown(await guess(flow, 'totp', code()))).toEqual([422, 'wrongCode'])
    test.cloud.pass(30_000)
    expect(shown(await guess(flow, 'totp', code()))).toEqual([200, 'verified'])
  })
})
