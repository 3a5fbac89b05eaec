/** Administrators and the help desk for somebody else: who may, what is asked of the directory, and what they are told. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Fault } from '../../shared/fault.ts'
import type { Outcome } from '../../shared/outcome.ts'
import { messageIdOf, newId } from '../../shared/seal.ts'
import { audited } from '../audit/audited.ts'
import type { AdministratorCall } from '../http/edge.ts'
import { problem } from '../http/problem.ts'
import type { Question, Sealed } from '../relay/ask.ts'
import type { Wish } from '../relay/seal.ts'
import { openRoom } from '../reset/room.ts'
import { settle } from '../reset/settle.ts'
import { ada, callOf, startTestReset, type TestReset } from '../reset/test-reset.ts'
import { createWrite } from '../reset/write.ts'
import { openUsers, type UsersDeps } from './users.ts'

const hal = { id: 'c1b2c3d4-0000-4000-8000-0000000000aa', role: 'Writeback.Helpdesk' } as const
const eva = { id: 'c1b2c3d4-0000-4000-8000-0000000000ee', role: 'Writeback.Admin' } as const
const generated = 'Generated-Password-1'

let test: TestReset
let asked: { wish: Wish; text: string | undefined }[]
let outcome: Outcome
let answered: boolean
beforeAll(async () => {
  test = await startTestReset()
})
afterAll(() => test.close())
beforeEach(() => {
  test.renew()
  test.cloud.pass(3_600_000)
  asked = []
  outcome = { kind: 'done' }
  answered = true
})

const textOf = (wish: Wish) => ('newPassword' in wish ? wish.newPassword.use((value) => value.toString()) : undefined)
const notGranted = async (): Promise<Outcome> => ({ kind: 'cloudOnly' })
const writing = (ask: () => Promise<Outcome>) =>
  createWrite({
    async seal(turn, wish) {
      asked.push({ wish, text: textOf(wish) })
      return { messageId: messageIdOf(turn.id) } as Question
    },
    ask,
    cloudPasswords: { alone: notGranted, behind: notGranted },
    submitted: () => {},
  })
const deps = (): UsersDeps => ({
  ...test.deps,
  room: openRoom(),
  generate: async () => generated,
  write: writing(async () => outcome),
  async sealCheck() {
    return { messageId: messageIdOf(newId()) } as Sealed
  },
  inquire: async () => (answered ? { outcome: outcome as never, agentId: Buffer.alloc(16), spentMs: [0, 0, 0, 0] } : undefined),
})
const call = <B>(body: B, administrator: AdministratorCall['administrator'] = hal, id = ada.id): AdministratorCall<B> => ({
  ...callOf(body, {}, ''),
  params: { id },
  administrator,
})
const reset = (body: object = {}, who: AdministratorCall['administrator'] = hal, over: Partial<UsersDeps> = {}) =>
  openUsers({ ...deps(), ...over }).resetUser(call({ reason: 'asked by phone', ...body }, who))

describe('a reset', () => {
  it('with a guessable password is refused before anything is sent, whoever gives it', async () => {
    const banned: Outcome = { kind: 'policy.banned' }
    const answer = await reset({ newPassword: 'Given-Password-1' }, hal, { checkPassword: async () => banned })
    expect(answer).toMatchObject({ status: 422, body: { code: 'policy.banned', effect: 'notChanged', user: ada.id } })
    expect(asked).toEqual([])
  })

  it('with a given password has to be changed at the next sign-in, unless they say otherwise', async () => {
    const answer = await reset({ newPassword: 'Given-Password-1' })
    const request = expect.stringMatching(/^[\w-]{22}$/)
    const told = { title: 'The password was changed.', code: 'done', effect: 'changed', retryable: false, user: ada.id, request }
    expect(answer).toEqual({ status: 200, body: told })
    expect(asked).toMatchObject([
      { wish: { operation: 'adminReset', actor: 'admin', mustChange: true, unlock: true }, text: 'Given-Password-1' },
    ])
    await reset({ newPassword: 'Given-Password-1', mustChange: false })
    expect(asked[1]).toMatchObject({ wish: { mustChange: false } })
  })

  it('without one shows what was generated, also where it is not known yet whether it counts', async () => {
    expect((await reset()).body['newPassword']).toBe(generated)
    outcome = { kind: 'unknown' }
    test.cloud.pass(60_000)
    const answer = await reset()
    expect(answer).toMatchObject({ status: 504, body: { code: 'unknown', effect: 'unknown', newPassword: generated } })
    expect(String(answer.body['title'])).toContain('the audit will say it')
  })

  it.each<Outcome>([{ kind: 'policy.history', historyLength: 5 }, { kind: 'protectedAccount' }, { kind: 'serviceDown' }])(
    'that was refused (%j) shows no password, and is told to an administrator, not to the person',
    async (refusal) => {
      outcome = refusal
      const answer = await reset()
      expect(answer.body).toMatchObject({ code: refusal.kind, effect: 'notChanged', title: `Not done: ${refusal.kind}.` })
      expect(answer.body).not.toHaveProperty('newPassword')
      expect(answer.body).not.toHaveProperty('state')
    },
  )

  it('leaves steps with who ordered it', async () => {
    const { body } = await reset({ newPassword: 'Given-Password-1' })
    const facts = { request: body['request'], subject: ada.id, who: hal.id, operation: 'adminReset' }
    expect(test.world.steps).toMatchObject([
      { event: 'submitted', ...facts },
      { event: 'outcomeTold', ...facts, outcome: 'done' },
    ])
  })

  it.each(['', 'a\0b'])('with what is no password (%j) goes nowhere', async (newPassword) => {
    expect(await reset({ newPassword })).toMatchObject({ status: 422, body: { code: 'passwordUnusable' } })
    expect(asked).toEqual([])
  })

  it('whose outcome was unknown is settled into the audit, with who ordered it; the person gets no mail', async () => {
    outcome = { kind: 'unknown' }
    const { body } = await reset()
    test.world.steps.splice(0)
    await settle(String(body['request']), { kind: 'done' }, test.deps)
    expect(test.world.steps).toMatchObject([{ event: 'settled', request: body['request'], subject: ada.id, who: hal.id, outcome: 'done' }])
    expect(test.world.mailed).toEqual([])
  })

  it('waits its turn: another request about the same person is under way', async () => {
    const first = Promise.withResolvers<Outcome>()
    const under = reset({}, hal, { write: writing(() => first.promise) })
    await expect.poll(() => asked.length).toBe(1)
    expect(await reset({}, eva)).toMatchObject({ status: 503, body: { code: 'busy', effect: 'notChanged' } })
    first.resolve({ kind: 'done' })
    expect((await under).status).toBe(200)
    expect(asked.length).toBe(1)
  })
})

describe('who may', () => {
  it('the help desk touches no administrator, by no operation; an administrator may', async () => {
    test.world.administrator = true
    const users = openUsers(deps())
    for (const answer of [await reset(), await users.unlockUser(call({ reason: 'x' })), await users.checkUser(call({ reason: 'x' }))])
      expect(answer).toEqual(problem('administratorsOnly'))
    expect(asked).toEqual([])
    expect((await reset({}, eva)).status).toBe(200)
  })

  it('nobody acts on themselves this way, however their id is written', async () => {
    const self = { ...eva, id: ada.id }
    const users = openUsers(deps())
    expect(await users.resetUser(call({ reason: 'x' }, self, ada.id.toUpperCase()))).toEqual(problem('notYourself'))
    expect(await users.unlockUser(call({ reason: 'x' }, self))).toEqual(problem('notYourself'))
    expect(asked).toEqual([])
  })
})

describe('what is not sent', () => {
  it.each<[string, () => unknown, object]>([
    ['the feature is off', () => Object.assign(test.world, { on: false }), { status: 403, body: { code: 'disabled' } }],
    ['no agent is there', () => Object.assign(test.world, { writeback: 'down' }), { status: 503, body: { code: 'serviceDown' } }],
    ['there is no such person', () => test.world.people.splice(0), { status: 404, body: { code: 'unknownUser' } }],
    [
      'the person has no source anchor',
      () => {
        const { sourceAnchor: _, ...bare } = ada
        test.world.people.splice(0, 1, bare)
      },
      { status: 409, body: { code: 'cloudOnly' } },
    ],
  ])('%s', async (_why, make, expected) => {
    make()
    const users = openUsers(deps())
    expect(await reset()).toMatchObject(expected)
    expect(await users.unlockUser(call({ reason: 'x' }))).toMatchObject(expected)
    expect(await users.checkUser(call({ reason: 'x' }))).toMatchObject(expected)
    expect(asked).toEqual([])
  })

  it('a passing fault before anything was sent is not told as if part of it were done', async () => {
    const audit = { begin: async () => async () => {} }
    const away = { people: { byId: () => Promise.reject(new Fault('GRAPH_UNAVAILABLE', 'away')) } }
    const handler = audited('resetUser', openUsers({ ...deps(), ...away }).resetUser as never, { audit, log: test.deps.log })
    expect(await handler(call({ reason: 'x' }))).toEqual(problem('unavailable'))
  })
})

describe('unlock and check', () => {
  it('an unlock says nothing of a password', async () => {
    const answer = await openUsers(deps()).unlockUser(call({ reason: 'x' }))
    expect(answer).toMatchObject({ status: 200, body: { title: 'The account is not locked any more.', code: 'unlocked' } })
    expect(answer.body).not.toHaveProperty('effect')
    expect(asked).toMatchObject([{ wish: { operation: 'unlock', actor: 'admin' } }])
    // "done" would stand in the audit as a password that was reset.
    expect(test.world.steps).toMatchObject([{ event: 'submitted' }, { event: 'outcomeTold', operation: 'unlock', outcome: 'unlocked' }])
  })

  it('a check tells what speaks against a reset, and that nobody answered', async () => {
    const users = openUsers(deps())
    expect(await users.checkUser(call({ reason: 'x' }))).toMatchObject({ status: 200, body: { code: 'done', user: ada.id } })
    outcome = { kind: 'accountDisabled' }
    expect(await users.checkUser(call({ reason: 'x' }))).toMatchObject({ status: 403, body: { code: 'accountDisabled' } })
    answered = false
    expect(await users.checkUser(call({ reason: 'x' }))).toMatchObject({ status: 503, body: { code: 'directoryUnavailable' } })
    expect(test.world.steps).toEqual([])
  })
})
