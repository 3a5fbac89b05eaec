import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Outcome } from '../../shared/outcome.ts'
import { defaultTimes } from '../../shared/times.ts'
import type { Wish } from '../relay/seal.ts'
import { openRoom } from '../reset/room.ts'
import { settle } from '../reset/settle.ts'
import { startTestReset, type TestReset } from '../reset/test-reset.ts'
import type { Write } from '../reset/write.ts'
import { unlock } from './unlock.ts'

let test: TestReset
beforeAll(async () => {
  test = await startTestReset()
})
afterAll(() => test.close())
beforeEach(() => {
  test.renew()
  test.cloud.pass(defaultTimes.answerMs + 10_000)
})

function unlocks(outcome: Outcome) {
  const sent: Wish[] = []
  const write: Write = async (_, wish) => {
    sent.push(wish)
    return outcome
  }
  return { sent, send: unlock({ ...test.deps, room: openRoom(), write }) }
}

describe('an unlock', () => {
  it('carries no password, and says that the password is the one it was', async () => {
    const { sent, send } = unlocks({ kind: 'done' })
    const flow = await test.verified()
    const answer = await send(flow.call(undefined))
    expect(answer).toMatchObject({ status: 200, body: { code: 'unlocked', effect: 'notChanged', state: 'settled' } })
    expect(sent).toEqual([{ operation: 'unlock', actor: 'self' }])
    await vi.waitFor(async () => expect((await flow.row()).outcome).toEqual({ kind: 'unlocked' }), 10_000)
  })

  it('needs all gates: halfway is not enough', async () => {
    const { sent, send } = unlocks({ kind: 'done' })
    const flow = await test.flow({ state: 'halfway', person: { id: 'a', sourceAnchor: 'YQ==' } })
    expect(await send(flow.call(undefined))).toMatchObject({ status: 409, body: { code: 'wrongState' } })
    expect(sent).toEqual([])
  })

  it('that did not work out leaves the gates passed where it may be tried again', async () => {
    const flow = await test.verified()
    expect((await unlocks({ kind: 'busy' }).send(flow.call(undefined))).body).toMatchObject({ code: 'busy', state: 'verified' })
  })

  it('whose end is known late is told as what it was', async () => {
    const flow = await test.verified()
    await unlocks({ kind: 'unknown' }).send(flow.call(undefined))
    await vi.waitFor(async () => expect((await flow.row()).outcome?.kind).toBe('unknown'), 10_000)
    await settle((await flow.row()).request?.id ?? '', { kind: 'done' }, test.deps)
    expect((await flow.row()).outcome).toEqual({ kind: 'unlocked' })
    expect(test.world.mailed).toMatchObject([{ kind: 'outcome', outcome: { kind: 'unlocked' } }])
  })
})
