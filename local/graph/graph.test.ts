import {
  bearerTokenAuthenticationPolicy,
  createDefaultHttpClient,
  createEmptyPipeline,
  createPipelineRequest,
  tlsPolicy,
} from '@azure/core-rest-pipeline'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { agent, startTestTenant, type TestTenant } from '../entra/test-tenant.ts'
import type { StandIn } from '../stand-in.ts'
import { type GraphAddresses, type GraphControl, startGraph } from './graph.ts'

const anna = {
  id: '0a0a0a0a-0000-4000-8000-000000000001',
  userPrincipalName: 'anna@contoso.com',
  displayName: 'Anna Aster',
  mail: 'anna.aster@contoso.com',
  otherMails: ['anna@example.org'],
  onPremisesSyncEnabled: true,
  onPremisesImmutableId: 'qg3+kZ0bTkOq7Yh0c5JkHw==',
  onPremisesDomainName: 'corp.contoso.com',
}
const obrien = { userPrincipalName: "o'brien#1/é@contoso.com", displayName: "Pat O'Brien" }

let tenant: TestTenant
let graph: StandIn<GraphAddresses, GraphControl>

beforeAll(async () => {
  tenant = await startTestTenant()
  graph = await startGraph({ tls: tenant.tls, entra: tenant.trust, users: [anna, obrien] })
})
afterAll(async () => {
  await graph.close()
  await tenant.entra.close()
})
beforeEach(() => graph.control.clearRequests())

/** A pipeline as the product makes one: the functions' identity, no retries. */
async function ask(method: 'GET' | 'PATCH', path: string, credential = tenant.managedIdentity(), body?: string) {
  const pipeline = createEmptyPipeline()
  pipeline.addPolicy(bearerTokenAuthenticationPolicy({ credential, scopes: 'https://graph.microsoft.com/.default' }))
  pipeline.addPolicy(tlsPolicy({ ca: tenant.tls.ca }))
  const request = createPipelineRequest({ url: `${graph.addresses.url}${path}`, method, ...(body ? { body } : {}) })
  const response = await pipeline.sendRequest(createDefaultHttpClient(), request)
  const text = response.bodyAsText
  return { status: response.status, headers: response.headers.toJSON(), body: text ? JSON.parse(text) : undefined }
}

describe('a user', () => {
  it('is found by id and by principal name, without regard to case', async () => {
    for (const key of [anna.id, anna.id.toUpperCase(), anna.userPrincipalName, 'ANNA@contoso.com']) {
      expect((await ask('GET', `/v1.0/users/${key}?$select=id`)).body.id).toBe(anna.id)
    }
  })

  it('shows what is selected and nothing else', async () => {
    const { status, body } = await ask(
      'GET',
      `/v1.0/users/${anna.id}?$select=onPremisesSyncEnabled,onPremisesImmutableId,accountEnabled,otherMails`,
    )
    expect(status).toBe(200)
    expect(body).toEqual({
      '@odata.context':
        'https://graph.microsoft.com/v1.0/$metadata#users(onPremisesSyncEnabled,onPremisesImmutableId,accountEnabled,otherMails)/$entity',
      onPremisesSyncEnabled: true,
      onPremisesImmutableId: anna.onPremisesImmutableId,
      accountEnabled: true,
      otherMails: ['anna@example.org'],
    })
  })

  it('shows by default neither whether it is enabled nor anything on-premises', async () => {
    const { body } = await ask('GET', `/v1.0/users/${anna.id}`)
    expect(body).toMatchObject({ displayName: 'Anna Aster', mail: anna.mail, businessPhones: [] })
    expect(Object.keys(body).filter((key) => key.startsWith('onPremises') || ['accountEnabled', 'otherMails'].includes(key))).toEqual([])
  })

  it('with special characters is found by its encoded name and by a filter with doubled quotes', async () => {
    const byPath = await ask('GET', `/v1.0/users/${encodeURIComponent(obrien.userPrincipalName)}`)
    expect(byPath.body.displayName).toBe(obrien.displayName)
    const filter = `userPrincipalName eq '${obrien.userPrincipalName.replaceAll("'", "''")}'`
    const byFilter = await ask('GET', `/v1.0/users?$filter=${encodeURIComponent(filter)}&$select=displayName`)
    expect(byFilter.body.value).toEqual([{ displayName: obrien.displayName }])
  })

  it('is found by source anchor, exactly', async () => {
    const find = async (anchor: string) => {
      const filter = encodeURIComponent(`onPremisesImmutableId eq '${anchor}'`)
      return (await ask('GET', `/v1.0/users?$filter=${filter}&$select=id`)).body.value
    }
    expect(await find(anna.onPremisesImmutableId)).toEqual([{ id: anna.id }])
    expect(await find(anna.onPremisesImmutableId.toLowerCase())).toEqual([])
  })

  it('that is not there is not found', async () => {
    const { status, body } = await ask('GET', '/v1.0/users/nobody@contoso.com')
    expect(status).toBe(404)
    expect(body.error).toMatchObject({
      code: 'Request_ResourceNotFound',
      message: "Resource 'nobody@contoso.com' does not exist or one of its queried reference-property objects are not present.",
      innerError: { 'request-id': expect.any(String) },
    })
  })

  it('comes and goes', async () => {
    const { id } = graph.control.addUser({ userPrincipalName: 'new@contoso.com' })
    expect((await ask('GET', '/v1.0/users/new@contoso.com')).body.id).toBe(id)
    graph.control.removeUser('new@contoso.com')
    expect((await ask('GET', `/v1.0/users/${id}`)).status).toBe(404)
    expect(() => graph.control.addUser({ userPrincipalName: 'ANNA@contoso.com' })).toThrow(/exists/)
  })
})

