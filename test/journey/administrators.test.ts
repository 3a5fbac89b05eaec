/**
 * Administrators: they sign in by device code and change something through the API; whoever is not one changes nothing.
 *
 * The same program as on an administrator's desk; what the person does in a browser is done by the tenant's control.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import { describe, expect, it, vi } from 'vitest'
import { run } from '../../infra/cli/run.ts'
import { adminEnvironment } from '../../local/app.ts'
import type { How } from '../../local/entra/sign-in.ts'
import { call } from '../../local/reset-client.ts'
import { systemClock } from '../../shared/clock.ts'
import { useSystem } from './support.ts'

vi.setConfig({ testTimeout: 30_000 })
const running = useSystem({ agents: 0 })

const ada = 'ada.admin@corp.example.test'
const hal = 'hal.helpdesk@corp.example.test'
const eve = 'eve.everybody@corp.example.test'

/** The command, and a person who signs in each time as said. */
async function command(upn: string, args: string[], hows: How[] = [{}]) {
  const { parts } = running()
  const printed: string[] = []
  const told: string[] = []
  let signIns = 0
  const io = {
    print: (text: string) => void printed.push(text),
    tell(text: string) {
      told.push(text)
      const code = /enter the code (\w+) /.exec(text)?.[1]
      if (code !== undefined) void parts.entra.call('signIn', code, upn, hows[signIns++])
    },
  }
  const code = await run(args, adminEnvironment(running()), io, systemClock)
  return { code, printed: printed.join('\n'), told: told.join('\n'), signIns }
}

/** A token as the program would get it. */
async function tokenOf(upn: string, how: How = {}): Promise<string> {
  const { parts, tenantId, administration, ca } = running()
  const post = async (path: string, fields: Record<string, string>) => {
    const { default: https } = await import('node:https')
    return new Promise<Record<string, string>>((resolve, reject) => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const url = `${parts.entra.addresses.authorityHost}/${tenantId}/oauth2/v2.0/${path}`
      const request = https.request(url, { method: 'POST', ca, agent: false, headers }, async (response) =>
        resolve(JSON.parse(Buffer.concat(await response.toArray()).toString())),
      )
      request.on('error', reject).end(new URLSearchParams(fields).toString())
    })
  }
  const client_id = administration.programs[0]?.clientId ?? ''
  const { user_code = '', device_code = '' } = await post('devicecode', { client_id, scope: `${administration.api.uri}/manage` })
  await parts.entra.call('signIn', user_code, upn, how)
  const { access_token = '' } = await post('token', { client_id, device_code, grant_type: 'urn:ietf:params:oauth:grant-type:device_code' })
  return access_token
}

const relink = (token: string | undefined, headers: Record<string, string> = {}) =>
  call(running().url, `manage/users/${randomUUID()}/relink`, {
    body: { reason: 'a test' },
    headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
  })
const audit = async () => {
  const { body } = await call(running().url, 'manage/audit', { headers: { authorization: `Bearer ${await tokenOf(ada)}` } })
  return body.entries as Record<string, unknown>[]
}

describe('whoever is no administrator', () => {
  it('changes nothing and leaves nothing in the store, whatever they show', async () => {
    const { parts, tenantId, administration } = running()
    const before = await audit()
    const genuine = await tokenOf(ada)
    const [head = '', payload = '', signature = ''] = genuine.split('.')
    const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString())
    const mac = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid }).sign(Buffer.alloc(32, 1))
    const wrong: Record<string, string | undefined> = {
      nothing: undefined,
      'a word': 'token',
      'no signature': `${encoded({ alg: 'none', typ: 'JWT', kid })}.${payload}.`,
      'a shared secret': mac,
      'another person’s signature': `${head}.${encoded({ ...claims, oid: randomUUID() })}.${signature}`,
    }
    for (const [what, token] of Object.entries(wrong)) {
      const { status, body, headers } = await relink(token)
      expect([status, body.code], what).toEqual([401, 'notSignedIn'])
      expect(headers.get('www-authenticate')).toContain(`${parts.entra.addresses.authorityHost}/${tenantId}/oauth2/v2.0/authorize`)
    }
    for (const upn of [eve, hal]) expect(await relink(await tokenOf(upn))).toMatchObject({ status: 403, body: { code: 'notAllowed' } })
    const old = await relink(await tokenOf(ada, { authAgoS: 16 * 60 }))
    expect(old).toMatchObject({ status: 401, body: { code: 'signInAgain' } })
    expect(old.headers.get('www-authenticate')).toContain('error="insufficient_user_authentication", max_age="900"')
    expect(await relink(await tokenOf(ada, { withoutAuthTime: true }))).toMatchObject({ status: 401, body: { code: 'signInAgain' } })
    expect(await relink(undefined, { 'x-functions-key': 'a-master-key' })).toMatchObject({ status: 401 })
    expect(administration.people).toHaveLength(3)
    expect(await audit()).toEqual(before)
  })

  it('is refused before what they sent is looked at', async () => {
    const answer = await call(running().url, 'manage/users/x/relink', { body: 'no JSON at all' })
    expect(answer).toMatchObject({ status: 401, body: { code: 'notSignedIn' } })
  })
})

