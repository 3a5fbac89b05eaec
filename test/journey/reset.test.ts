/**
 * A reset as a person experiences it: what they are told, and which password opens the directory afterwards.
 *
 * One row per kind of account and per rule of the directory; each row is a whole story, from the name typed to the bind.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { answers } from '../../functions/http/answers.ts'
import { cloudOnly, vanished } from '../../local/people.ts'
import { call, codeIn, type ResetFlow } from '../../local/reset-client.ts'
import { type OutcomeKind, outcomes } from '../../shared/outcome.ts'
import { messagesSent, passGate, patience, personNamed, signIn, useSystem } from './support.ts'

const running = useSystem({ extraUsers: 6 })

/** Keeps to the sample's policy: 10 characters, four kinds, nobody's name. */
const goodPassword = 'Wbx-7201-quartz'

/** What ends a flow is told first and written down then (functions/reset/turn.ts). */
const recorded = (flow: ResetFlow, told: object) =>
  vi.waitFor(async () => expect((await flow.read()).body).toMatchObject({ state: 'settled', ...told }), patience)

const done = { title: answers.done.title, code: 'done', effect: 'changed', retryable: false, state: 'settled' }

const refusal = (code: OutcomeKind, more: object) => ({
  type: `urn:password-writeback:outcome:${code}`,
  title: answers[code].title,
  status: answers[code].status,
  code,
  effect: 'notChanged',
  retryable: outcomes[code].retryable,
  ...more,
})

describe('somebody who may reset', () => {
  it.concurrent.each([
    ['alice.adams', 'an ordinary person'],
    ['carol.clark', 'found by mS-DS-ConsistencyGuid, not by objectGUID'],
    ['grace.must', 'has to change the password at the next sign-in'],
    ['judy.fixed', 'may not change the password, but is given a new one'],
    ['odd.comma', 'comma, apostrophe and quotes in the name'],
    ['odd.slash', 'slash and backslash'],
    ['odd.lead', 'leading blank and number sign'],
    ['odd.quote', 'quotes'],
    ['odd.signs', 'plus, semicolon, angle brackets, equals'],
    ['odd.wild', 'star and parentheses'],
    ['odd.unicode', 'other scripts'],
  ])('%s (%s) has a new password, and the old one is void', async (sam) => {
    const system = running()
    const person = personNamed(system, sam)
    const flow = await passGate(system, person)

    const answer = await flow.password(goodPassword)

    expect(answer).toMatchObject({ status: 200, body: done })
    expect(answer.body).toEqual(done)
    expect(await signIn(system, person.dn, person.password)).toBe('refused')
    expect(await signIn(system, person.dn, goodPassword)).toBe('accepted')
    await recorded(flow, { outcome: 'done', effect: 'changed', title: answers.done.title })
  })

  it.concurrent('a locked account is unlocked by the same step', async () => {
    const system = running()
    const person = personNamed(system, 'frank.locked')
    expect(await signIn(system, person.dn, person.password)).toBe('refused')
    expect(await system.parts.directory.call('user', person.sam)).toMatchObject({ locked: true })

    const answer = await (await passGate(system, person)).password(goodPassword)

    expect(answer).toMatchObject({ status: 200, body: done })
    expect(await signIn(system, person.dn, goodPassword)).toBe('accepted')
    expect(await system.parts.directory.call('user', person.sam)).toMatchObject({ locked: false, badPwdCount: 0 })
  })

  it.concurrent('a name with every sign that a user principal name may hold is found', async () => {
    const system = running()
    const { parts } = system
    const facts = await parts.directory.call('addUser', { sam: "o'hara_-!#^~.x", name: "Pat O'Hara", password: 'First-Password-1' })
    await parts.graph.call('addUser', {
      userPrincipalName: facts.upn,
      mail: facts.upn,
      onPremisesSyncEnabled: true,
      onPremisesImmutableId: facts.immutableId,
    })

    const answer = await (await passGate(system, { upn: facts.upn, mail: facts.upn })).password(goodPassword)

    expect(answer).toMatchObject({ status: 200, body: done })
    expect(await signIn(system, facts.dn, goodPassword)).toBe('accepted')
  })
})

