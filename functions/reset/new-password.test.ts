import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { defaultTimes } from '../../shared/times.ts'
import { newPassword } from './new-password.ts'
import { personOf } from './person.ts'
import { openRoom } from './room.ts'
import { ada, startTestReset, storeDown, type TestFlow, type TestReset } from './test-reset.ts'
import type { Write } from './write.ts'

let test: TestReset
beforeAll(async () => {
  test = await startTestReset()
})
afterAll(() => test.close())
beforeEach(() => {
  test.renew()
  test.cloud.pass(defaultTimes.answerMs + 10_000)
})

function resets(over: Partial<TestReset['deps']> = {}) {
  const sent: string[] = []
  const write: Write = async ({ person }) => {
    sent.push(person.id)
    return { kind: 'done' }
  }
  const handler = newPassword({ ...test.deps, ...over, room: openRoom(), write })
  return { sent, send: (flow: TestFlow, text: string) => handler(flow.call({ newPassword: text })) }
}
const banned = { status: 422, body: { code: 'policy.banned', effect: 'notChanged', retryable: true, state: 'verified' } }

describe('a guessable password', () => {
  it('is refused before anything is sent; another one may be tried on the same flow', async () => {
    const { sent, send } = resets()
    test.world.policy = { bannedWords: ['contoso'] }
    const flow = await test.verified()
    for (const text of ['C0ntoso-Tower-9', 'Passw0rd!']) expect(await send(flow, text)).toMatchObject(banned)
    expect(sent).toEqual([])
    expect(await flow.row()).toMatchObject({ state: 'verified' })
    expect((await flow.row()).request).toBeUndefined()
    expect(await send(flow, 'Wbx-7201-quartz')).toMatchObject({ status: 200, body: { code: 'done' } })
  })

  it('may be one by the name of whoever passed the gate, and of nobody else', async () => {
    test.world.people.splice(0, 1, { ...ada, names: ['ada.lovelace', 'Ada Lovelace'] })
    const person = await personOf(ada.id, test.deps)
    expect(person?.names).toEqual(['lovelace'])
    expect(await resets().send(await test.verified({ person }), 'Love1ace-tower-9')).toMatchObject(banned)
    expect(await resets().send(await test.verified(), 'Love1ace-tower-9')).toMatchObject({ status: 200 })
  })

  it('is not told to whom the flow does not belong, nor before the gates', async () => {
    const flow = await test.verified()
    const handler = newPassword({ ...test.deps, room: openRoom(), write: async () => ({ kind: 'done' }) })
    expect(await handler(flow.call({ newPassword: 'Passw0rd!' }, { flowSecret: () => 'x' }))).toMatchObject({ status: 404 })
    expect(await resets().send(await test.flow({ state: 'challenged' }), 'Passw0rd!')).toMatchObject({ status: 409 })
  })

  it('is not guessed at where the policy cannot be read: nothing is sent', async () => {
    const { sent, send } = resets({ checkPassword: async () => Promise.reject(storeDown()) })
    const flow = await test.verified()
    await expect(send(flow, 'Wbx-7201-quartz')).rejects.toThrow()
    expect([sent, (await flow.row()).state]).toEqual([[], 'verified'])
  })
})
