import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { Fault } from '../../shared/fault.ts'
import type { Outcome, OutcomeKind } from '../../shared/outcome.ts'
import type { PolicyFacts } from '../../shared/payload.ts'
import type { Secret } from '../../shared/secret.ts'
import { defaultTimes } from '../../shared/times.ts'
import { virtualClock } from '../../test/virtual-clock.ts'
import type { Call } from '../http/edge.ts'
import { createCheckPassword } from '../policy/check.ts'
import { defaultPolicy } from '../policy/row.ts'
import type { Wish } from '../relay/seal.ts'
import type { Flow } from '../reset/flow.ts'
import { newPassword } from '../reset/new-password.ts'
import { read } from '../reset/read.ts'
import { openRoom } from '../reset/room.ts'
import { settle } from '../reset/settle.ts'
import { ada, startTestReset, storeDown, type TestFlow, type TestReset, tapped } from '../reset/test-reset.ts'
import { unlock } from '../unlock/unlock.ts'
import { openAttempts } from './attempts.ts'
import { type ChangeBody, type ChangeDeps, change } from './change.ts'
import { fixedTime } from './refusal.ts'

let test: TestReset
beforeAll(async () => {
  test = await startTestReset()
})
afterAll(() => test.close())
beforeEach(() => {
  test.renew()
  // Nobody's lease, and nobody's wrong attempts, are left over from the test before.
  test.cloud.pass(60 * 60_000)
})

const plain: PolicyFacts = { minLength: 8, historyLength: 0, complexity: false, minAgeMinutes: 0, lockoutThreshold: 10, lockoutMinutes: 30 }
const passwords = { currentPassword: 'The-Old-One-1', newPassword: 'The-New-One-1' }
const user = { id: ada.id, signedInAt: 0 }

/** An agent that says this of every request that reaches it. */
function changes(outcome: Outcome, over: Partial<ChangeDeps> = {}) {
  const sent: Wish[] = []
  const deps: ChangeDeps = {
    ...test.deps,
    room: openRoom(),
    attempts: openAttempts(test.deps),
    policyOf: async () => plain,
    refusalMs: 1,
    write: async (_, wish) => {
      sent.push(wish)
      return outcome
    },
    ...over,
  }
  const send = (flow: TestFlow, more: Partial<Call> = {}) => change(deps)(flow.call<ChangeBody>({ flow: flow.id, ...passwords }, more))
  const signedIn = () => change(deps)({ ...anyCall(), body: passwords, user })
  const guess = (newPassword: string) => change(deps)({ ...anyCall(), body: { ...passwords, newPassword }, user })
  const nobody = () => change(deps)({ ...anyCall(), body: passwords })
  return { sent, send, signedIn, guess, nobody }
}
const anyCall = (): Omit<Call, 'body'> => ({
  params: {},
  query: new URLSearchParams(),
  deadline: new AbortController().signal,
  traceparent: undefined,
  flowSecret: () => undefined,
})
const halfway = () => test.flow({ state: 'halfway', person: { id: ada.id, sourceAnchor: ada.sourceAnchor } })
const wrong = { status: 422, body: { code: 'wrongPassword', effect: 'notChanged', retryable: true } }

