import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { agent, functions, startTestTenant, type TestTenant } from '../../local/entra/test-tenant.ts'
import { type GraphAddresses, type GraphControl, startGraph } from '../../local/graph/graph.ts'
import type { StandIn } from '../../local/stand-in.ts'
import { isFault } from '../../shared/fault.ts'
import { openCredential } from './credential.ts'
import { type GraphOptions, openGraph } from './graph.ts'
import { openPeople, type People } from './people.ts'

const anna = {
  id: '0a0a0a0a-0000-4000-8000-000000000001',
  userPrincipalName: 'Anna.Aster@contoso.com',
  displayName: 'Anna Aster',
  mail: 'anna.aster@contoso.com',
  otherMails: ['anna@example.org'],
  onPremisesSyncEnabled: true,
  onPremisesImmutableId: 'qg3+kZ0bTkOq7Yh0c5JkHw==',
  onPremisesDomainName: 'corp.contoso.com',
}
const cloudOnly = { id: '0a0a0a0a-0000-4000-8000-000000000002', userPrincipalName: "o'brien_#EXT#-1@contoso.com", displayName: 'Pat' }
const inside = { userPrincipalName: 'inside@contoso.com', displayName: 'In', mail: 'inside@contoso.com', accountEnabled: false }

let tenant: TestTenant
let graph: StandIn<GraphAddresses, GraphControl>
let people: People
const open = (over: Partial<GraphOptions> = {}) =>
  openPeople(openGraph({ graphUrl: graph.addresses.url, credential: tenant.managedIdentity(), local: { ca: tenant.tls.ca }, ...over }))

beforeAll(async () => {
  tenant = await startTestTenant()
  graph = await startGraph({ tls: tenant.tls, entra: tenant.trust, users: [anna, cloudOnly, inside] })
  people = open()
})
afterAll(async () => {
  await graph.close()
  await tenant.entra.close()
})
beforeEach(() => graph.control.clearRequests())
afterEach(() => {
  graph.control.faults([])
  tenant.entra.control.faults([])
  vi.unstubAllEnvs()
})

describe('a person', () => {
  const annaAsPerson = {
    id: anna.id,
    mailAddress: 'anna@example.org',
    synchronized: true,
    sourceAnchor: anna.onPremisesImmutableId,
    domainName: 'corp.contoso.com',
    signInDomain: 'contoso.com',
    names: ['Anna.Aster', 'Anna Aster'],
    enabled: true,
  }

  it('is found by name, in any case, and by id', async () => {
    expect(await people.byName('anna.aster@CONTOSO.com')).toEqual(annaAsPerson)
    expect(await people.byId(anna.id.toUpperCase())).toEqual(annaAsPerson)
  })

  it('is asked for by one segment and the properties we use, no other', async () => {
    await people.byName(cloudOnly.userPrincipalName)
    expect(graph.control.requests()).toEqual([
      `GET /v1.0/users/${cloudOnly.userPrincipalName}?$select=id,userPrincipalName,mail,otherMails,accountEnabled,onPremisesSyncEnabled,onPremisesImmutableId,onPremisesDomainName,onPremisesSamAccountName,displayName,givenName,surname`,
    ])
  })

  it('may have no anchor and no mail address', async () => {
    expect(await people.byName(cloudOnly.userPrincipalName)).toEqual({
      id: cloudOnly.id,
      synchronized: false,
      signInDomain: 'contoso.com',
      names: ["o'brien_#EXT#-1", 'Pat'],
      enabled: true,
    })
  })

  it('gets mail inside only when there is no address outside', async () => {
    expect(await people.byName(inside.userPrincipalName)).toMatchObject({ mailAddress: 'inside@contoso.com', enabled: false })
  })

  it('that nobody is, is undefined', async () => {
    expect(await people.byName('nobody@contoso.com')).toBeUndefined()
    expect(await people.byId('0a0a0a0a-0000-4000-8000-00000000ffff')).toBeUndefined()
    expect(graph.control.requests()).toHaveLength(2)
  })
})

