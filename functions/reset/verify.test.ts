import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Answer } from '../http/problem.ts'
import { codeOf } from '../keys/test-cloud.ts'
import { challenge } from './challenge.ts'
import { ada, startTestReset, storeDown, type TestReset, tapped } from './test-reset.ts'
import { verify } from './verify.ts'

type TestFlow = Awaited<ReturnType<TestReset['flow']>>

let test: TestReset
beforeAll(async () => {
  test = await startTestReset()
})
afterAll(() => test.close())
beforeEach(() => test.renew())

const guess = (flow: TestFlow, code: string, deps: Partial<TestReset['deps']> = {}): Promise<Answer> =>
  verify({ ...test.deps, ...deps })(flow.call({ gate: 'mailCode', code }))
const shown = ({ status, body }: Answer) => [status, body['code'] ?? body['state']]
const wrongOf = (code: string, by = 1) => String((Number(code) + by) % 10 ** 8).padStart(8, '0')

async function challenged(flow: TestFlow): Promise<string> {
  await challenge(test.deps)(flow.call({ gate: 'mailCode' }))
  return test.deliver()
}

describe('the right code', () => {
  it('passes the gate once and tells who the person is', async () => {
    const flow = await test.flow()
    const code = await challenged(flow)
    expect((await flow.row()).person).toBeUndefined()
    const answer = await guess(flow, code)
    expect(answer).toEqual({ status: 200, body: { flow: flow.id, state: 'verified', gate: 'mailCode', writeback: 'up' } })
    expect(await flow.row()).toMatchObject({ state: 'verified', person: { id: ada.id, sourceAnchor: ada.sourceAnchor } })
    expect((await flow.row()).challenge).toBeUndefined()
    expect(shown(await guess(flow, code))).toEqual([409, 'wrongState'])
  })

  it('is right for five minutes', async () => {
    const flow = await test.flow()
    const code = await challenged(flow)
    test.cloud.pass(5 * 60_000 - 1)
    expect(shown(await guess(flow, wrongOf(code)))).toEqual([422, 'wrongCode'])
    test.cloud.pass(1)
    expect(shown(await guess(flow, code))).toEqual([410, 'expiredCode'])
    expect((await flow.row()).triesLeft).toBe(4)
  })

  it('is right on its own flow alone', async () => {
    const [mine, other] = [await test.flow(), await test.flow()]
    const code = await challenged(mine)
    await challenged(other)
    expect(shown(await guess(other, code))).toEqual([422, 'wrongCode'])
  })

  it('is wrong once another was sent', async () => {
    const flow = await test.flow()
    const first = await challenged(flow)
    const second = await challenged(flow)
    expect(shown(await guess(flow, first))).toEqual([422, 'wrongCode'])
    expect(shown(await guess(flow, second))).toEqual([200, 'verified'])
  })

  it('is wrong for somebody who is gone or disabled by now', async () => {
    for (const people of [[], [{ ...ada, enabled: false }]]) {
      const flow = await test.flow()
      const code = await challenged(flow)
      const byId = async (id: string) => people.find((person) => person.id === id)
      expect(shown(await guess(flow, code, { people: { ...test.deps.people, byId } }))).toEqual([422, 'wrongCode'])
    }
  })

  it.each(['', 'A'.repeat(65), 'ö'.repeat(33), '\ud800'])(
    'names no source anchor where it is none a message can carry: %j',
    async (sourceAnchor) => {
      const flow = await test.flow()
      const code = await challenged(flow)
      const byId = async () => ({ ...ada, sourceAnchor })
      expect(shown(await guess(flow, code, { people: { ...test.deps.people, byId } }))).toEqual([200, 'verified'])
      expect((await flow.row()).person).toEqual({ id: ada.id, signIn: 'passThrough', linkChanged: true })
    },
  )

  it('names no source anchor for somebody who is not synchronized', async () => {
    const flow = await test.flow()
    const code = await challenged(flow)
    const byId = async () => ({ ...ada, synchronized: false })
    await guess(flow, code, { people: { ...test.deps.people, byId } })
    expect((await flow.row()).person).toEqual({ id: ada.id, signIn: 'cloudOnly' })
  })

  it('costs no try while the directory cannot be asked', async () => {
    const flow = await test.flow()
    const code = await challenged(flow)
    const byId = async () => {
      throw storeDown()
    }
    expect(await codeOf(guess(flow, code, { people: { ...test.deps.people, byId } }))).toBe('STORE_UNAVAILABLE')
    expect((await flow.row()).triesLeft).toBe(5)
    expect(shown(await guess(flow, code))).toEqual([200, 'verified'])
  })

  it('is not lost when the service’s state cannot be read', async () => {
    const flow = await test.flow()
    const code = await challenged(flow)
    const writeback = async () => {
      throw storeDown()
    }
    expect(await codeOf(guess(flow, code, { agents: { writeback } }))).toBe('STORE_UNAVAILABLE')
    expect(shown(await guess(flow, code))).toEqual([200, 'verified'])
  })
})