describe('a change', () => {
  it('carries both passwords after one gate of two, and ends the flow', async () => {
    const { sent, send } = changes({ kind: 'done' })
    const flow = await halfway()
    expect(await send(flow)).toMatchObject({ status: 200, body: { code: 'done', effect: 'changed', state: 'settled' } })
    expect(sent).toMatchObject([{ operation: 'change', actor: 'self', unlock: false, mustChange: false }])
  })

  it('by somebody who is signed in needs no flow, and gives them one to look at', async () => {
    const { signedIn } = changes({ kind: 'unknown' })
    const { status, body, cookies } = await signedIn()
    expect([status, body['code']]).toEqual([504, 'unknown'])
    const secret = /=([\w-]+);/.exec(cookies?.[0] ?? '')?.[1] ?? ''
    const look = { ...anyCall(), body: undefined, params: { flow: String(body['flow']) }, flowSecret: () => secret }
    await vi.waitFor(async () => expect(await read(test.deps)(look)).toMatchObject({ status: 200, body: { outcome: 'unknown' } }), 10_000)
  })

  it('by somebody who is signed in shows them no flow where nothing was changed: whether anything was sent is not to be seen', async () => {
    const { signedIn, sent } = changes({ kind: 'accountDisabled' })
    const answers = []
    for (let n = 0; n < 4; n += 1) answers.push(await signedIn())
    test.world.people.splice(0)
    answers.push(await signedIn())
    expect(sent).toHaveLength(3)
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expect(answers[0]).toMatchObject(wrong)
    expect([answers[0]?.body['flow'], answers[0]?.cookies]).toEqual([undefined, undefined])
  })

  it.each([[{ kind: 'wrongPassword' }], [{ kind: 'policy.complexity' }]] as const)(
    'by somebody who is signed in and was refused late (%j) leaves a flow on which no gate was passed: it resets and unlocks nothing',
    async (outcome) => {
      const { signedIn, sent } = changes({ kind: 'unknown' })
      const { body, cookies } = await signedIn()
      const row = async () => (await test.deps.rows.read<Flow>('flows', String(body['flow']), 'flow'))?.value
      await vi.waitFor(async () => expect((await row())?.outcome?.kind).toBe('unknown'), 10_000)
      await settle((await row())?.request?.id ?? '', outcome, test.deps)
      const secret = /=([\w-]+);/.exec(cookies?.[0] ?? '')?.[1] ?? ''
      const onFlow = { ...anyCall(), params: { flow: String(body['flow']) }, flowSecret: () => secret }
      expect((await read(test.deps)({ ...onFlow, body: undefined })).body).toMatchObject({ outcome: outcome.kind })
      const write = async (_: unknown, wish: Wish): Promise<Outcome> => {
        sent.push(wish)
        return { kind: 'done' }
      }
      const sending = { ...test.deps, room: openRoom(), write }
      const reset = await newPassword(sending)({ ...onFlow, body: { newPassword: 'The-New-One-1' } })
      expect([reset.status, reset.body['code']]).toEqual([409, 'wrongState'])
      expect((await unlock(sending)({ ...onFlow, body: undefined })).body['code']).toBe('wrongState')
      expect(sent).toHaveLength(1)
    },
  )

  it('leads back to where it came from when the password was refused: halfway stays halfway', async () => {
    for (const outcome of [{ kind: 'wrongPassword' }, { kind: 'policy.complexity' }] as const) {
      const flow = await halfway()
      expect((await changes(outcome).send(flow)).body).toMatchObject({ code: outcome.kind, state: 'halfway' })
      expect((await flow.row()).state).toBe('halfway')
      test.cloud.pass(60 * 60_000)
    }
  })

  it('and does so when that is known late: nobody gets past the second gate by an answer that was lost', async () => {
    const flow = await halfway()
    await changes({ kind: 'unknown' }).send(flow)
    await vi.waitFor(async () => expect((await flow.row()).outcome?.kind).toBe('unknown'), 10_000)
    await settle((await flow.row()).request?.id ?? '', { kind: 'expired' }, test.deps)
    expect(await flow.row()).toMatchObject({ state: 'halfway', outcome: { kind: 'expired' } })
  })

  it('whose attempt cannot be counted is not sent, and is not told later as if it might have been', async () => {
    const take = () => Promise.reject(storeDown())
    const { sent, send } = changes({ kind: 'done' }, { attempts: { ...openAttempts(test.deps), take } })
    const flow = await halfway()
    await expect(send(flow)).rejects.toThrow()
    expect(sent).toEqual([])
    expect((await flow.row()).state).toBe('halfway')
  })

  it('that is repeated while the first is under way is told as it stands then', async () => {
    const first = Promise.withResolvers<Outcome>()
    const flow = await test.verified()
    const once = changes({ kind: 'done' }, { write: () => first.promise }).send(flow)
    await vi.waitFor(async () => expect((await flow.row()).state).toBe('submitted'), 10_000)
    const waits = Promise.withResolvers<void>()
    const sleep: typeof test.deps.clock.sleep = (...given) => {
      waits.resolve()
      return test.deps.clock.sleep(...given)
    }
    const again = changes({ kind: 'done' }, { clock: { ...test.deps.clock, sleep } }).send(flow)
    await waits.promise
    first.resolve({ kind: 'accountLocked' })
    expect((await once).body).toMatchObject({ code: 'wrongPassword', state: 'verified' })
    expect((await again).body).toMatchObject({ code: 'wrongPassword', state: 'verified', repeated: true })
  })

  it.each(['started', 'challenged'] as const)('is not possible on a flow that is %s: no gate was passed', async (state) => {
    const { sent, send } = changes({ kind: 'done' })
    expect(await send(await test.flow({ state }))).toMatchObject({ status: 409, body: { code: 'wrongState' } })
    expect(sent).toEqual([])
  })

  it('is not possible for a stranger: without a flow or a token, or with another one’s flow', async () => {
    const { sent, send, nobody } = changes({ kind: 'done' })
    expect(await change({} as ChangeDeps & typeof test.deps)({ ...anyCall(), body: passwords }).catch(() => 'needs deps')).toBe(
      'needs deps',
    )
    const flow = await test.verified()
    expect(await nobody()).toMatchObject({ status: 401, body: { code: 'notSignedIn' } })
    expect(await send(flow, { flowSecret: () => 'x'.repeat(43) })).toMatchObject({ status: 404, body: { code: 'unknownFlow' } })
    expect(sent).toEqual([])
  })

  it('by an administrator needs two gates, signed in or not', async () => {
    test.world.administrator = true
    const { sent, send, signedIn } = changes({ kind: 'done' })
    expect(await signedIn()).toMatchObject({ status: 403, body: { code: 'gatesNeeded' } })
    const person = { id: ada.id, sourceAnchor: ada.sourceAnchor, administrator: true as const }
    expect(await send(await test.flow({ state: 'halfway', person }))).toMatchObject({ status: 409, body: { code: 'wrongState' } })
    expect(sent).toEqual([])
    expect(await send(await test.verified({ person }))).toMatchObject({ status: 200 })
  })

  it.each([
    ['currentPassword', ''],
    ['newPassword', 'x'.repeat(200)],
  ])('says which of the two cannot be a password at all: %s', async (field, value) => {
    const { sent } = changes({ kind: 'done' })
    const flow = await test.verified()
    const answer = await change({ ...test.deps } as never)(flow.call({ flow: flow.id, ...passwords, [field]: value }))
    expect(answer).toMatchObject({ status: 422, body: { code: 'passwordUnusable', field } })
    expect(sent).toEqual([])
  })
})

