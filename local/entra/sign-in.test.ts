/** People sign in with the real SDK's device code, and by authorization code with PKCE; the function app's own check takes the token. */
import { createHash } from 'node:crypto'
import { DeviceCodeCredential } from '@azure/identity'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTokenCheck } from '../../functions/entra/admin-token.ts'
import { openTenantKeys } from '../../functions/entra/tenant-keys.ts'
import { systemClock } from '../../shared/clock.ts'
import type { Administration } from './people.ts'
import { startTestTenant, type TestTenant, tenantId } from './test-tenant.ts'

const administration: Administration = {
  api: { clientId: 'c1b2c3d4-0000-4000-8000-000000000001', uri: 'api://password-writeback', scopes: ['manage', 'me'] },
  programs: [{ clientId: 'c1b2c3d4-0000-4000-8000-000000000002', redirectUris: ['http://localhost:4000/signed-in'], scopes: ['manage'] }],
  people: [
    { objectId: 'c1b2c3d4-0000-4000-8000-0000000000a1', upn: 'ada@corp.example.test', name: 'Ada', roles: ['Writeback.Admin'] },
    { objectId: 'c1b2c3d4-0000-4000-8000-0000000000a2', upn: 'eve@corp.example.test', name: 'Eve <b>', roles: [] },
  ],
}
const [program] = administration.programs
const clientId = program?.clientId ?? ''
const scope = 'api://password-writeback/manage'
let tenant: TestTenant
let authority: string

beforeAll(async () => {
  tenant = await startTestTenant({ administration, pollS: 0.05 })
  authority = tenant.entra.addresses.authorityHost
})
afterAll(() => tenant.entra.close())

const credential = (act: (code: string) => void) =>
  new DeviceCodeCredential({
    tenantId,
    clientId,
    authorityHost: authority,
    disableInstanceDiscovery: true,
    tlsOptions: { ca: tenant.tls.ca },
    retryOptions: { maxRetries: 0 },
    userPromptCallback: ({ userCode, message, verificationUri }) => {
      expect(message).toContain(userCode)
      expect(verificationUri).toBe(`${authority}/${tenantId}/devicelogin`)
      act(userCode)
    },
  })
const form = (fields: Record<string, string>) => ({
  body: new URLSearchParams(fields).toString(),
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
})
const control = () => tenant.entra.control
const check = () => {
  const keys = openTenantKeys({ url: tenant.entra.addresses.jwksUrl, local: { ca: tenant.tls.ca } })
  const rules = { tenantId, issuer: `${authority}/${tenantId}/v2.0`, audiences: [administration.api.clientId], clientIds: [clientId] }
  return openTokenCheck({ ...rules, keys, clock: systemClock })
}

describe('device code', () => {
  it('gives the SDK a token in Entra’s own shape, which the function app takes', async () => {
    const { token } = await credential((code) => control().signIn(code, 'ada@corp.example.test')).getToken(scope)
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'RS256', typ: 'JWT', kid: expect.any(String) })
    const now = systemClock.now() / 1000
    const { auth_time, ...claims } = decodeJwt<{ auth_time: number }>(token)
    expect(Math.abs(now - auth_time)).toBeLessThan(10)
    expect(claims).toMatchObject({
      iss: `${authority}/${tenantId}/v2.0`,
      aud: administration.api.clientId,
      azp: clientId,
      azpacr: '0',
      oid: 'c1b2c3d4-0000-4000-8000-0000000000a1',
      tid: tenantId,
      ver: '2.0',
      idtyp: 'user',
      scp: 'manage',
      roles: ['Writeback.Admin'],
    })
    const demand = { role: 'Writeback.Admin', change: { authContext: undefined } } as const
    expect(await check()(token, demand)).toMatchObject({ kind: 'administrator' })
    await tenant.entra.control.rotateSigningKey()
    const next = await credential((code) => control().signIn(code, 'eve@corp.example.test')).getToken(scope)
    expect(await check()(next.token, demand)).toMatchObject({ kind: 'refused', reason: 'role' })
  })

  it('waits for the person, as long as it takes', async () => {
    let shown = ''
    const signingIn = credential((code) => {
      shown = code
    }).getToken(scope)
    await expect.poll(() => control().stats().refusals, { timeout: 5_000, interval: 20 }).toBeGreaterThan(2)
    expect(control().waitingCodes()).toContain(shown)
    control().signIn(shown, 'ada@corp.example.test', { authAgoS: 3_600, acrs: ['c3'] })
    const { auth_time, acrs } = decodeJwt<{ auth_time: number; acrs: string[] }>((await signingIn).token)
    expect([Math.round((systemClock.now() / 1000 - auth_time) / 60), acrs]).toEqual([60, ['c3']])
  })

  it('satisfies the authentication context that a claims request names', async () => {
    const claims = JSON.stringify({ access_token: { acrs: { essential: true, value: 'c1' } } })
    const { token } = await credential((code) => control().signIn(code, 'ada@corp.example.test')).getToken(scope, { claims })
    expect(decodeJwt(token)['acrs']).toEqual(['c1'])
  })

  it('ends when the person declines', async () => {
    await expect(credential((code) => control().declineSignIn(code)).getToken(scope)).rejects.toThrow('authorization_declined')
  })

  it('is refused for an unknown program, an unknown API, and a code that is used twice', async () => {
    const begin = (fields: Record<string, string>) =>
      tenant.raw('POST', `${authority}/${tenantId}/oauth2/v2.0/devicecode`, form({ client_id: clientId, scope, ...fields }))
    expect((await begin({ client_id: 'nobody' })).body).toMatchObject({ error: 'unauthorized_client', error_codes: [700016] })
    expect((await begin({ scope: 'api://other/manage' })).body).toMatchObject({ error: 'invalid_resource' })
    expect((await begin({ scope: 'api://password-writeback/me' })).body).toMatchObject({ error: 'invalid_grant', error_codes: [65001] })
    const { body } = await begin({})
    control().signIn(body.user_code, 'ada@corp.example.test')
    const grant = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: body.device_code, client_id: clientId }
    const redeem = () => tenant.raw('POST', `${authority}/${tenantId}/oauth2/v2.0/token`, form(grant))
    expect((await redeem()).status).toBe(200)
    expect((await redeem()).body).toMatchObject({ error: 'bad_verification_code' })
  })
})

