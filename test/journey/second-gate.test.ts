/**
 * A second gate: somebody registers an authenticator app while they can sign in, and needs it later to reset their password.
 * An administrator always does; nobody gets by with the mail alone, with a code that was used, or with somebody else's.
 */
import { join } from 'node:path'
import { TableClient } from '@azure/data-tables'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { run } from '../../infra/cli/run.ts'
import { adminEnvironment } from '../../local/app.ts'
import { connectionString } from '../../local/azurite.ts'
import { call, type ResetFlow, startReset } from '../../local/reset-client.ts'
import { systemClock } from '../../shared/clock.ts'
import { appWith, methodsOf, register } from './authenticator.fixture.ts'
import { filesIn, findings } from './canary.fixture.ts'
import { tokenFor } from './sign-in.fixture.ts'
import { codeFor, messagesSent, patience, personNamed, signIn, useSystem } from './support.ts'

vi.setConfig({ testTimeout: 30_000 })
const running = useSystem({ extraUsers: 4 })

const goodPassword = 'Wbx-7201-quartz'
const ada = 'ada.admin@corp.example.test'

const mine = (token: string, path = '', options = {}) => methodsOf(running(), token, path, options)

async function throughMail(sam: string): Promise<ResetFlow> {
  const { upn, mail } = personNamed(running(), sam)
  const flow = await startReset(running().url, upn)
  const code = await codeFor(running(), flow, mail)
  expect(await flow.verify(code)).toMatchObject({ status: 200, body: { state: 'halfway', gates: ['totp'] } })
  return flow
}

/** The directory role stands in the cloud; the object id is who the token is about. */
async function makeAdministrator(sam: string): Promise<void> {
  const token = await tokenFor(running(), 'me', personNamed(running(), sam).upn)
  const { oid } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
  await running().parts.graph.call('assignRole', oid, { eligible: true })
}

describe('an administrator', () => {
  it('who passed one gate is refused; with both they have a new password', async () => {
    const system = running()
    const person = personNamed(system, 'user0001')
    await makeAdministrator('user0001')
    const app = await register(running(), person.upn)
    const flow = await throughMail('user0001')
    const before = await messagesSent(system)
    expect(await flow.password(goodPassword)).toMatchObject({ status: 409, body: { code: 'wrongState', state: 'halfway' } })
    expect(await messagesSent(system)).toEqual(before)
    expect(await signIn(system, person.dn, person.password)).toBe('accepted')

    const code = app.next()
    expect(await flow.verify(code, 'totp')).toMatchObject({ status: 200, body: { state: 'verified' } })
    expect(await flow.password(goodPassword)).toMatchObject({ status: 200, body: { code: 'done' } })
    expect(await signIn(system, person.dn, goodPassword)).toBe('accepted')

    const again = await throughMail('user0001')
    expect(await again.verify(code, 'totp')).toMatchObject({ status: 422, body: { code: 'wrongCode', triesLeft: 4 } })
  })
})

describe('where the policy says two gates', () => {
  beforeAll(async () => {
    const told: string[] = []
    const io = {
      print: () => {},
      tell(text: string) {
        told.push(text)
        const code = /enter the code (\w+) /.exec(text)?.[1]
        if (code !== undefined) void running().parts.entra.call('signIn', code, ada)
      },
    }
    const done = await run(['policy', 'gates=2', '--reason', 'a test'], adminEnvironment(running()), io, systemClock)
    expect([done, told.filter((text) => text.startsWith('Refused'))]).toEqual([0, []])
    // The instance that took the change follows at once, and there is one.
  })

  it('everybody needs theirs: no app, an app that was not confirmed, and somebody else’s code lead nowhere', async () => {
    const [person, other] = [personNamed(running(), 'user0002'), personNamed(running(), 'user0003')]
    const theirs = await register(running(), other.upn)
    const flow = await throughMail('user0002')
    expect(await flow.verify(theirs.next(), 'totp')).toMatchObject({ status: 422, body: { triesLeft: 4 } })
    const token = await tokenFor(running(), 'me', person.upn)
    const pending = appWith((await mine(token, '/totp', { method: 'POST' })).body.secret)
    expect(await flow.verify(pending.code(), 'totp')).toMatchObject({ status: 422, body: { triesLeft: 3 } })
    expect((await mine(token)).body).toEqual({ methods: [] })
    await mine(token, '/totp/confirm', { body: { code: pending.code() } })
    expect(await flow.verify(pending.next(), 'totp')).toMatchObject({ status: 200, body: { state: 'verified' } })
  })
})

describe('an authenticator app', () => {
  it('is registered by nobody without a recent sign-in, with an administrators’ token, or with none', async () => {
    const { upn } = personNamed(running(), 'user0004')
    const old = await tokenFor(running(), 'me', upn, { authAgoS: 16 * 60 })
    expect(await mine(old)).toMatchObject({ status: 200, body: { methods: [] } })
    const refused = await mine(old, '/totp', { method: 'POST' })
    expect(refused).toMatchObject({ status: 401, body: { code: 'signInAgain' } })
    expect(refused.headers.get('www-authenticate')).toContain('max_age="900"')
    expect(await mine(old, '/totp', { method: 'DELETE' })).toMatchObject({ status: 401 })
    expect(await mine(await tokenFor(running(), 'manage', ada), '/totp', { method: 'POST' })).toMatchObject({ status: 401 })
    expect(await call(running().url, 'me/methods')).toMatchObject({ status: 401, body: { code: 'notSignedIn' } })
  })

  it('is told of by mail, and its secret is nowhere but in its one answer', async () => {
    const system = running()
    const { upn, mail } = personNamed(system, 'user0004')
    const app = await register(running(), upn)
    const { text } = await system.parts.mail.call('waitFor', mail, 0, patience.timeout)
    expect(text).toContain('An authenticator app was added')
    const token = await tokenFor(system, 'me', upn)
    expect(JSON.stringify((await mine(token)).body)).not.toContain(app.secret)

    const rows: unknown[] = []
    const options = { allowInsecureConnection: true }
    const methods = TableClient.fromConnectionString(connectionString(system.parts.azurite.addresses), 'methods', options)
    for await (const row of methods.listEntities()) rows.push(row)
    expect(rows.length).toBeGreaterThan(0)
    const places = [{ name: 'methods', bytes: Buffer.from(JSON.stringify(rows)) }, ...(await filesIn(join(system.folder, 'logs')))]
    expect(places.length).toBeGreaterThan(1)
    expect(findings({ secret: app.secret }, places)).toEqual([])

    expect(await mine(token, '/totp', { method: 'DELETE' })).toMatchObject({ status: 200, body: { state: 'removed' } })
    expect((await system.parts.mail.call('waitFor', mail, 1, patience.timeout)).text).toContain('was removed')
  })
})
