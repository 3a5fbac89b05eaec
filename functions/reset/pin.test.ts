import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { relink } from '../admin/relink.ts'
import { codeOf } from '../keys/test-cloud.ts'
import { challenge } from './challenge.ts'
import { fitsPin } from './pin.ts'
import { ada, callOf, failWhere, startTestReset, type TestReset, tapped } from './test-reset.ts'
import { takeTurn } from './turn.ts'
import { verify } from './verify.ts'

let test: TestReset
beforeAll(async () => {
  test = await startTestReset()
})
afterAll(() => test.close())
beforeEach(() => {
  test.renew()
  test.cloud.pass(60_000)
})

const other = 'b3RoZXItYW5jaG9yLQ=='
let people = 0
/** Somebody nobody has served yet. */
const first = 'YWRhLWFuY2hvcg=='
function newcomer(): string {
  people += 1
  const id = `bbbbbbbb-0000-4000-8000-${String(people).padStart(12, '0')}`
  test.world.people.splice(0, 1, { ...ada, id, sourceAnchor: first })
  return id
}
const rename = (id: string, sourceAnchor: string) => test.world.people.splice(0, 1, { ...ada, id, sourceAnchor })

/** A flow through the gate, as far as the submit. */
async function submit(): Promise<string> {
  const flow = await test.flow()
  await challenge(test.deps)(flow.call({ gate: 'mailCode' }))
  const code = await test.deliver()
  const verified = await verify(test.deps)(flow.call({ gate: 'mailCode', code }))
  expect(verified.body).toMatchObject({ state: 'verified' })
  const turn = await takeTurn(flow.call({}), test.deps)
  if (turn.kind !== 'turn') return `${turn.answer.status} ${turn.answer.body['code']} ${turn.answer.body['condition']}`
  await turn.giveBack()
  return 'a turn'
}
const administrator = { id: 'dddddddd-0000-4000-8000-000000000001', role: 'Writeback.Admin' } as const
const relinking = (id: string, reason = 'moved to another forest') =>
  relink(test.deps)({ ...callOf({ reason }, {}, ''), params: { id }, administrator })

describe('a pair of anchors', () => {
  it('is pinned when it is first served, and fits from then on', async () => {
    newcomer()
    expect([await submit(), await submit()]).toEqual(['a turn', 'a turn'])
  })

  it('that has changed is refused and reported, each time', async () => {
    const id = newcomer()
    await submit()
    rename(id, other)
    expect([await submit(), await submit()]).toEqual(['409 notLinked cloud', '409 notLinked cloud'])
    expect(test.world.logged.filter(({ event }) => event === 'linkChanged')).toEqual(
      [1, 2].map(() => ({ event: 'linkChanged', fields: { person: id } })),
    )
  })

  it('with a source anchor that no message can carry is refused and reported, and not pinned', async () => {
    const id = newcomer()
    rename(id, 'A'.repeat(65))
    expect(await submit()).toBe('409 notLinked cloud')
    expect(test.world.logged).toContainEqual({ event: 'linkChanged', fields: { person: id } })
    expect((await relinking(id)).body).toMatchObject({ code: 'notSynchronized' })
    rename(id, first)
    expect(await submit()).toBe('a turn')
  })

  it('that is as it was fits again', async () => {
    const id = newcomer()
    await submit()
    rename(id, other)
    await submit()
    rename(id, first)
    expect(await submit()).toBe('a turn')
  })

  it('is served anew when an administrator has linked it, with a reason that is kept', async () => {
    const id = newcomer()
    await submit()
    rename(id, other)
    await submit()
    expect(await relinking(id)).toMatchObject({ status: 200, body: { user: id, changed: true } })
    expect(await submit()).toBe('a turn')
    expect((await test.deps.rows.read('state', 'pins', id))?.value).toMatchObject({
      sourceAnchor: other,
      reason: 'moved to another forest',
    })
  })

  it('of two instances at once is pinned once, and the other pair does not fit', async () => {
    const id = newcomer()
    const both = await Promise.all([fitsPin(id, 'one', test.deps), fitsPin(id, 'two', test.deps)])
    expect(both.sort()).toEqual([false, true])
  })

  it('that cannot be read serves nobody', async () => {
    newcomer()
    const flow = await test.flow()
    await challenge(test.deps)(flow.call({ gate: 'mailCode' }))
    const code = await test.deliver()
    const rows = tapped(test.deps.rows, { before: failWhere((at) => at.partition === 'pins') })
    expect(await codeOf(verify({ ...test.deps, rows })(flow.call({ gate: 'mailCode', code })))).toBe('STORE_UNAVAILABLE')
    expect((await flow.row()).state).toBe('challenged')
  })
})

describe('linking anew', () => {
  it('is for users that exist and are synchronized', async () => {
    const id = newcomer()
    expect((await relinking('bbbbbbbb-0000-4000-8000-999999999999')).body).toMatchObject({ code: 'unknownUser' })
    test.world.people.splice(0, 1, { ...ada, id, synchronized: false })
    expect((await relinking(id)).body).toMatchObject({ code: 'notSynchronized' })
  })

  it('before anybody was served pins the pair', async () => {
    const id = newcomer()
    expect((await relinking(id)).body).toMatchObject({ changed: false })
    expect(await submit()).toBe('a turn')
  })
})