describe('a query that is not understood is refused', () => {
  it.each([
    ['an unknown property', '/v1.0/users/x?$select=id,shoeSize', 'BadRequest'],
    ['an expansion', '/v1.0/users/x?$expand=manager', 'Request_BadRequest'],
    ['a quote that is not doubled', "/v1.0/users?$filter=userPrincipalName eq 'o'brien'", 'Request_BadRequest'],
    ['two clauses', "/v1.0/users?$filter=mail eq 'a' or mail eq 'b'", 'Request_BadRequest'],
    ['a property without an index', "/v1.0/users?$filter=officeLocation eq 'a'", 'Request_UnsupportedQuery'],
    ['another segment', '/v1.0/me', 'BadRequest'],
  ])('%s', async (_name, path, code) => {
    const { status, body } = await ask('GET', path)
    expect([status, body.error.code]).toEqual([400, code])
  })
})

describe('permissions', () => {
  it('an agent has none', async () => {
    const { status, body } = await ask('GET', `/v1.0/users/${anna.id}`, tenant.credentialOf(agent))
    expect([status, body.error.code]).toEqual([403, 'Authorization_RequestDenied'])
    expect((await ask('GET', '/v1.0/users/nobody@contoso.com', tenant.credentialOf(agent))).status).toBe(403)
  })

  it('functions have that of the topology and no more', async () => {
    expect((await ask('GET', '/v1.0/organization')).status).toBe(403)
    const body = JSON.stringify({ passwordProfile: { password: 'x' } })
    expect((await ask('PATCH', `/v1.0/users/${anna.id}`, undefined, body)).status).toBe(403)
  })

  it('a token is needed, for Graph', async () => {
    const url = `${graph.addresses.url}/v1.0/users/${anna.id}`
    const { token } = await tenant.credentialOf(agent).getToken('https://vault.azure.net/.default')
    for (const [options, message] of [
      [{}, 'Access token is empty.'],
      [{ token: 'x' }, 'CompactToken parsing failed with error code: 80049217'],
      [{ token }, 'Access token validation failure. Invalid audience.'],
    ] as const) {
      const { status, body } = await tenant.raw('GET', url, options)
      expect(status).toBe(401)
      expect(body.error).toMatchObject({ code: 'InvalidAuthenticationToken', message })
    }
  })

  it('with others granted, domains and the organization are shown, and only cloud passwords can be written', async () => {
    const pair = await generateKeyPair('RS256')
    const issuer = 'https://sts.windows.net/t/'
    const nowS = Math.floor(Date.now() / 1000)
    const roles = ['Domain.Read.All', 'Organization.Read.All', 'User-PasswordProfile.ReadWrite.All']
    const claims = { oid: 'o', appid: 'a', tid: 't', iss: issuer, aud: 'https://graph.microsoft.com', nbf: nowS, exp: nowS + 60, roles }
    const token = await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'k' }).sign(pair.privateKey)
    const jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k' }] }
    const own = await startGraph({
      tls: tenant.tls,
      entra: { issuer, jwks },
      users: [anna, obrien],
      tenant: { domains: [{ id: 'contoso.com' }, { id: 'b.test' }] },
    })
    try {
      const raw = (method: string, path: string, body?: string) =>
        tenant.raw(method, own.addresses.url + path, { token, ...(body ? { body } : {}) })
      expect((await raw('GET', '/v1.0/domains')).body.value).toMatchObject([
        { id: 'contoso.com', isDefault: true },
        { id: 'b.test', isDefault: false },
      ])
      expect((await raw('GET', '/v1.0/organization')).body.value).toMatchObject([{ displayName: 'Contoso', onPremisesSyncEnabled: true }])
      const profile = JSON.stringify({ passwordProfile: { password: 'Long-enough-1' } })
      const mastered = await raw('PATCH', `/v1.0/users/${anna.id}`, profile)
      expect([mastered.status, mastered.body.error.code]).toEqual([400, 'Request_BadRequest'])
      expect(mastered.body.error.message).toContain('on-premises mastered')
      expect((await raw('PATCH', `/v1.0/users/${encodeURIComponent(obrien.userPrincipalName)}`, profile)).status).toBe(204)
      expect((await raw('PATCH', `/v1.0/users/${anna.id}`, '{"displayName":"x"}')).status).toBe(403)
      expect((await raw('PATCH', `/v1.0/users/${anna.id}`, '{')).status).toBe(400)
      expect((await raw('GET', `/v1.0/users/${anna.id}`)).status).toBe(403)
    } finally {
      await own.close()
    }
  })
})

describe('control', () => {
  it('knows everything that was asked, answered or not', async () => {
    expect(graph.control.requests()).toEqual([])
    await ask('GET', `/v1.0/users/${encodeURIComponent(obrien.userPrincipalName)}?$select=id`)
    await tenant.raw('GET', `${graph.addresses.url}/v1.0/users`)
    expect(graph.control.requests()).toEqual([`GET /v1.0/users/${obrien.userPrincipalName}?$select=id`, 'GET /v1.0/users'])
  })

  it('throttles and is unavailable when told to', async () => {
    graph.control.faults([
      { kind: 'throttle', count: 1 },
      { kind: 'unavailable', count: 1 },
    ])
    const throttled = await ask('GET', `/v1.0/users/${anna.id}`)
    expect([throttled.status, throttled.headers['retry-after'], throttled.body.error.code]).toEqual([429, '1', 'TooManyRequests'])
    expect((await ask('GET', `/v1.0/users/${anna.id}`)).status).toBe(503)
    expect((await ask('GET', `/v1.0/users/${anna.id}`)).status).toBe(200)
  })
})
