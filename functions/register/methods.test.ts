import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Fault } from '../../shared/fault.ts'
import type { EventName, Fields } from '../../shared/log.ts'
import { openAuthenticators } from '../gates/authenticators.ts'
import { codeAt } from '../gates/test-codes.ts'
import type { UserCall } from '../http/edge.ts'
import { problem } from '../http/problem.ts'
import { startTestCloud, type TestCloud } from '../keys/test-cloud.ts'
import { routes } from '../routes.ts'
import { type MethodDeps, openMethods } from './methods.ts'

let cloud: TestCloud
let deps: MethodDeps
let mailed: string[][]
let logged: [EventName, Fields | undefined][]
let count = 0
beforeAll(async () => {
  cloud = await startTestCloud()
})
afterAll(() => cloud.close())
beforeEach(() => {
  mailed = []
  logged = []
  deps = {
    authenticators: openAuthenticators({ rows: cloud.keyring().rows, clock: cloud.clock }),
    people: { byId: async () => ({ mailAddress: 'eve@home.example.test', signInDomain: 'corp.example.test', enabled: true }) },
    mail: { sendMethod: async (...sent) => void mailed.push(sent) },
    clock: cloud.clock,
    log: (event, fields) => void logged.push([event, fields]),
  }
})

const somebody = () => `eeeeeeee-0000-4000-8000-${String(++count).padStart(12, '0')}`
const callOf = <B>(id: string, body: B): UserCall<B> => ({
  body,
  user: { id, signedInAt: cloud.clock.now() },
  params: {},
  query: new URLSearchParams(),
  deadline: new AbortController().signal,
  flowSecret: () => undefined,
  traceparent: undefined,
})
const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const bytesOf = (typed: unknown) => {
  const bits = [...String(typed)].map((letter) => base32.indexOf(letter).toString(2).padStart(5, '0')).join('')
  return Buffer.from(bits.match(/.{8}/g)?.map((each) => Number.parseInt(each, 2)) ?? [])
}
const methods = () => openMethods(deps)
const list = async (id: string) => (await methods().readMethods(callOf(id, undefined))).body['methods']
async function started(id: string) {
  const { body } = await methods().startTotp(callOf(id, undefined))
  return { body, code: () => codeAt(bytesOf(body['secret']), cloud.clock.now()) }
}
const confirm = (id: string, code: string) => methods().confirmTotp(callOf(id, { code }))

describe('an authenticator app', () => {
  it('is shown once, confirmed with a code, listed, and removed; each change is told by mail and in the log', async () => {
    const id = somebody()
    expect(await list(id)).toEqual([])
    const { body, code } = await started(id)
    expect(body).toEqual({
      method: 'totp',
      state: 'pending',
      secret: expect.stringMatching(/^[A-Z2-7]{32}$/),
      uri: expect.stringContaining(`secret=${body['secret']}`),
      confirmBefore: new Date(cloud.clock.now() + 15 * 60_000).toISOString(),
    })
    expect([await list(id), mailed]).toEqual([[], []])
    expect(await confirm(id, code())).toEqual({ status: 200, body: { method: 'totp', state: 'registered' } })
    expect(await list(id)).toEqual([{ method: 'totp', registeredAt: new Date(cloud.clock.now()).toISOString() }])
    expect(await methods().removeTotp(callOf(id, undefined))).toEqual({ status: 200, body: { method: 'totp', state: 'removed' } })
    expect(await list(id)).toEqual([])
    expect(mailed).toEqual([
      ['eve@home.example.test', 'added'],
      ['eve@home.example.test', 'removed'],
    ])
    expect(logged).toEqual([
      ['methodChanged', { person: id, operation: 'added', fault: undefined }],
      ['methodChanged', { person: id, operation: 'removed', fault: undefined }],
    ])
    expect(JSON.stringify(logged)).not.toContain(String(body['secret']))
  })

  it('is not confirmed by a wrong code, by somebody else, or where none waits', async () => {
    const id = somebody()
    const { code } = await started(id)
    expect(await confirm(id, 'abcdef')).toEqual(problem('wrongCode'))
    expect(await confirm(somebody(), code())).toEqual(problem('noMethod'))
    expect(await methods().removeTotp(callOf(id, undefined))).toEqual(problem('noMethod'))
    expect([await list(id), mailed, logged]).toEqual([[], [], []])
  })

  it('is not begun by an account that is disabled or gone', async () => {
    for (const person of [undefined, { signInDomain: 'corp.example.test', enabled: false }]) {
      deps.people = { byId: async () => person }
      expect(await methods().startTotp(callOf(somebody(), undefined))).toEqual(problem('notAllowed'))
    }
  })

  it.each([
    ['MAIL_UNAVAILABLE', () => Promise.reject(new Fault('MAIL_UNAVAILABLE', 'down')), 'eve@home.example.test'],
    ['noAddress', async () => {}, undefined],
  ])('is registered although the mail cannot be sent, and the log says so: %s', async (fault, sendMethod, mailAddress) => {
    deps.mail = { sendMethod }
    deps.people = { byId: async () => ({ ...(mailAddress && { mailAddress }), signInDomain: 'corp.example.test', enabled: true }) }
    const id = somebody()
    expect((await confirm(id, (await started(id)).code())).status).toBe(200)
    expect(logged).toEqual([['methodChanged', { person: id, operation: 'added', fault }]])
  })
})

describe('the routes', () => {
  it('ask for a user, and whatever changes something is no GET, so that it needs a recent sign-in', () => {
    const mine = routes.filter(({ route }) => route.startsWith('me/'))
    expect(mine.map(({ auth }) => auth)).toEqual(['user', 'user', 'user', 'user'])
    expect(mine.filter(({ method }) => method === 'GET').map(({ name }) => name)).toEqual(['readMethods'])
  })
})
