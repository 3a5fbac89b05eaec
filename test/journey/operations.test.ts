/**
 * Every cell of functions/operations.ts: who, what, and how the person signs in to the cloud, each with somebody of their own on a
 * real Active Directory; what they are told, which password opens what afterwards, and what it cost in messages.
 *
 * How hashes are synchronized is decided for a tenant as a whole: people whose sign-in is passed through come last, after a restart.
 */
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { openCloudPasswords } from '../../functions/entra/cloud-password.ts'
import { openGraph } from '../../functions/entra/graph.ts'
import type { SignInType } from '../../functions/entra/sign-in-type.ts'
import { codeAt } from '../../functions/gates/test-codes.ts'
import { places, type Way, ways } from '../../functions/operations.ts'
import { filetime } from '../../local/directory/identifiers.ts'
import { asSignedIn, federatedDomain } from '../../local/people.ts'
import { call, type HttpAnswer, type ResetFlow, startReset } from '../../local/reset-client.ts'
import { systemClock } from '../../shared/clock.ts'
import { Secret } from '../../shared/secret.ts'
import { tokenFor } from './sign-in.fixture.ts'
import { codeFor, messagesSent, passGate, patience, personNamed, signIn, useSystem, whenUp } from './support.ts'

vi.setConfig({ testTimeout: 60_000 })

const onPremises = ['passwordHash', 'federated', 'passThrough'] as const
const samOf = (type: (typeof onPremises)[number], way: Way): string =>
  `user${String(1 + onPremises.indexOf(type) * ways.length + ways.indexOf(way)).padStart(4, '0')}`
/** Besides the cells: one whose tenant takes the password in the cloud, too. */
const lucky = `user${String(1 + onPremises.length * ways.length).padStart(4, '0')}`
/** And one whose answer comes late. */
const slow = `user${String(2 + onPremises.length * ways.length).padStart(4, '0')}`
const running = useSystem({
  directory: 'samba',
  extraUsers: onPremises.length * ways.length + 2,
  passwordHashSync: true,
  cloudPasswords: true,
  federated: ways.map((way) => samOf('federated', way)),
  settings: { CHANGE_REFUSAL_MS: '50' },
})

const fresh = 'Wbx-7201-quartz'

interface Somebody {
  id: string
  upn: string
  mail: string
  /** Where there is an account on-premises. */
  account?: { sam: string; dn: string; password: string }
}

async function somebody(type: SignInType, way: Way): Promise<Somebody> {
  const { parts } = running()
  if (type === 'cloudOnly') {
    const upn = `cloud.${ways.indexOf(way)}@corp.example.test`
    const { id } = await parts.graph.call('addUser', { userPrincipalName: upn, displayName: upn, mail: upn })
    await parts.entra.call('addPerson', asSignedIn({ id, userPrincipalName: upn, displayName: upn }))
    return { id, upn, mail: upn }
  }
  const { sam, dn, password, mail, upn: known } = personNamed(running(), samOf(type, way))
  const upn = type === 'federated' ? `${sam}@${federatedDomain}` : known
  const { id } = (await parts.graph.call('user', upn)) as { id: string }
  if (way.what.startsWith('forced')) await parts.directory.call('setAttributes', sam, { pwdLastSet: '0' })
  if (way.wire === 'unlock') await parts.directory.call('setAttributes', sam, { lockoutTime: String(filetime(Date.now())) })
  return { id, upn, mail, account: { sam, dn, password } }
}

let halsToken: Promise<string> | undefined
async function helpDesk(path: string, body: object): Promise<HttpAnswer> {
  halsToken ??= tokenFor(running(), 'manage', 'hal.helpdesk@corp.example.test')
  const headers = { authorization: `Bearer ${await halsToken}` }
  return call(running().url, `manage/users/${path}`, { headers, body: { reason: 'a test', ...body } })
}