describe('until the directory has accepted the current password', () => {
  const said: OutcomeKind[] = [
    'wrongPassword',
    'userNotFound',
    'ambiguousUser',
    'protectedAccount',
    'permissionDenied',
    'accountDisabled',
    'accountExpired',
    'cannotChange',
    'smartCardRequired',
    'accountLocked',
  ]
  it.each(said)('"%s" is the one refusal, in the answer and for whoever looks later', async (kind) => {
    const flow = await test.verified()
    const answer = await changes({ kind } as Outcome).send(flow)
    const plainly = await changes({ kind: 'wrongPassword' }).send(await test.verified())
    expect(answer).toEqual(plainly)
    expect(answer).toMatchObject(wrong)
    expect((await read(test.deps)(flow.call(undefined))).body).toMatchObject({ outcome: 'wrongPassword', state: 'verified' })
    expect(JSON.stringify(await flow.row())).not.toContain(kind === 'wrongPassword' ? 'accountLocked' : kind)
  })

  it.each([
    ['no password on-premises', { id: ada.id }],
    ['another link than before', { id: ada.id, sourceAnchor: 'YQ==', linkChanged: true as const }],
  ])('%s reads the same, and nothing is sent', async (_, person) => {
    const { sent, send } = changes({ kind: 'done' })
    expect(await send(await test.verified({ person }))).toEqual(await changes({ kind: 'wrongPassword' }).send(await test.verified()))
    expect(sent).toEqual([])
  })

  it('whoever is signed in and cannot be found reads the same', async () => {
    test.world.people.splice(0)
    const gone = await changes({ kind: 'done' }).signedIn()
    test.renew()
    test.world.signIn = 'cloudOnly'
    expect(gone).toEqual(await changes({ kind: 'done' }).signedIn())
    expect(gone).toMatchObject(wrong)
  })

  it.each([{ kind: 'policy.length', minLength: 12 }, { kind: 'directoryUnavailable' }, { kind: 'busy' }] as const)(
    'what is not about the person, or shows that it was right, is told: $kind',
    async (outcome) => {
      expect((await changes(outcome).send(await test.verified())).body['code']).toBe(outcome.kind)
    },
  )

  it('is told at the next multiple of the one time, wherever it was found out', async () => {
    for (const [elapsedMs, toldAtMs] of [
      [0, 2_000],
      [1, 2_000],
      [1_999, 2_000],
      [2_001, 4_000],
      [7_000, 8_000],
    ] as const) {
      const clock = virtualClock()
      const beganAt = clock.monotonic()
      await clock.advance(elapsedMs)
      let told: number | undefined
      void fixedTime(beganAt, 2_000, clock).then(() => (told = clock.monotonic() - beganAt))
      await clock.advance(toldAtMs - elapsedMs - 1)
      expect(told).toBeUndefined()
      await clock.advance(1)
      expect(told).toBe(toldAtMs)
    }
  })
})

