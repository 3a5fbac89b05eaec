import { ClientSecretCredential, ManagedIdentityCredential } from '@azure/identity'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { identities } from '../../infra/topology.ts'
import { systemClock } from '../../shared/clock.ts'
import { startEntra } from './entra.ts'
import { agent, functions, startTestTenant, type TestTenant, tenantId } from './test-tenant.ts'
import { makeTokenVerifier } from './verify.ts'

let tenant: TestTenant
let entra: TestTenant['entra']

beforeAll(async () => {
  tenant = await startTestTenant()
  entra = tenant.entra
})
afterAll(() => entra.close())
afterEach(() => vi.unstubAllEnvs())

function secretCredential(over: { tenantId?: string; clientId?: string; secret?: string; authorityHost?: string } = {}) {
  return new ClientSecretCredential(over.tenantId ?? tenantId, over.clientId ?? agent.clientId, over.secret ?? agent.secret, {
    authorityHost: over.authorityHost ?? entra.addresses.authorityHost,
    disableInstanceDiscovery: true,
    tlsOptions: { ca: tenant.tls.ca },
    retryOptions: { maxRetries: 0 },
  })
}

function managedIdentity(clientId: string) {
  vi.stubEnv('IDENTITY_ENDPOINT', entra.addresses.identityEndpoint)
  vi.stubEnv('IDENTITY_HEADER', functions.identityHeader)
  return new ManagedIdentityCredential({ clientId })
}

describe('an application with a secret', () => {
  it('gets a version 1.0 token for the resource, which the verifier accepts', async () => {
    const { token, expiresOnTimestamp } = await secretCredential().getToken('https://vault.azure.net/.default')
    const { issuer, jwksUrl } = entra.addresses
    const verdict = await makeTokenVerifier({ issuer, jwksUrl, ca: tenant.tls.ca })(token, 'https://vault.azure.net')
    expect(verdict).toMatchObject({
      kind: 'claims',
      claims: { oid: agent.objectId, appid: agent.clientId, tid: tenantId, aud: 'https://vault.azure.net', roles: [] },
    })
    expect(decodeProtectedHeader(token).alg).toBe('RS256')
    expect(issuer).toBe(`https://sts.windows.net/${tenantId}/`)
    const { exp = 0, iat = 0 } = decodeJwt(token)
    expect(exp - iat).toBe(3600)
    expect(Math.abs(expiresOnTimestamp / 1000 - exp)).toBeLessThan(10)
  })

  it('gets the audience as it spelt the resource (the Service Bus SDK asks with two slashes)', async () => {
    const { token } = await secretCredential().getToken('https://servicebus.azure.net//.default')
    expect(decodeJwt(token).aud).toBe('https://servicebus.azure.net/')
  })

  it('has no role at Graph', async () => {
    const { token } = await secretCredential().getToken('https://graph.microsoft.com/.default')
    expect(decodeJwt(token)['roles']).toBeUndefined()
  })

  it.each([
    ['a wrong secret', { secret: 'guess' }, 'AADSTS7000215', 'invalid_client'],
    ['an unknown application', { clientId: 'ffffffff-0000-4000-8000-000000000000' }, 'AADSTS700016', 'unauthorized_client'],
  ] as const)('is refused with %s', async (_name, over, code, error) => {
    const failure = await secretCredential(over)
      .getToken('https://vault.azure.net/.default')
      .catch((thrown: Error) => thrown)
    expect(String(failure)).toContain(code)
    expect(String(failure)).toContain(error)
    expect(String(failure)).not.toContain('guess')
  })

  it('is refused in another tenant', async () => {
    const elsewhere = '11111111-2222-4333-8444-555555555555'
    const asked = secretCredential({ tenantId: elsewhere }).getToken('https://vault.azure.net/.default')
    await expect(asked).rejects.toThrow() // MSAL stops at discovery and words that itself
    expect(await post({ grant_type: 'client_credentials' }, elsewhere)).toMatchObject({
      status: 400,
      code: 90002,
      error: 'invalid_request',
    })
  })

  it('is refused after it was removed, and known again once added', async () => {
    const second = { clientId: 'a1b2c3d4-0000-4000-8000-000000000003', objectId: 'a1b2c3d4-0000-4000-8000-0000000000a2', secret: 's2' }
    const ask = () => secretCredential({ clientId: second.clientId, secret: 's2' }).getToken('https://vault.azure.net/.default')
    await expect(ask()).rejects.toThrow('AADSTS700016')
    entra.control.addAgent(second)
    expect((await ask()).token).toBeTruthy()
    entra.control.removeAgent(second.clientId)
    await expect(ask()).rejects.toThrow('AADSTS700016')
  })
})

/** Straight to the endpoint: for requests no SDK would send. */
async function post(form: Record<string, string>, inTenant = tenantId) {
  const url = `${entra.addresses.authorityHost}/${inTenant}/oauth2/v2.0/token`
  const { status, body } = await tenant.raw('POST', url, { body: new URLSearchParams(form).toString() })
  return { status, code: body.error_codes[0], error: body.error, description: body.error_description }
}