describe('authorization code', () => {
  const verifier = 'a'.repeat(64)
  const query = {
    client_id: clientId,
    response_type: 'code',
    redirect_uri: 'http://localhost:4000/signed-in',
    scope: `${scope} openid`,
    state: 's',
    nonce: 'n',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }
  const open = (over: Record<string, string> = {}) =>
    `${authority}/${tenantId}/oauth2/v2.0/authorize?${new URLSearchParams({ ...query, ...over })}`
  const tell = (url: string) =>
    fetchText(url, {
      method: 'POST',
      body: 'upn=ada%40corp.example.test',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
  const fetchText = async (url: string, init: { method: string; body?: string; headers?: Record<string, string> }) => {
    const { request } = await import('node:https')
    return new Promise<{ status: number; location: string; text: string }>((resolve, reject) => {
      const sent = request(url, { method: init.method, ca: tenant.tls.ca, agent: false, headers: init.headers ?? {} }, async (response) => {
        const text = Buffer.concat(await response.toArray()).toString()
        resolve({ status: response.statusCode ?? 0, location: response.headers.location ?? '', text })
      })
      sent.on('error', reject).end(init.body)
    })
  }

  it('leads from the page over the redirect to a token, once, and only with the verifier', async () => {
    expect((await fetchText(open(), { method: 'GET' })).text).toContain('Eve &lt;b>')
    const codeOf = async () => new URL((await tell(open())).location).searchParams
    const [first, second] = [await codeOf(), await codeOf()]
    expect(first.get('state')).toBe('s')
    const redeem = (code: string | null, codeVerifier: string) =>
      tenant.raw(
        'POST',
        `${authority}/${tenantId}/oauth2/v2.0/token`,
        form({
          grant_type: 'authorization_code',
          client_id: clientId,
          code: code ?? '',
          code_verifier: codeVerifier,
          redirect_uri: query.redirect_uri,
        }),
      )
    const { status, body } = await redeem(first.get('code'), verifier)
    expect(status).toBe(200)
    expect(decodeJwt(body.id_token)).toMatchObject({ aud: clientId, nonce: 'n', name: 'Ada' })
    expect((await redeem(first.get('code'), verifier)).body).toMatchObject({ error: 'bad_verification_code' })
    expect((await redeem(second.get('code'), 'b'.repeat(64))).body).toMatchObject({ error: 'invalid_grant' })
  })

  it.each([
    ['another redirect', { redirect_uri: 'https://evil.example' }],
    ['no proof key', { code_challenge: '' }],
    ['a plain proof key', { code_challenge_method: 'plain' }],
    ['tokens in the address', { response_type: 'token' }],
  ])('leads nowhere with %s', async (_what, over) => {
    expect(await tell(open(over))).toMatchObject({ status: 400, location: '' })
  })
})