async function perform(way: Way, person: Somebody): Promise<HttpAnswer> {
  const { url } = running()
  if (way.gates === 'role') {
    if (way.wire === 'adminReset') return helpDesk(`${person.id}/password`, { newPassword: fresh })
    return helpDesk(`${person.id}/${way.wire}`, {})
  }
  const flow = way.gates === 'two' ? await throughBothGates(person) : await passGate(running(), person)
  const headers = { cookie: flow.cookie }
  if (way.wire === 'reset') return flow.password(fresh)
  if (way.wire === 'unlock') return call(url, `reset/${flow.id}/unlock`, { method: 'POST', headers })
  const currentPassword = person.account?.password ?? 'Whatever-It-Is-1'
  return call(url, 'change', { headers, body: { flow: flow.id, currentPassword, newPassword: fresh } })
}

/** Who may activate a role registers an authenticator while they can sign in. One gate of the two is not enough. */
async function throughBothGates(person: Somebody): Promise<ResetFlow> {
  const { parts, url } = running()
  await parts.graph.call('assignRole', person.id, { eligible: true })
  const headers = { authorization: `Bearer ${await tokenFor(running(), 'me', person.upn)}` }
  const { body } = await call(url, 'me/methods/totp', { method: 'POST', headers })
  const app = secretOf(body.secret)
  await call(url, 'me/methods/totp/confirm', { headers, body: { code: codeAt(app, systemClock.now()) } })
  const flow = await startReset(url, person.upn)
  expect(await flow.verify(await codeFor(running(), flow, person.mail))).toMatchObject({ status: 200, body: { state: 'halfway' } })
  expect(await flow.password(fresh)).toMatchObject({ status: 409, body: { code: 'wrongState' } })
  const next = codeAt(app, systemClock.now() + 30_000)
  expect(await flow.verify(next, 'totp')).toMatchObject({ status: 200, body: { state: 'verified' } })
  return flow
}

/** RFC 4648 §6. */
function secretOf(base32: string): Buffer {
  const bits = [...base32].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('')
  return Buffer.from(bits.match(/.{8}/g)?.map((each) => Number.parseInt(each, 2)) ?? [])
}

function expectedOf(type: SignInType, { wire }: Way): { status: number; code: string } {
  const place = places[type][wire]
  if (place === 'nowhere') return wire === 'change' ? { status: 422, code: 'wrongPassword' } : { status: 409, code: 'cloudOnly' }
  if (wire === 'unlock') return { status: 200, code: 'unlocked' }
  if (place === 'onPremisesThenCloud') return { status: 200, code: 'doneCloudPending' }
  return { status: 200, code: 'done' }
}

/** Which password opens the account now, and what stands in the directory. */
async function isRight(type: SignInType, way: Way, { id, account }: Somebody): Promise<void> {
  const { parts } = running()
  const place = places[type][way.wire]
  const changes = !['unlock', 'check'].includes(way.wire) && place !== 'nowhere'
  expect(await parts.graph.call('verifyPassword', id, fresh), 'in the cloud').toBe(changes && place === 'cloud')
  if (!account) return
  const facts = await parts.directory.call('user', account.sam)
  expect(facts).toMatchObject({ locked: false, passwordWrites: changes ? 1 : 0, mustChange: way.mustChange })
  if (way.mustChange) expect(await parts.directory.call('verifyPassword', account.sam, fresh)).toBe(true)
  else expect(await signIn(running(), account.dn, changes ? fresh : account.password)).toBe('accepted')
}

const cells = (...types: SignInType[]) => types.flatMap((type) => ways.map((way) => [type, way.who, way.what, way] as const))

async function cell(type: SignInType, way: Way): Promise<void> {
  const person = await somebody(type, way)
  const { status, code } = expectedOf(type, way)
  expect(await perform(way, person)).toMatchObject({ status, body: { code } })
  await isRight(type, way, person)
}

