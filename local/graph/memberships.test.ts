import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { identities, optionalGraph } from '../../infra/topology.ts'
import { type RawAnswer, startTestTenant, type TestTenant } from '../entra/test-tenant.ts'
import type { StandIn } from '../stand-in.ts'
import { type GraphAddresses, type GraphControl, startGraph } from './graph.ts'

const anna = { id: '0a0a0a0a-0000-4000-8000-000000000001', userPrincipalName: 'anna@contoso.com', onPremisesSyncEnabled: true }
const cleo = { id: '0a0a0a0a-0000-4000-8000-000000000002', userPrincipalName: 'cleo@contoso.com' }

let tenant: TestTenant
let graph: StandIn<GraphAddresses, GraphControl>
let sign: (roles: readonly string[]) => Promise<string>
let token: string
beforeAll(async () => {
  tenant = await startTestTenant()
  const pair = await generateKeyPair('RS256')
  const issuer = 'https://sts.windows.net/t/'
  sign = async (roles) => {
    const nowS = Math.floor(Date.now() / 1000)
    const claims = { oid: 'o', appid: 'a', tid: 't', iss: issuer, aud: 'https://graph.microsoft.com', nbf: nowS, exp: nowS + 60, roles }
    return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'k' }).sign(pair.privateKey)
  }
  const jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k' }] }
  const domains = [{ id: 'contoso.com' }, { id: 'fed.test', federated: true }]
  graph = await startGraph({ tls: tenant.tls, entra: { issuer, jwks }, users: [anna, cleo], tenant: { domains, pageSize: 2 } })
  token = await sign([...identities.functions.graph, ...optionalGraph])
})
afterAll(async () => {
  await graph.close()
  await tenant.entra.close()
})

const ask = (path: string, options: { method?: string; body?: unknown; token?: string } = {}): Promise<RawAnswer> =>
  tenant.raw(options.method ?? 'GET', `${graph.addresses.url}/v1.0/${path}`, {
    token: options.token ?? token,
    ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
  })
const of = (id: string) => `?$filter=${encodeURIComponent(`principalId eq '${id}'`)}`

describe('memberships', () => {
  it('are transitive, and come in pages to the end', async () => {
    const inner = graph.control.addGroup({ displayName: 'inner', members: [anna.id], isAssignableToRole: true })
    const names = ['a', 'b', 'c', 'd']
    const outer = names.map((displayName) => graph.control.addGroup({ displayName, members: [inner.id] }))
    const seen: string[] = []
    let next: string | undefined = `${graph.addresses.url}/v1.0/users/${anna.id}/transitiveMemberOf?$select=id,isAssignableToRole&$top=999`
    let pages = 0
    for (; next !== undefined; pages++) {
      const { body } = (await tenant.raw('GET', next, { token })) as RawAnswer
      seen.push(...body.value.map(({ id }: { id: string }) => id))
      next = body['@odata.nextLink']
    }
    expect(seen.sort()).toEqual([inner, ...outer].map(({ id }) => id).sort())
    expect(pages).toBe(3)
    const [first] = outer
    const others = [first?.id, cleo.id]
    const { body } = await ask(`users/${anna.id}/checkMemberGroups`, { method: 'POST', body: { groupIds: others } })
    expect(body.value).toEqual([first?.id])
  })

  it('show a role only where it is held directly, now, and for the whole tenant', async () => {
    const shown = async () =>
      (await ask(`users/${cleo.id}/transitiveMemberOf`)).body.value.map((each: object) => Object(each)['@odata.type'])
    graph.control.assignRole(cleo.id, { eligible: true })
    graph.control.assignRole(cleo.id, { eligible: false, scope: '/administrativeUnits/1' })
    expect(await shown()).toEqual([])
    expect((await ask(`roleManagement/directory/roleAssignments${of(cleo.id)}`)).body.value).toHaveLength(1)
    expect((await ask(`roleManagement/directory/roleEligibilityScheduleInstances${of(cleo.id)}`)).body.value).toHaveLength(1)
    graph.control.assignRole(cleo.id, { eligible: false })
    expect(await shown()).toEqual(['#microsoft.graph.directoryRole'])
  })

  it.each([
    ['no filter', 'roleManagement/directory/roleAssignments', 400],
    ['another filter', `roleManagement/directory/roleAssignments?$filter=roleDefinitionId eq '${anna.id}'`, 400],
    ['a page of nothing', `users/${anna.id}/transitiveMemberOf?$top=0`, 400],
    ['a property that is not modelled', `users/${anna.id}/transitiveMemberOf?$select=members`, 400],
    ['nobody', `users/${anna.id.replace('0a', '0b')}/transitiveMemberOf`, 404],
  ])('with %s are refused', async (_name, path, status) => {
    expect((await ask(encodeURI(path))).status).toBe(status)
  })

  it('and roles need their permissions', async () => {
    const reader = await sign(['User.Read.All'])
    const paths = [
      `users/${anna.id}/transitiveMemberOf`,
      `roleManagement/directory/roleAssignments${of(anna.id)}`,
      `roleManagement/directory/roleEligibilityScheduleInstances${of(anna.id)}`,
      `identityGovernance/privilegedAccess/group/eligibilityScheduleInstances${of(anna.id)}`,
      'domains/contoso.com',
      'directory/onPremisesSynchronization',
    ]
    expect(await Promise.all(paths.map(async (path) => (await ask(path, { token: reader })).status))).toEqual(paths.map(() => 403))
    expect(await Promise.all(paths.map(async (path) => (await ask(path)).status))).toEqual(paths.map(() => 200))
  })

  it('a tenant without the licence has no eligibility to show', async () => {
    graph.control.setTenant({ privilegedIdentityManagement: false })
    const { status, body } = await ask(`roleManagement/directory/roleEligibilityScheduleInstances${of(anna.id)}`)
    expect([status, body.error.code]).toEqual([400, 'AadPremiumLicenseRequired'])
    graph.control.setTenant({ privilegedIdentityManagement: true })
  })
})

describe('a password in the cloud', () => {
  const put = (id: string, password: string, more: object = {}) =>
    ask(`users/${id}`, { method: 'PATCH', body: { passwordProfile: { password, ...more } } })

  it('is that of a cloud user, and strong enough', async () => {
    const { id } = graph.control.addUser({ userPrincipalName: 'dora@contoso.com' })
    expect((await put(id, 'weak')).body.error.message).toContain('complexity')
    expect((await put(id, 'Long-enough-1', { forceChangePasswordNextSignIn: true })).status).toBe(204)
    expect(graph.control.verifyPassword(id, 'Long-enough-1')).toBe(true)
    expect(graph.control.verifyPassword(id, 'weak')).toBe(false)
  })

  it('of a synchronized user is refused, but for the tenants where it works', async () => {
    expect((await put(anna.id, 'Long-enough-1')).body.error.message).toContain('on-premises mastered')
    graph.control.setTenant({ takesSynchronizedPasswords: true })
    expect((await put(anna.id, 'Long-enough-1')).status).toBe(204)
    graph.control.setTenant({ takesSynchronizedPasswords: false })
  })

  it('of an administrator is no application’s to write', async () => {
    const { id } = graph.control.addUser({ userPrincipalName: 'root@contoso.com' })
    graph.control.assignRole(id, { eligible: false })
    expect((await put(id, 'Long-enough-1')).status).toBe(403)
    expect(graph.control.verifyPassword(id, 'Long-enough-1')).toBe(false)
  })
})
