import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { agent, startTestTenant, type TestTenant } from '../../local/entra/test-tenant.ts'
import { type GraphAddresses, type GraphControl, startGraph } from '../../local/graph/graph.ts'
import type { StandIn } from '../../local/stand-in.ts'
import type { EventName, Fields } from '../../shared/log.ts'
import { virtualClock } from '../../test/virtual-clock.ts'
import { openGraph } from './graph.ts'
import { openGroups } from './groups.ts'
import { openRoles, type Roles } from './roles.ts'
import { openSignInTypes } from './sign-in-type.ts'

let tenant: TestTenant
let graph: StandIn<GraphAddresses, GraphControl>
let roles: Roles
const logged: { event: EventName; fields: Fields }[] = []
const log = (event: EventName, fields: Fields = {}) => void logged.push({ event, fields })
const opened = (credential = tenant.managedIdentity(), timeoutMs = 8_000) =>
  openGraph({ graphUrl: graph.addresses.url, credential, timeoutMs, local: { ca: tenant.tls.ca } })

beforeAll(async () => {
  tenant = await startTestTenant()
  const domains = [{ id: 'contoso.com' }, { id: 'fed.test', federated: true }]
  graph = await startGraph({ tls: tenant.tls, entra: tenant.trust, tenant: { domains, pageSize: 2 } })
  roles = openRoles(opened(), log)
})
afterAll(async () => {
  await graph.close()
  await tenant.entra.close()
})
beforeEach(() => {
  logged.splice(0)
  graph.control.clearRequests()
})
afterEach(() => {
  graph.control.faults([])
  graph.control.setTenant({ privilegedIdentityManagement: true })
})

let count = 0
const somebody = () => graph.control.addUser({ userPrincipalName: `p${++count}@contoso.com` }).id
const groupOf = (...members: string[]) => graph.control.addGroup({ displayName: 'g', members }).id
const roleGroupOf = (...members: string[]) => graph.control.addGroup({ displayName: 'r', members, isAssignableToRole: true }).id

describe('an administrator', () => {
  it.each<[string, (id: string) => void]>([
    ['holds a role', (id) => graph.control.assignRole(id, { eligible: false })],
    ['holds one within an administrative unit', (id) => graph.control.assignRole(id, { eligible: false, scope: '/administrativeUnits/1' })],
    ['may activate one', (id) => graph.control.assignRole(id, { eligible: true })],
    ['is in a group that holds one', (id) => graph.control.assignRole(roleGroupOf(id), { eligible: false })],
    ['is in a group within a group that holds one', (id) => graph.control.assignRole(roleGroupOf(groupOf(id)), { eligible: false })],
    ['is in a group that may activate one', (id) => graph.control.assignRole(roleGroupOf(id), { eligible: true })],
    [
      'may join a group that holds one',
      (id) => {
        const group = roleGroupOf()
        graph.control.assignRole(group, { eligible: false })
        graph.control.makeEligible(id, group)
      },
    ],
    [
      'is in the last of many groups',
      (id) => {
        for (let n = 0; n < 5; n++) groupOf(id)
        graph.control.assignRole(roleGroupOf(id), { eligible: false })
      },
    ],
    ['is in more groups that could than anybody looks through', (id) => void Array.from({ length: 21 }, () => roleGroupOf(id))],
  ])('%s', async (_how, make) => {
    const id = somebody()
    expect(await roles.isAdministrator(id)).toBe(false)
    make(id)
    expect(await roles.isAdministrator(id.toUpperCase())).toBe(true)
    expect(logged).toEqual([])
  })

  it('is nobody else: not who is in other groups, nor who may join one without a role', async () => {
    const id = somebody()
    groupOf(id)
    roleGroupOf(id)
    graph.control.makeEligible(id, groupOf())
    expect(await roles.isAdministrator(id)).toBe(false)
  })

  it('is asked for anew each time', async () => {
    const id = somebody()
    await roles.isAdministrator(id)
    const once = graph.control.requests().length
    await roles.isAdministrator(id)
    expect(graph.control.requests()).toHaveLength(2 * once)
  })

  it('in a tenant without Privileged Identity Management is who holds a role', async () => {
    graph.control.setTenant({ privilegedIdentityManagement: false })
    const id = somebody()
    expect(await roles.isAdministrator(id)).toBe(false)
    graph.control.assignRole(id, { eligible: false })
    expect(await roles.isAdministrator(id)).toBe(true)
  })
})

describe('whoever cannot be resolved counts as one', () => {
  it('nobody, and what is no id', async () => {
    for (const id of ['0a0a0a0a-0000-4000-8000-0000000000ff', '', 'x', "' or 1 eq 1"]) expect(await roles.isAdministrator(id)).toBe(true)
  })

  it.each(['unavailable', 'hang'] as const)('while Graph is %s', async (kind) => {
    const id = somebody()
    graph.control.faults([{ kind, count: 100 }])
    expect(await openRoles(opened(undefined, 1_500), log).isAdministrator(id)).toBe(true)
    expect(logged).toEqual([{ event: 'rolesUnresolved', fields: { person: id, fault: 'GRAPH_UNAVAILABLE' } }])
  })

  it('without the permissions', async () => {
    const id = somebody()
    expect(await openRoles(opened(tenant.credentialOf(agent)), log).isAdministrator(id)).toBe(true)
  })

  it.each<[string, unknown[]]>([
    ['a group without an id', [{ '@odata.type': '#microsoft.graph.group' }]],
    ['no type', [{ id: '0a0a0a0a-0000-4000-8000-0000000000ff' }]],
    ['null', [null]],
  ])('where Graph answers %s', async (_what, items) => {
    const list = async (path: string) => (path.includes('transitiveMemberOf') ? items : [])
    expect(await openRoles({ list }, log).isAdministrator(somebody())).toBe(true)
  })
})

