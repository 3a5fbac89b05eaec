import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { codeOf } from '../keys/test-cloud.ts'
import { challenge } from '../reset/challenge.ts'
import type { Flow } from '../reset/flow.ts'
import { ada, failWhere, startTestReset, storeDown, type TestFlow, type TestReset, tapped } from '../reset/test-reset.ts'
import { verify } from '../reset/verify.ts'
import { type DeliverDeps, deliverChallenge } from './deliver.ts'

let test: TestReset
beforeAll(async () => {
  test = await startTestReset()
})
afterAll(() => test.close())
beforeEach(() => test.renew())

/** A challenged flow and the message that lies on the queue for it. */
async function challenged(over: Partial<Flow> = {}): Promise<{ flow: TestFlow; message: unknown }> {
  const flow = await test.flow(over)
  await challenge(test.deps)(flow.call({ gate: 'mailCode' }))
  return { flow, message: JSON.parse(test.world.queued.pop() ?? '') }
}
const deliver = (message: unknown, over: Partial<DeliverDeps> = {}) => deliverChallenge(message, { ...test.deps, ...over })
const codes = () => test.world.mailed.flatMap((mail) => (mail.kind === 'code' ? [mail.code] : []))
const guess = async (flow: TestFlow, code: string) => (await verify(test.deps)(flow.call({ gate: 'mailCode', code }))).status
const mailFails = (sent: string[] = []): Partial<DeliverDeps> => ({
  mail: {
    async sendCode(_, code) {
      sent.push(code)
      throw storeDown()
    },
  },
})

describe('a code', () => {
  it('is in the mail, and in the row only as its MAC', async () => {
    const { flow, message } = await challenged()
    await deliver(message)
    const [code = ''] = codes()
    expect(test.world.mailed).toEqual([{ kind: 'code', to: ada.mailAddress, code: expect.stringMatching(/^\d{8}$/), validMinutes: 5 }])
    const stored = await test.cloud.tables.get('flows', flow.id, 'flow')
    expect(stored?.d).toContain(ada.id)
    expect(JSON.stringify(stored)).not.toContain(code)
    expect(JSON.stringify(test.world.logged)).not.toMatch(new RegExp(`${code}|${ada.mailAddress}|${ada.userPrincipalName}`))
    expect(await guess(flow, code)).toBe(200)
  })

  it('is another one every time', async () => {
    for (let i = 0; i < 5; i++) await deliver((await challenged()).message)
    expect(new Set(codes()).size).toBe(5)
  })

  it('is sent once, however often the queue brings its message', async () => {
    const { flow, message } = await challenged()
    await deliver(message)
    await deliver(message)
    expect(codes().length).toBe(1)
    expect(await guess(flow, codes()[0] ?? '')).toBe(200)
    await deliver(message)
    expect(codes().length).toBe(1)
  })

  it('is sent once when the queue brings its message twice at once', async () => {
    const { flow, message } = await challenged()
    await Promise.all([deliver(message), deliver(message), deliver(message)])
    expect(codes().length).toBe(1)
    expect(await guess(flow, codes()[0] ?? '')).toBe(200)
  })

  it('is still sent when a wrong one was typed at the same moment', async () => {
    const { flow, message } = await challenged()
    const rows = tapped(test.deps.rows, {
      before: async ({ operation, count }) => operation === 'replace' && count === 1 && (await guess(flow, '00000000')),
    })
    await deliver(message, { rows })
    expect(codes().length).toBe(1)
    expect(await flow.row()).toMatchObject({ triesLeft: 4 })
    expect(await guess(flow, codes()[0] ?? '')).toBe(200)
  })
})

describe('nothing is sent', () => {
  it('for a challenge that is over', async () => {
    const { message } = await challenged()
    test.cloud.pass(5 * 60_000)
    await deliver(message)
    expect([codes(), test.world.logged]).toEqual([[], []])
  })

  it('for a challenge that was asked for again', async () => {
    const { flow, message } = await challenged()
    await challenge(test.deps)(flow.call({ gate: 'mailCode' }))
    await deliver(message)
    expect(codes()).toEqual([])
    expect((await flow.row()).challenge?.code).toBeUndefined()
    await test.deliver()
    expect(codes().length).toBe(1)
  })

  it('for a flow that is not there', async () => {
    await deliver({ flow: 'A'.repeat(22), challenge: 'x' })
    expect(codes()).toEqual([])
  })

  it.each([null, 'text', {}, { flow: 1, challenge: 'x' }, { flow: 'a', challenge: 'b', to: 'evil@example.test' }])(
    'for a message that is none of ours (%j)',
    async (message) => {
      expect(await codeOf(deliver(message))).toContain('not a fault')
      expect(codes()).toEqual([])
    },
  )

  it.each([
    ['nobody has the name', []],
    ['they are disabled', [{ ...ada, enabled: false }]],
    ['they have no address', [{ ...ada, mailAddress: undefined }]],
  ])('when %s, and the same is written', async (_, found) => {
    const writes: string[] = []
    const watched = tapped(test.deps.rows, { after: ({ operation, table }) => writes.push(`${operation} ${table}`) })
    const [known, unknown] = [await challenged(), await challenged()]
    await deliver(known.message, { rows: watched })
    const usual = writes.splice(0)
    const byName = async () => found[0] as Awaited<ReturnType<DeliverDeps['people']['byName']>>
    await deliver(unknown.message, { rows: watched, people: { byName } })
    expect(writes).toEqual(usual)
    expect(codes().length).toBe(1)
    const shape = async (flow: TestFlow) => Object.keys((await flow.row()).challenge ?? {}).filter((name) => name !== 'personId')
    expect(await shape(unknown.flow)).toEqual(await shape(known.flow))
    expect(await guess(unknown.flow, codes()[0] ?? '')).toBe(422)
  })
})

describe('when something fails', () => {
  it('a mail that was not taken is tried again with a new code; the old one never worked', async () => {
    const { flow, message } = await challenged()
    const lost: string[] = []
    expect(await codeOf(deliver(message, mailFails(lost)))).toBe('STORE_UNAVAILABLE')
    expect(await guess(flow, lost[0] ?? '')).toBe(422)
    await deliver(message)
    expect(await guess(flow, lost[0] ?? '')).toBe(422)
    expect(await guess(flow, codes()[0] ?? '')).toBe(200)
  })

  it('a directory that cannot be asked leaves everything for the queue’s next try', async () => {
    const { flow, message } = await challenged()
    const byName = async () => {
      throw storeDown()
    }
    expect(await codeOf(deliver(message, { people: { byName } }))).toBe('STORE_UNAVAILABLE')
    expect((await flow.row()).challenge?.code).toBeUndefined()
    await deliver(message)
    expect(await guess(flow, codes()[0] ?? '')).toBe(200)
  })

  it('a store that fails before the mail sends none', async () => {
    const { message } = await challenged()
    const rows = tapped(test.deps.rows, { before: failWhere(({ operation }) => operation === 'replace') })
    expect(await codeOf(deliver(message, { rows }))).toBe('STORE_UNAVAILABLE')
    expect(codes()).toEqual([])
  })

  it('a mail that was not taken while a wrong code was typed can be tried again, too', async () => {
    const { flow, message } = await challenged()
    const mail = {
      async sendCode() {
        await guess(flow, '00000000')
        throw storeDown()
      },
    }
    await codeOf(deliver(message, { mail }))
    await deliver(message)
    expect(codes().length).toBe(1)
    expect(await guess(flow, codes()[0] ?? '')).toBe(200)
  })
})