describe('a wrong code', () => {
  it('may be given five times in all, however often a new one is sent', async () => {
    const flow = await test.flow()
    const answers: unknown[] = []
    for (const guesses of [2, 2]) {
      const code = await challenged(flow)
      for (let i = 1; i <= guesses; i++) answers.push((await guess(flow, wrongOf(code, i))).body['triesLeft'])
    }
    const last = await challenged(flow)
    expect(answers).toEqual([4, 3, 2, 1])
    expect(shown(await guess(flow, wrongOf(last)))).toEqual([429, 'tooManyTries'])
    expect(await flow.row()).toMatchObject({ state: 'closed', triesLeft: 0 })
    expect(shown(await guess(flow, last))).toEqual([429, 'tooManyTries'])
    expect(shown(await challenge(test.deps)(flow.call({ gate: 'mailCode' })))).toEqual([429, 'tooManyTries'])
  })

  it('is every code, for a name nobody has, with the same answers', async () => {
    const [known, unknown] = [await test.flow(), await test.flow({ username: 'nobody@example.test' })]
    const sent = await challenged(known)
    await challenge(test.deps)(unknown.call({ gate: 'mailCode' }))
    await test.deliver()
    for (let i = 1; i <= 5; i++) {
      expect(await guess(unknown, wrongOf(sent, i))).toEqual(await guess(known, wrongOf(sent, i)))
    }
  })

  it.each(['', ' ', '0', '000000000', '１２３４５６７８', '\ud800', "' or 1 eq 1"])('may be anything: "%s"', async (code) => {
    const flow = await test.flow()
    await challenged(flow)
    expect(shown(await guess(flow, code))).toEqual([422, 'wrongCode'])
  })

  it('costs a try even before the code was sent', async () => {
    const flow = await test.flow()
    await challenge(test.deps)(flow.call({ gate: 'mailCode' }))
    expect((await guess(flow, '00000000')).body).toMatchObject({ code: 'wrongCode', triesLeft: 4 })
  })
})

describe('guesses at once', () => {
  it('share no try: one is judged, the others learn nothing', async () => {
    const flow = await test.flow()
    const code = await challenged(flow)
    const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => codeOf(guess(flow, wrongOf(code, i + 1)))))
    const judged = answers.filter((answer) => answer === 'no fault').length
    expect(judged).toBeGreaterThanOrEqual(1)
    expect(answers.filter((answer) => answer === 'STORE_CONFLICT').length).toBe(8 - judged)
    expect((await flow.row()).triesLeft).toBe(5 - judged)
  })

  it('that lose do not even take the time of a look-up when they are right', async () => {
    const flow = await test.flow()
    const code = await challenged(flow)
    let lookUps = 0
    const byId = async () => {
      lookUps += 1
      return ada
    }
    // Somebody else's guess is written after this one has read the flow.
    const beaten = tapped(test.deps.rows, {
      after: ({ operation, partition }) => operation === 'read' && partition === flow.id && guess(flow, wrongOf(code)),
    })
    expect(await codeOf(guess(flow, code, { rows: beaten, people: { ...test.deps.people, byId } }))).toBe('STORE_CONFLICT')
    expect(lookUps).toBe(0)
  })
})

describe('verify', () => {
  it.each(['started', 'verified', 'submitted', 'settled'] as const)('is refused when the flow is %s', async (state) => {
    expect(shown(await guess(await test.flow({ state }), '00000000'))).toEqual([409, 'wrongState'])
  })

  it.each(['constructor', 'sms', ''])('is refused for the gate "%s"', async (gate) => {
    const flow = await test.flow()
    await challenged(flow)
    expect(shown(await verify(test.deps)(flow.call({ gate, code: '00000000' })))).toEqual([400, 'unknownGate'])
    expect((await flow.row()).triesLeft).toBe(5)
  })
})