describe('in the cloud alone', () => {
  let before: Awaited<ReturnType<typeof messagesSent>>
  beforeAll(async () => {
    before = await messagesSent(running())
  })
  it.concurrent.each(cells('cloudOnly'))('%s: %s: %s', async (type, _who, _what, way) => cell(type, way))

  it('nothing of it was a message on the bus', async () => {
    expect(await messagesSent(running())).toEqual(before)
  })

  it('nor is a password that somebody sets in the cloud directory directly', async () => {
    const { parts, functionsEnvironment: app, ca } = running()
    const { id } = await parts.graph.call('addUser', { userPrincipalName: 'direct@corp.example.test' })
    const query = new URLSearchParams({
      'api-version': '2019-08-01',
      resource: 'https://graph.microsoft.com',
      client_id: app['AZURE_CLIENT_ID'] ?? '',
    })
    const credential = {
      async getToken() {
        const headers = { 'x-identity-header': app['IDENTITY_HEADER'] ?? '' }
        const response = await fetch(`${app['IDENTITY_ENDPOINT']}?${query}`, { headers })
        const { access_token } = (await response.json()) as { access_token: string }
        return { token: access_token, expiresOnTimestamp: Number.MAX_SAFE_INTEGER }
      },
    }
    const direct = openCloudPasswords(openGraph({ graphUrl: parts.graph.addresses.url, credential, local: { ca } }), () => {})
    const wanted = { personId: id, password: Secret.fromText(fresh), mustChange: false }
    expect(await direct.alone(wanted, new AbortController().signal)).toEqual({ kind: 'done' })
    expect(await parts.graph.call('verifyPassword', id, fresh)).toBe(true)
    expect(await messagesSent(running())).toEqual(before)
  })
})

describe('on-premises', () => {
  it.concurrent.each(cells('passwordHash', 'federated'))('%s: %s: %s', async (type, _who, _what, way) => cell(type, way))

  it('passwordHash: where the cloud takes it, both have it in the same request, for two messages', async () => {
    const { parts } = running()
    await parts.graph.call('setTenant', { takesSynchronizedPasswords: true })
    const person = personNamed(running(), lucky)
    const flow = await passGate(running(), person)
    const before = await messagesSent(running())
    expect(await flow.password(fresh)).toMatchObject({ status: 200, body: { code: 'done', effect: 'changed' } })
    expect(await parts.graph.call('verifyPassword', person.upn, fresh)).toBe(true)
    expect(await signIn(running(), person.dn, fresh)).toBe('accepted')
    expect(await messagesSent(running())).toEqual({ requests: before.requests + 1, replies: before.replies + 1 })
  })
})

describe('passed through', () => {
  let late: ResetFlow
  beforeAll(async () => {
    const { parts } = running()
    await parts.graph.call('setTenant', { takesSynchronizedPasswords: false })
    late = await lateFlow()
    await parts.graph.call('setTenant', { passwordHashSync: false })
    await (await running().killHost()).comeBack()
    await parts.bus.call('clearFaults')
    await whenUp(running())
  })

  /** Of somebody whose hash is synchronized: set, and the answer is on its way when the function app dies. */
  async function lateFlow(): Promise<ResetFlow> {
    const { parts } = running()
    const person = personNamed(running(), slow)
    const flow = await passGate(running(), person)
    await parts.bus.call('fault', { kind: 'holdQueue', queue: 'replies' })
    void flow.password(fresh).catch(() => {})
    await vi.waitFor(async () => expect(await parts.directory.call('user', slow)).toMatchObject({ passwordWrites: 1 }), patience)
    expect((await flow.read()).body).toMatchObject({ state: 'submitted' })
    return flow
  }

  it('passwordHash: known late, it is changed, and the cloud follows: so say the flow and the audit', async () => {
    const told = { state: 'settled', outcome: 'doneCloudPending', effect: 'changed' }
    await vi.waitFor(async () => expect((await late.read()).body).toMatchObject(told), patience)
    expect(await signIn(running(), personNamed(running(), slow).dn, fresh)).toBe('accepted')
    const headers = { authorization: `Bearer ${await tokenFor(running(), 'manage', 'ada.admin@corp.example.test')}` }
    const { id } = (await running().parts.graph.call('user', personNamed(running(), slow).upn)) as { id: string }
    const entries = async () => (await call(running().url, `manage/audit?subject=${id}`, { headers })).body.entries
    const settled = expect.objectContaining({ event: 'settled', outcome: 'doneCloudPending' })
    await vi.waitFor(async () => expect(await entries()).toContainEqual(settled), patience)
  })

  it.concurrent.each(cells('passThrough'))('%s: %s: %s', async (type, _who, _what, way) => cell(type, way))
})