describe('the token endpoint', () => {
  const good = {
    grant_type: 'client_credentials',
    client_id: agent.clientId,
    client_secret: agent.secret,
    scope: 'https://vault.azure.net/.default',
  }
  const without = (name: keyof typeof good) => Object.fromEntries(Object.entries(good).filter(([key]) => key !== name))

  it.each([
    ['no grant type', without('grant_type'), 400, 900144, 'invalid_request'],
    ['no client', without('client_id'), 400, 900144, 'invalid_request'],
    ['no proof', without('client_secret'), 401, 7000216, 'invalid_client'],
    ['no scope', without('scope'), 400, 900144, 'invalid_request'],
    ['another grant', { ...good, grant_type: 'password' }, 400, 70003, 'unsupported_grant_type'],
    ['a scope of another form', { ...good, scope: 'openid' }, 400, 1002012, 'invalid_scope'],
    ['an unknown resource', { ...good, scope: 'https://storage.azure.com/.default' }, 400, 500011, 'invalid_resource'],
    ['a wrong secret and an unknown resource', { ...good, client_secret: 'x', scope: 'y/.default' }, 401, 7000215, 'invalid_client'],
  ])('refuses %s', async (_name, form, status, code, error) => {
    expect(await post(form as Record<string, string>)).toMatchObject({
      status,
      code,
      error,
      description: expect.stringContaining(`AADSTS${code}: `),
    })
  })

  it('counts and can be unavailable for a while', async () => {
    const before = entra.control.stats()
    entra.control.faults([{ kind: 'unavailable', count: 1 }])
    await expect(secretCredential().getToken('https://vault.azure.net/.default')).rejects.toThrow()
    await expect(secretCredential().getToken('https://vault.azure.net/.default')).resolves.toBeTruthy()
    await expect(secretCredential({ secret: 'x' }).getToken('https://vault.azure.net/.default')).rejects.toThrow()
    expect(entra.control.stats()).toEqual({ tokens: before.tokens + 1, refusals: before.refusals + 1 })
  })

  it('gives tokens of another life from then on', async () => {
    entra.control.tokenLifetime(90)
    const { token } = await secretCredential().getToken('https://vault.azure.net/.default')
    entra.control.tokenLifetime(3600)
    const { exp = 0, iat = 0 } = decodeJwt(token)
    expect(exp - iat).toBe(90)
  })

  it('may be slow', async () => {
    const slept: number[] = []
    const sleep = async (ms: number) => void slept.push(ms)
    const own = await startEntra({
      tls: tenant.tls,
      tenantId,
      principals: { functions, agents: [agent] },
      clock: { ...systemClock, sleep },
    })
    own.control.slow(700)
    await secretCredential({ authorityHost: own.addresses.authorityHost }).getToken('https://vault.azure.net/.default')
    expect(slept).toEqual([700])
    await own.close()
  })
})

describe('the managed identity', () => {
  it('gets a token with the Graph permissions of the topology', async () => {
    const { token } = await managedIdentity(functions.clientId).getToken('https://graph.microsoft.com/.default')
    expect(decodeJwt(token)).toMatchObject({
      oid: functions.objectId,
      appid: functions.clientId,
      roles: identities.functions.graph,
      idtyp: 'app',
    })
  })

  it('is refused under another client id', async () => {
    await expect(managedIdentity(agent.clientId).getToken('https://vault.azure.net/.default')).rejects.toThrow(/No User Assigned/)
  })

  it.each([
    ['without the header', {}, `?api-version=2019-08-01&resource=https://vault.azure.net&client_id=${functions.clientId}`, 401],
    [
      'with a wrong header',
      { 'x-identity-header': 'x' },
      `?api-version=2019-08-01&resource=https://vault.azure.net&client_id=${functions.clientId}`,
      401,
    ],
    ['with another api version', { 'x-identity-header': 'header-1' }, '?api-version=2017-09-01&resource=https://vault.azure.net', 400],
    ['without a resource', { 'x-identity-header': 'header-1' }, `?api-version=2019-08-01&client_id=${functions.clientId}`, 400],
    [
      'for the system-assigned identity',
      { 'x-identity-header': 'header-1' },
      '?api-version=2019-08-01&resource=https://vault.azure.net',
      400,
    ],
  ])('refuses a request %s', async (_name, headers, query, status) => {
    const response = await fetch(`${entra.addresses.identityEndpoint}${query}`, { headers: headers as Record<string, string> })
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ statusCode: status })
  })

  it('answers as App Service does', async () => {
    const query = `?api-version=2019-08-01&resource=https://vault.azure.net&client_id=${functions.clientId}`
    const response = await fetch(`${entra.addresses.identityEndpoint}${query}`, { headers: { 'x-identity-header': 'header-1' } })
    const body = (await response.json()) as Record<string, unknown>
    expect(body).toMatchObject({ resource: 'https://vault.azure.net', token_type: 'Bearer', client_id: functions.clientId })
    expect(body['expires_on']).toBe(String(decodeJwt(String(body['access_token'])).exp))
  })
})