it('one question that is throttled is asked again, and all the others once', async () => {
  graph.control.faults([{ kind: 'unavailable', count: 1 }])
  expect(await roles.isAdministrator(somebody())).toBe(false)
  expect(graph.control.requests()).toHaveLength(5)
})

describe('pages', () => {
  it.each(['https://evil.test/v1.0/users', '/v1.0/users', 'http://127.0.0.1/v1.0/'])('are not fetched from elsewhere: %s', async (next) => {
    let asked = 0
    const { listen } = await import('../../local/web.ts')
    const answerer = await listen(async () => ({ status: 200, body: { value: [asked++], '@odata.nextLink': next } }), { tls: tenant.tls })
    const credential = { getToken: async () => ({ token: 'token', expiresOnTimestamp: Number.MAX_SAFE_INTEGER }) }
    const url = `https://127.0.0.1:${answerer.port}`
    await expect(openGraph({ graphUrl: url, credential, local: { ca: tenant.tls.ca } }).list('users')).rejects.toMatchObject({
      code: 'GRAPH_UNAVAILABLE',
    })
    expect(asked).toBe(1)
    await answerer.close()
  })

  it('end, even where Graph says they do not', async () => {
    let asked = 0
    const { listen } = await import('../../local/web.ts')
    const endless = async (request: { url: URL }) => {
      asked += 1
      return { status: 200, body: { value: [], '@odata.nextLink': request.url.href } }
    }
    const answerer = await listen(endless, { tls: tenant.tls })
    const credential = { getToken: async () => ({ token: 'token', expiresOnTimestamp: Number.MAX_SAFE_INTEGER }) }
    const url = `https://127.0.0.1:${answerer.port}`
    await expect(openGraph({ graphUrl: url, credential, local: { ca: tenant.tls.ca } }).list('users')).rejects.toMatchObject({
      code: 'GRAPH_UNAVAILABLE',
    })
    expect(asked).toBe(50)
    await answerer.close()
  })
})

describe('how somebody signs in', () => {
  const clock = virtualClock()
  const types = (over: { synced?: 'passwordHash' | 'passThrough'; credential?: ReturnType<TestTenant['managedIdentity']> } = {}) =>
    openSignInTypes({ graph: opened(over.credential), synced: over.synced, clock, log })
  const person = { id: '0a0a0a0a-0000-4000-8000-000000000001', synchronized: true, signInDomain: 'contoso.com' }

  it('follows from the person, the domain and the tenant', async () => {
    graph.control.setTenant({ passwordHashSync: true })
    const asked = types()
    expect(await asked.of({ ...person, synchronized: false })).toBe('cloudOnly')
    expect(graph.control.requests()).toEqual([])
    expect(await asked.of({ ...person, signInDomain: 'fed.test' })).toBe('federated')
    expect(await asked.of(person)).toBe('passwordHash')
    graph.control.setTenant({ passwordHashSync: false })
    expect(await asked.of(person), 'kept for a quarter of an hour').toBe('passwordHash')
    await clock.advance(16 * 60_000)
    expect(await asked.of(person)).toBe('passThrough')
    expect(graph.control.requests()).toHaveLength(5)
  })

  it('is what the setting says where Graph lets no application ask', async () => {
    const asked = types({ synced: 'passwordHash' })
    expect(await asked.of(person)).toBe('passwordHash')
    expect(await asked.of({ ...person, signInDomain: 'fed.test' })).toBe('federated')
    expect(graph.control.requests().filter((each) => each.includes('onPremisesSynchronization'))).toEqual([])
  })

  it.each<[string, Partial<typeof person>, boolean]>([
    ['an unknown domain', { signInDomain: 'other.test' }, true],
    ['no domain', { signInDomain: '../users' }, true],
    ['without the permissions', {}, false],
  ])('is not known: %s', async (_why, over, allowed) => {
    const asked = types(allowed ? {} : { credential: tenant.credentialOf(agent) })
    expect(await asked.of({ ...person, ...over })).toBeUndefined()
    expect(logged).toMatchObject([{ event: 'signInUnknown', fields: { person: person.id } }])
  })
})

describe('a member of a group', () => {
  it('is one through other groups, too', async () => {
    const groups = openGroups(opened())
    const id = somebody()
    const group = groupOf(groupOf(id))
    expect(await groups.isMember(id, group)).toBe(true)
    expect(await groups.isMember(id, group.toUpperCase())).toBe(true)
    expect(await groups.isMember(somebody(), group)).toBe(false)
  })

  it('is not known while Graph is away, and nobody may be who is not known', async () => {
    const groups = openGroups(opened(tenant.credentialOf(agent)))
    await expect(groups.isMember(somebody(), groupOf())).rejects.toMatchObject({ code: 'GRAPH_UNAVAILABLE' })
    await expect(groups.isMember('x', groupOf())).resolves.toBe(false)
  })
})