describe('npm run admin', () => {
  it('relinks a person, with a reason that stands in the audit', async () => {
    const upn = 'moved.person@corp.example.test'
    const synchronized = { onPremisesSyncEnabled: true, onPremisesImmutableId: Buffer.alloc(16, 5).toString('base64') }
    const { id } = await running().parts.graph.call('addUser', { userPrincipalName: upn, displayName: 'Moved', mail: upn, ...synchronized })
    const done = await command(ada, ['relink', id, '--reason', 'moved to another forest'], [{ authAgoS: 3_600 }, {}])
    expect(done).toMatchObject({ code: 0, signIns: 2, printed: expect.stringContaining(id) })

    const shown = await command(ada, ['audit', '--json'])
    expect(shown.code).toBe(0)
    const who = running().administration.people.find(({ upn }) => upn === ada)?.objectId
    const entry = { who, role: 'Writeback.Admin', action: 'relink', subject: id, reason: 'moved to another forest', outcome: 'done' }
    expect(JSON.parse(shown.printed).entries[0]).toMatchObject(entry)
    expect((await command(ada, ['audit'])).printed).toContain(`${who} (Admin)  relink ${id}: done  "moved to another forest"`)
  })

  it('shows the state and the keys, to the helpdesk too', async () => {
    expect(await command(hal, ['status'])).toMatchObject({ code: 0, printed: expect.stringContaining('Password writeback is on') })
    const keys = await command(hal, ['keys'])
    for (const name of ['package-key', 'password-key', 'state-key']) expect(keys.printed).toMatch(new RegExp(`${name} +current `))
    expect(await command(hal, ['keys', 'verify'])).toMatchObject({ code: 0, printed: expect.stringContaining('Intact') })
    expect(await command(hal, ['rollover', '--reason', 'x'])).toMatchObject({ code: 77, told: expect.stringContaining('(notAllowed)') })
  })

  it('says why it was refused', async () => {
    expect(await command(hal, ['audit'])).toMatchObject({ code: 77, told: expect.stringContaining('(notAllowed)') })
    const old = await command(ada, ['relink', 'x', '--reason', 'y'], [{ authAgoS: 3_600 }, { authAgoS: 3_600 }])
    expect(old).toMatchObject({ code: 77, told: expect.stringContaining('private window') })
    expect(await command(ada, ['relink', randomUUID(), '--reason', 'y'])).toMatchObject({
      code: 1,
      told: expect.stringContaining('(unknownUser)'),
    })
  })

  it('as the program it is: code on standard error, JSON on standard output', async () => {
    const root = join(import.meta.dirname, '../..')
    const environment = { ...process.env, ...adminEnvironment(running()) }
    const child = spawn(process.execPath, ['infra/cli/admin.ts', 'audit', '--json'], { cwd: root, env: environment })
    child.stderr.on('data', (chunk: Buffer) => {
      const code = /enter the code (\w+) /.exec(chunk.toString())?.[1]
      if (code !== undefined) void running().parts.entra.call('signIn', code, ada)
    })
    const output = child.stdout.toArray()
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0)
    expect(JSON.parse(Buffer.concat(await output).toString())).toMatchObject({ entries: expect.any(Array), rejected: 0 })
  })
})