describe('a password the directory does not take', () => {
  it.concurrent.each([
    ['user0003', 'Xy7-USER0003-q'],
    ['user0004', 'A-Sample-4711'],
  ])('with a part of the name is refused in the cloud (%s), and another one is taken on the same flow', async (sam, password) => {
    const flow = await passGate(running(), personNamed(running(), sam))
    expect((await flow.password(password)).body).toEqual(refusal('policy.banned', { state: 'verified' }))
    expect(await flow.password(goodPassword)).toMatchObject({ status: 200, body: done })
  })

  it.concurrent.each([
    { sam: 'user0001', rule: 'policy.length', password: 'Ab3-efgh', more: { minLength: 10 } },
    { sam: 'user0002', rule: 'policy.complexity', password: 'bxqvzkwmrtyphg', more: {} },
    { sam: 'user0005', rule: 'policy.history', password: undefined, more: { historyLength: 5 } },
  ] as const)('is refused by name ($rule, $sam), and another one is taken on the same flow', async ({ sam, rule, password, more }) => {
    const system = running()
    const person = personNamed(system, sam)
    const flow = await passGate(system, person)

    const refused = await flow.password(password ?? person.password)

    expect(refused.status).toBe(422)
    expect(refused.body).toEqual(refusal(rule, { ...more, state: 'verified' }))
    expect(await signIn(system, person.dn, person.password)).toBe('accepted')
    expect((await flow.read()).body).toMatchObject({ state: 'verified', outcome: rule, effect: 'notChanged' })

    expect(await flow.password(goodPassword)).toMatchObject({ status: 200, body: done })
    expect(await signIn(system, person.dn, goodPassword)).toBe('accepted')
  })
})

describe('an account that is not reset from the cloud', () => {
  it.concurrent.each([
    { sam: 'dave.disabled', code: 'accountDisabled' },
    { sam: 'erin.expired', code: 'accountExpired' },
    { sam: 'karl.card', code: 'smartCardRequired' },
    { sam: 'heidi.admin', code: 'protectedAccount' },
    { sam: 'ivan.nested', code: 'protectedAccount' },
    // The agent finds the account, and the service account has no rights over it.
    { sam: 'mallory.other', code: 'permissionDenied' },
  ] as const)('$sam: $code, and the password stays', async ({ sam, code }) => {
    const system = running()
    const person = personNamed(system, sam)
    const flow = await passGate(system, person)

    const answer = await flow.password(goodPassword)

    expect(answer.status).toBe(answers[code].status)
    expect(answer.body).toEqual(refusal(code, { state: 'settled' }))
    // Nobody knows the password of who must use a smart card.
    expect(await system.parts.directory.call('verifyPassword', sam, person.password)).toBe(code !== 'smartCardRequired')
    expect(await system.parts.directory.call('verifyPassword', sam, goodPassword)).toBe(false)
    expect(await system.parts.directory.call('user', sam)).toMatchObject({ passwordWrites: 0 })
    await recorded(flow, { outcome: code, effect: 'notChanged' })
  })

  it.concurrent('somebody who was deleted on-premises is not found, and that is final', async () => {
    const flow = await passGate(running(), { upn: vanished.userPrincipalName, mail: String(vanished.mail) })
    const answer = await flow.password(goodPassword)
    expect(answer.status).toBe(409)
    expect(answer.body).toEqual(refusal('userNotFound', { state: 'settled' }))
  })
})

describe('messages', () => {
  it('a cloud-only person is told so where the tenant has not granted the right to set cloud passwords, and nothing is sent', async () => {
    const system = running()
    const flow = await passGate(system, { upn: cloudOnly.userPrincipalName, mail: String(cloudOnly.mail) })
    const before = await messagesSent(system)

    const answer = await flow.password(goodPassword)

    expect(answer.status).toBe(409)
    expect(answer.body).toEqual(refusal('cloudOnly', { state: 'settled' }))
    expect(await messagesSent(system)).toEqual(before)
  })

  it('a password costs two messages, taken or not, and leaves none behind', async () => {
    const system = running()
    const flow = await passGate(system, personNamed(system, 'user0006'))
    const before = await messagesSent(system)

    expect(await flow.password('Wq7#x')).toMatchObject({ status: 422 })
    expect(await messagesSent(system)).toEqual({ requests: before.requests + 1, replies: before.replies + 1 })
    expect(await flow.password(goodPassword)).toMatchObject({ status: 200 })
    expect(await messagesSent(system)).toEqual({ requests: before.requests + 2, replies: before.replies + 2 })

    const nothing = {
      active: 0,
      locked: 0,
      deferred: 0,
      scheduled: 0,
      deadLettered: 0,
      abandoned: 0,
      lockExpired: 0,
      expired: 0,
      duplicates: 0,
    }
    await expect.poll(() => system.parts.bus.call('stats')).toMatchObject({ requests: nothing, replies: nothing })
  })
})

it('the service says that it is up, and nothing more', async () => {
  const answer = await call(running().url, 'status')
  expect(answer.status).toBe(200)
  expect(answer.body).toEqual({ writeback: 'up' })
})

it('no password, code, name or address stands in the logs of functions and agent', async () => {
  const { folder, forest, parts } = running()
  const logs = await Promise.all(['host', 'agent-1'].map((name) => readFile(join(folder, 'logs', `${name}.log`), 'utf8')))
  const codes = (await parts.mail.call('messages')).map(({ text }) => codeIn(text))
  const people = forest.users.flatMap(({ sam, dn, upn, displayName, password }) => [sam, dn, upn, displayName, password])
  const secrets = [goodPassword, forest.serviceAccount.password, ...codes, ...people]

  expect(logs.every((log) => log.includes('"event":'))).toBe(true)
  expect(secrets.filter((secret) => logs.some((log) => log.includes(secret)))).toEqual([])
})