describe('what cannot be a name', () => {
  it.each([
    '',
    '@',
    'anna',
    'me',
    '$count',
    "$filter=userPrincipalName eq 'anna.aster@contoso.com'",
    '$value@contoso.com',
    'anna.aster@contoso.com/manager',
    'anna.aster@contoso.com/$value',
    'anna.aster@contoso.com?$select=passwordProfile',
    'anna.aster@contoso.com?',
    '../domains?@',
    '..',
    '../..',
    '%2e%2e',
    'anna.aster%40contoso.com',
    '@contoso.com',
    'anna.aster@',
    'a@b@contoso.com',
    ' anna.aster@contoso.com',
    'anna.aster@contoso.com ',
    'anna.aster@contoso.com\n',
    'anna.aster@contoso.com\r\nHost: example.org',
    'anna.aster@contoso.com\0',
    'anna.aster\\@contoso.com',
    '"anna.aster"@contoso.com',
    'anna.aster@contoso.com;x',
    'änna@contoso.com',
    'anna.aster@cоntoso.com', // Cyrillic о
    '\ud800@contoso.com',
    anna.id,
    `${'a'.repeat(243)}@contoso.com`,
    `${'a'.repeat(1024 * 1024)}@contoso.com`,
  ])('is nobody, and Graph is not asked: %.60j', async (name) => {
    expect(await people.byName(name)).toBeUndefined()
    expect(graph.control.requests()).toEqual([])
  })

  it.each(['', 'me', anna.userPrincipalName, `${anna.id}/manager`, `${anna.id}?`, `${anna.id}\n`, '../domains'])(
    'nor an id: %j',
    async (id) => {
      expect(await people.byId(id)).toBeUndefined()
      expect(graph.control.requests()).toEqual([])
    },
  )

  it.each([
    '..@..',
    '.@.',
    'a#b@contoso.com',
    "'@'",
    "o'x@contoso.com",

    '!~^_@contoso.com',
    `${'a'.repeat(242)}@contoso.com`,
  ])('and what is odd but could be one stays one segment: %.60j', async (name) => {
    expect(await people.byName(name)).toBeUndefined()
    for (const asked of graph.control.requests()) expect(asked.split('?')[0]).toBe(`GET /v1.0/users/${name}`)
  })
})

describe('a Graph in trouble', () => {
  const failureOf = async (work: Promise<unknown>) => {
    const failure = await work.catch((error: unknown) => error)
    if (!isFault(failure, 'GRAPH_UNAVAILABLE')) throw new Error(`expected GRAPH_UNAVAILABLE, not ${failure}`)
    expect(failure.message.toLowerCase()).not.toContain('anna')
    expect(failure).not.toHaveProperty('cause')
    return failure
  }

  it('is asked again', async () => {
    graph.control.faults([{ kind: 'unavailable', count: 1 }])
    expect(await people.byName(anna.userPrincipalName)).toMatchObject({ id: anna.id })
  })

  it.each([
    ['that is down', 'unavailable', 8_000, '503'],
    ['that throttles for longer than one can wait', 'throttle', 300, 'TimeoutError'],
    ['that hangs', 'hang', 100, 'TimeoutError'],
  ] as const)('%s is a passing fault', async (_name, kind, timeoutMs, word) => {
    graph.control.faults([{ kind, count: 100 }])
    const failure = await failureOf(open({ timeoutMs }).byName(anna.userPrincipalName))
    expect(failure.permanent).toBe(false)
    expect(failure.message).toContain(word)
  })

  it('that gives us no right is a fault, not nobody', async () => {
    const failure = await failureOf(open({ credential: tenant.credentialOf(agent) }).byName(anna.userPrincipalName))
    expect(failure.message).toContain('403')
  })

  it('that does not know our token is a fault', async () => {
    const credential = { getToken: async () => ({ token: 'not.a.token', expiresOnTimestamp: Number.MAX_SAFE_INTEGER }) }
    expect((await failureOf(open({ credential }).byId(anna.id))).message).toContain('401')
  })

  it('whose tenant hangs or is not there is a fault', async () => {
    tenant.entra.control.faults([{ kind: 'hang', count: 100 }])
    await failureOf(open({ timeoutMs: 100 }).byName(anna.userPrincipalName))
    const credential = { getToken: async () => Promise.reject(new Error('no identity for anna')) }
    await failureOf(open({ credential }).byName(anna.userPrincipalName))
  })

  it('whose certificate nobody we trust has issued is a fault, and gets no token', async () => {
    const untrusting = openPeople(openGraph({ graphUrl: graph.addresses.url, credential: tenant.managedIdentity() }))
    await failureOf(untrusting.byName(anna.userPrincipalName))
    expect(graph.control.requests()).toEqual([])
  })
})

describe("the app's identity", () => {
  it('is the managed identity the host offers', async () => {
    vi.stubEnv('IDENTITY_ENDPOINT', tenant.entra.addresses.identityEndpoint)
    vi.stubEnv('IDENTITY_HEADER', functions.identityHeader)
    const own = open({ credential: openCredential({ clientId: functions.clientId }) })
    expect(await own.byName(anna.userPrincipalName)).toMatchObject({ id: anna.id })
  })

  it('is no other', async () => {
    vi.stubEnv('IDENTITY_ENDPOINT', tenant.entra.addresses.identityEndpoint)
    vi.stubEnv('IDENTITY_HEADER', functions.identityHeader)
    const other = open({ credential: openCredential({ clientId: agent.clientId }), timeoutMs: 2_000 })
    await expect(other.byName(anna.userPrincipalName)).rejects.toMatchObject({ code: 'GRAPH_UNAVAILABLE' })
    expect(graph.control.requests()).toEqual([])
  })
})
