/** What a flow keeps of a person, and what becomes of it: who may, how they sign in, and what is said late. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { messageIdOf } from '../../shared/seal.ts'
import { signInTypes } from '../entra/sign-in-type.ts'
import { personOf } from './person.ts'
import { settle } from './settle.ts'
import { ada, startTestReset, type TestReset } from './test-reset.ts'
import { takeTurn } from './turn.ts'

let test: TestReset
beforeAll(async () => {
  test = await startTestReset()
})
afterAll(() => test.close())
beforeEach(() => {
  test.renew()
  // Past the lease of the test before.
  test.cloud.pass(60_000)
})

const group = 'aaaaaaaa-0000-4000-8000-0000000000cc'
const room = { hasRoom: true }

describe('the group of the policy', () => {
  it('says who may help themselves', async () => {
    test.world.policy = { eligibleGroup: group }
    expect(await personOf(ada.id, test.deps)).not.toHaveProperty('notEligible')
    test.world.member = false
    const person = await personOf(ada.id, test.deps)
    expect(person).toMatchObject({ id: ada.id, notEligible: true })
    const flow = await test.verified({ person })
    expect(await takeTurn(flow.call(undefined), test.deps, room)).toMatchObject({
      kind: 'refused',
      answer: { status: 403, body: { code: 'notEligible', effect: 'notChanged' } },
    })
  })

  it('is not asked about where the policy names none, and stands in no administrator’s way', async () => {
    test.world.member = false
    expect(await personOf(ada.id, test.deps)).not.toHaveProperty('notEligible')
    const flow = await test.verified({ person: { id: ada.id, sourceAnchor: 'YQ==', notEligible: true }, by: 'someone' })
    expect(await takeTurn(flow.call(undefined), test.deps, room)).toMatchObject({ kind: 'turn' })
  })

  it('that nobody can look into passes nobody', async () => {
    test.world.policy = { eligibleGroup: group }
    const groups = { isMember: () => Promise.reject(new Error('away')) }
    await expect(personOf(ada.id, { ...test.deps, groups })).rejects.toThrow('away')
  })
})

describe('by how they sign in', () => {
  it('somebody in the cloud alone needs no agent', async () => {
    test.world.writeback = 'down'
    const flow = await test.verified({ person: { id: ada.id, signIn: 'cloudOnly' } })
    expect(await takeTurn(flow.call(undefined), test.deps, room)).toMatchObject({ kind: 'turn' })
  })

  it.each(['change', 'unlock'] as const)('there is nothing to %s for them', async (operation) => {
    const flow = await test.verified({ person: { id: ada.id, signIn: 'cloudOnly' } })
    const { answer } = (await takeTurn(flow.call(undefined), test.deps, { ...room, operation })) as { answer: object }
    expect(answer).toMatchObject({ status: 409, body: { code: 'cloudOnly' } })
  })

  it.each([...signInTypes.filter((type) => type !== 'cloudOnly'), undefined])(
    'what is done on-premises and known late: %s',
    async (signIn) => {
      for (const [operation, told] of [
        [undefined, signIn === 'passwordHash' ? 'doneCloudPending' : 'done'],
        ['change', signIn === 'passwordHash' ? 'doneCloudPending' : 'done'],
        ['unlock', 'unlocked'],
      ] as const) {
        test.cloud.pass(60_000)
        const flow = await test.verified({ person: { id: ada.id, sourceAnchor: 'YQ==', ...(signIn && { signIn }) } })
        const turn = await takeTurn(flow.call(undefined), test.deps, { ...room, ...(operation && { operation }) })
        if (turn.kind === 'refused') throw new Error(String(turn.answer.body['code']))
        await settle(messageIdOf(turn.id), { kind: 'done' }, test.deps)
        expect((await flow.row()).outcome).toEqual({ kind: told })
      }
    },
  )
})