describe('what would not be sent', () => {
  it.each([
    ['is in the cloud alone', () => Object.assign(test.world.people, [{ ...ada, synchronized: false }]), 'wrongPassword'],
    ['may not use this', () => Object.assign(test.world, { policy: { eligibleGroup: ada.id }, member: false }), 'wrongPassword'],
    ['is served by nobody now', () => Object.assign(test.world, { writeback: 'down' }), 'serviceDown'],
    ['is not served at all', () => Object.assign(test.world, { on: false }), 'disabled'],
  ])('leaves no row, of whoever is signed in and %s', async (_, make, code) => {
    make()
    const inserted: string[] = []
    const rows = tapped(test.deps.rows, { before: ({ operation, table }) => operation === 'insert' && inserted.push(table) })
    const { sent, signedIn } = changes({ kind: 'done' }, { rows })
    expect((await signedIn()).body).toMatchObject({ code, state: 'halfway' })
    expect([inserted.filter((table) => table === 'flows'), sent]).toEqual([[], []])
  })
})

describe('a guessable new password', () => {
  it('is said at once, of whomever, before anything is counted or sent', async () => {
    const { sent, send, signedIn } = changes({ kind: 'wrongPassword' }, { refusalMs: 60_000 })
    test.world.policy = { bannedWords: ['New-One'] }
    const flow = await test.verified()
    for (let n = 0; n < 4; n += 1) {
      expect(await send(flow)).toMatchObject({ status: 422, body: { code: 'policy.banned', effect: 'notChanged', state: 'verified' } })
      expect(await signedIn()).toMatchObject({ status: 422, body: { code: 'policy.banned' } })
    }
    test.world.people.splice(0)
    expect(await signedIn()).toMatchObject({ status: 422, body: { code: 'policy.banned' } })
    expect(sent).toEqual([])
    expect(await openAttempts(test.deps).anyLeft(ada.id, { lockoutThreshold: 3, lockoutMinutes: 30 })).toBe(true)
  })
})

describe('the range service of breached passwords', () => {
  const asking = (over: Partial<ChangeDeps> = {}) => {
    const asked: string[] = []
    const policies = { current: async () => ({ ...defaultPolicy, breachCheck: true, bannedWords: ['contoso'] }) }
    const isBreached = async (password: Secret) => asked.push(password.use(String)) < 0
    return { asked, ...changes({ kind: 'wrongPassword' }, { checkPassword: createCheckPassword({ policies, isBreached }), ...over }) }
  }

  it('is asked for nobody who has no attempt left; what can be told here is told all the same', async () => {
    const { asked, signedIn, send, guess } = asking()
    for (let n = 0; n < 6; n += 1) expect((await signedIn()).body['code']).toBe('wrongPassword')
    expect((await send(await test.verified())).body['code']).toBe('wrongPassword')
    expect(asked).toHaveLength(3)
    expect((await guess('Contoso-Was-Here-9')).body['code']).toBe('policy.banned')
  })

  it.each([
    ['where nothing is forwarded', { policyOf: async () => ({ ...plain, lockoutThreshold: 1 }) }],
    ['where nobody is there', { policyOf: async () => undefined }],
  ])('is not asked %s', async (_, over) => {
    const { asked, signedIn } = asking(over)
    expect((await signedIn()).status).toBeGreaterThan(400)
    expect(asked).toEqual([])
  })

  it('is asked for whoever cannot be found as for everybody, so that they read the same', async () => {
    test.world.people.splice(0)
    const { asked, signedIn } = asking()
    expect((await signedIn()).body['code']).toBe('wrongPassword')
    expect(asked).toHaveLength(1)
  })
})

describe('wrong ones', () => {
  it('are forwarded three times, and then no more, on whatever flow and whoever is signed in; the answer is the same', async () => {
    const { sent, send, signedIn } = changes({ kind: 'wrongPassword' })
    const answers = [await send(await test.verified()), await signedIn(), await send(await halfway()), await send(await test.verified())]
    answers.push(...(await Promise.all(Array.from({ length: 20 }, signedIn))))
    expect(answers.map(({ body }) => body['code'])).toEqual(answers.map(() => 'wrongPassword'))
    expect(sent).toHaveLength(3)
  })

  it('are not what could not be sealed: nothing was sent, and nothing counts', async () => {
    const away = changes({ kind: 'done' }, { write: () => Promise.reject(new Fault('KEY_UNAVAILABLE', 'away')) })
    for (let n = 0; n < 4; n += 1) {
      await expect(away.send(await test.verified())).rejects.toThrow('away')
      test.cloud.pass(defaultTimes.answerMs + 10_000)
    }
    expect((await changes({ kind: 'done' }).send(await test.verified())).body['code']).toBe('done')
  })

  it('do not keep the owner from anything else, and right ones do not count', async () => {
    const { sent, send } = changes({ kind: 'policy.length', minLength: 30 })
    for (let n = 0; n < 6; n += 1) {
      expect((await send(await test.verified())).body['code']).toBe('policy.length')
      test.cloud.pass(defaultTimes.answerMs + 10_000)
    }
    expect(sent).toHaveLength(6)
  })

  it('are not forwarded at all where the directory locks out after two, and that is said', async () => {
    const { sent, send } = changes({ kind: 'done' }, { policyOf: async () => ({ ...plain, lockoutThreshold: 2 }) })
    expect(await send(await test.verified())).toMatchObject({ status: 403, body: { code: 'changeOff' } })
    expect(sent).toEqual([])
  })

  it('are not forwarded where nobody knows after how many the directory locks out', async () => {
    const { sent, send } = changes({ kind: 'done' }, { policyOf: async () => undefined })
    expect(await send(await test.verified())).toMatchObject({ status: 503, body: { code: 'serviceDown' } })
    expect(sent).toEqual([])
  })
})
