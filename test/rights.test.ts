/**
 * Rights proved: every identity tries everything there is, with its own credential and the real SDKs against the stand-ins,
 * which enforce infra/topology.ts. Allowed exactly where it says so, refused everywhere else; who is revoked is refused all.
 */
import { randomUUID } from 'node:crypto'
import { TableClient } from '@azure/data-tables'
import type { TokenCredential } from '@azure/identity'
import { ServiceBusClient } from '@azure/service-bus'
import { QueueServiceClient } from '@azure/storage-queue'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { type Claim, type Identity, identities, queues, storageQueues, tables, vault as vaultNames } from '../infra/topology.ts'
import { type Azurite, connectionString, startAzurite } from '../local/azurite.ts'
import { type Bus, startBus } from '../local/bus/bus.ts'
import { failureOf } from '../local/bus/bus-fixture.ts'
import { agent, functions, nobody } from '../local/entra/test-tenant.ts'
import { type GraphAddresses, type GraphControl, startGraph } from '../local/graph/graph.ts'
import type { StandIn } from '../local/stand-in.ts'
import { type Clients, failure, sealFor, startTestVault, type TestVault, versionOf } from '../local/vault/test-vault.ts'

const none: Identity = { serviceBus: {}, keys: {}, secrets: {}, tables: [], storageQueues: [], graph: [] }
/** `revoked`: an agent that has a token still, and whose role assignments were taken away. */
const everybody: Record<string, Identity> = { ...identities, revoked: none }
const names = Object.keys(everybody)

let vault: TestVault
let bus: Bus
let graph: StandIn<GraphAddresses, GraphControl>
let azurite: Azurite
let credentials: Record<string, TokenCredential>
const version = { key: '', secrets: new Map<string, string>() }
beforeAll(async () => {
  vault = await startTestVault()
  const { tls, trust } = vault.tenant
  const principals = { [functions.objectId]: 'functions', [agent.objectId]: 'agent' } as const
  const rules = (['functions', 'agent'] as const).map((name) => ({ name, keys: [name], claims: identities[name].serviceBus }))
  bus = await startBus({ queues, rules, tls, entra: { ...trust, principals } })
  graph = await startGraph({ tls, entra: trust, users: [{ id: objectId, userPrincipalName: 'anna@contoso.com', displayName: 'Anna' }] })
  azurite = await startAzurite()
  credentials = {
    functions: vault.tenant.managedIdentity(),
    agent: vault.tenant.credentialOf(agent),
    revoked: vault.tenant.credentialOf(nobody),
  }
  version.key = versionOf(await vault.functions.keys.createRsaKey(vaultNames.keys.password))
  for (const name of Object.values(vaultNames.secrets))
    version.secrets.set(name, versionOf(await vault.functions.secrets.setSecret(name, 'value')))
})
afterAll(async () => {
  await Promise.all([bus.close(), graph.close(), azurite.close()])
  await vault.close()
})

const objectId = '0a0a0a0a-0000-4000-8000-000000000001'
const credentialOf = (name: string): TokenCredential => {
  const credential = credentials[name]
  if (!credential) throw new Error(`no such identity: ${name}`)
  return credential
}
const judged = (said: string) => (said === 'no failure' ? 'allowed' : /^403 Forbidden( ForbiddenByRbac)?$/.test(said) ? 'refused' : said)
const expected = (allowed: boolean | undefined) => (allowed ? 'allowed' : 'refused')

describe('vault', () => {
  const bytes = Buffer.alloc(32, 1)
  type Try = (by: Clients, name: string) => Promise<unknown>
  const crypto = (by: Clients, name: string) => by.crypto(`${vault.vault.addresses.url}/keys/${name}/${version.key}`)
  const keyTries: [action: string, Try][] = [
    ['keys/read', (by, name) => by.keys.getKey(name, { version: version.key })],
    ['keys/read', (by, name) => by.keys.listPropertiesOfKeyVersions(name).next()],
    ['keys/create/action', (by, name) => by.keys.createRsaKey(name, { keyOps: ['decrypt'] })],
    ['keys/update/action', (by, name) => by.keys.updateKeyProperties(name, version.key, { tags: {} })],
    ['keys/decrypt/action', async (by, name) => crypto(by, name).decrypt('RSA-OAEP-256', await sealed())],
    ['keys/encrypt/action', (by, name) => crypto(by, name).encrypt({ algorithm: 'RSA-OAEP-256', plaintext: bytes })],
    ['keys/wrap/action', (by, name) => crypto(by, name).wrapKey('RSA-OAEP-256', bytes)],
    ['keys/unwrap/action', (by, name) => crypto(by, name).unwrapKey('RSA-OAEP-256', Buffer.alloc(256, 1))],
    ['keys/sign/action', (by, name) => crypto(by, name).sign('RS256', bytes)],
    ['keys/rotate/action', (by, name) => by.keys.rotateKey(name)],
    ['keys/backup/action', (by, name) => by.keys.backupKey(name)],
    ['keys/delete', (by, name) => by.keys.beginDeleteKey(name)],
    ['keys/import/action', (by, name) => by.keys.importKey(name, { kty: 'RSA', n: bytes, e: bytes })],
  ]
  const secretTries: [action: string, Try][] = [
    ['secrets/getSecret/action', (by, name) => by.secrets.getSecret(name, { version: version.secrets.get(name) ?? version.key })],
    ['secrets/readMetadata/action', (by, name) => by.secrets.listPropertiesOfSecretVersions(name).next()],
    ['secrets/setSecret/action', (by, name) => by.secrets.setSecret(name, 'value')],
    [
      'secrets/update/action',
      (by, name) => by.secrets.updateSecretProperties(name, version.secrets.get(name) ?? version.key, { tags: {} }),
    ],
    ['secrets/backup/action', (by, name) => by.secrets.backupSecret(name)],
    ['secrets/delete', (by, name) => by.secrets.beginDeleteSecret(name)],
  ]
  const sealed = async () => {
    const key = await vault.functions.keys.getKey(vaultNames.keys.password, { version: version.key })
    return sealFor(key, 'words')
  }
  const other = 'another-object'

  test.each(names)('%s: each key and secret × each action', async (name) => {
    const by = vault.clientsFor(credentialOf(name))
    const topology: Identity = everybody[name] ?? none
    const said: string[] = []
    const should: string[] = []
    for (const [collection, objects, tries] of [
      ['keys', [vaultNames.keys.password, other], keyTries],
      ['secrets', [...Object.values(vaultNames.secrets), other], secretTries],
    ] as const) {
      for (const object of objects) {
        const granted: readonly string[] = topology[collection][object] ?? []
        for (const [action, attempt] of tries) {
          const about = `${object} ${action}: `
          said.push(about + judged(await failure(attempt(by, object))))
          should.push(about + expected(granted.includes(action)))
        }
      }
    }
    expect(said).toEqual(should)
    expect(judged(await failure(by.keys.listPropertiesOfKeys().next()))).toBe('refused')
    expect(judged(await failure(by.secrets.listPropertiesOfSecrets().next()))).toBe('refused')
  })
})

describe('Service Bus', () => {
  const claims: Claim[] = ['Send', 'Listen']
  /** Of a session of its own, that nobody can hold: the SDK notices that it got none before it is told why. */
  const refusals = ['UnauthorizedAccess', 'SessionCannotBeLocked']
  const options = { retryOptions: { maxRetries: 0, timeoutInMs: 4_000 } }
  const { ws, tcp } = { ws: () => bus.addresses.ws, tcp: () => bus.addresses.tcp }
  const byToken = (name: string) =>
    new ServiceBusClient('127.0.0.1', credentialOf(name), {
      ...options,
      customEndpointAddress: `sb://127.0.0.1:${ws()}`,
      webSocketOptions: { webSocket: WebSocket, webSocketConstructorOptions: { ca: vault.tenant.tls.ca } },
    })
  const bySas = (name: string) => {
    const account = `SharedAccessKeyName=${name};SharedAccessKey=${name}`
    return new ServiceBusClient(`Endpoint=sb://127.0.0.1:${tcp()};${account};UseDevelopmentEmulator=true`, options)
  }

  async function attempt(client: ServiceBusClient, queue: string, claim: Claim): Promise<unknown> {
    const session = randomUUID()
    const { requiresSession } = queues[queue as keyof typeof queues]
    if (claim === 'Send') return client.createSender(queue).sendMessages({ body: 1, sessionId: session, timeToLive: 50 })
    const receiver = requiresSession ? await client.acceptSession(queue, session) : client.createReceiver(queue)
    return receiver.receiveMessages(1, { maxWaitTimeInMs: 20 })
  }

  test.each(names.flatMap((name) => [['token', name, byToken] as const, ['SAS rule', name, bySas] as const]))(
    'by %s, %s: each queue × each claim',
    async (_, name, open) => {
      const client = open(name)
      const said: string[] = []
      const should: string[] = []
      for (const queue of Object.keys(queues) as (keyof typeof queues)[]) {
        for (const claim of claims) {
          const { code } = await failureOf(attempt(client, queue, claim))
          said.push(`${queue} ${claim}: ${code === 'Error' ? 'allowed' : refusals.includes(code) ? 'refused' : code}`)
          should.push(`${queue} ${claim}: ${expected(everybody[name]?.serviceBus[queue]?.includes(claim))}`)
        }
      }
      expect(said).toEqual(should)
      await client.close()
    },
  )
})

describe('Graph', () => {
  const of = `?$filter=${encodeURIComponent(`principalId eq '${objectId}'`)}`
  const permissions: [method: string, path: string, any: string[]][] = [
    ['GET', `/v1.0/users/${objectId}`, ['User.Read.All']],
    ['GET', '/v1.0/users', ['User.Read.All']],
    ['PATCH', `/v1.0/users/${objectId}`, ['User-PasswordProfile.ReadWrite.All']],
    ['GET', '/v1.0/domains', ['Domain.Read.All']],
    ['GET', '/v1.0/directory/onPremisesSynchronization', ['OnPremDirectorySynchronization.Read.All']],
    ['GET', `/v1.0/users/${objectId}/transitiveMemberOf`, ['GroupMember.Read.All']],
    ['GET', `/v1.0/roleManagement/directory/roleAssignments${of}`, ['RoleManagement.Read.Directory']],
    [
      'GET',
      `/v1.0/identityGovernance/privilegedAccess/group/eligibilityScheduleInstances${of}`,
      ['PrivilegedEligibilitySchedule.Read.AzureADGroup'],
    ],
    ['GET', '/v1.0/organization', ['Organization.Read.All']],
  ]

  test.each(names)('%s: each permission', async (name) => {
    const { token = '' } = (await credentialOf(name).getToken('https://graph.microsoft.com/.default')) ?? {}
    for (const [method, path, needed] of permissions) {
      const { status } = await vault.tenant.raw(method, `${graph.addresses.url}${path}`, {
        token,
        ...(method === 'PATCH' && { body: '{}' }),
      })
      const allowed = needed.some((each) => everybody[name]?.graph.includes(each))
      expect([path, status === 403 ? 'refused' : status < 300 ? 'allowed' : status]).toEqual([path, expected(allowed)])
    }
  })
})

describe('storage', () => {
  /** The functions hold the account; nobody else holds any credential of it. */
  const opened = (name: string, service: 'table' | 'queue') => {
    const full = connectionString(azurite.addresses)
    return everybody[name]?.tables.length
      ? full
      : full.replace(/AccountKey=[^;]+/, `AccountKey=${Buffer.alloc(64, service).toString('base64')}`)
  }

  test.each(names)('%s: each table and storage queue', async (name) => {
    const statusOf = (work: Promise<unknown>) =>
      work.then(
        () => 'allowed',
        ({ statusCode }: { statusCode?: number }) => (statusCode === 403 ? 'refused' : String(statusCode)),
      )
    const topology = everybody[name] ?? none
    for (const table of tables) {
      const client = TableClient.fromConnectionString(opened(name, 'table'), table, { allowInsecureConnection: true })
      expect([table, await statusOf(client.createTable())]).toEqual([table, expected(topology.tables.includes(table))])
    }
    for (const queue of storageQueues) {
      const client = QueueServiceClient.fromConnectionString(opened(name, 'queue')).getQueueClient(queue)
      expect([queue, await statusOf(client.createIfNotExists())]).toEqual([queue, expected(topology.storageQueues.includes(queue))])
    }
  })
})

// Last: nobody of this name comes back.
test('whom the tenant does not know any more gets no token for anything', async () => {
  vault.tenant.entra.control.removeAgent(nobody.clientId)
  const gone = vault.tenant.credentialOf(nobody)
  for (const resource of ['https://vault.azure.net', 'https://servicebus.azure.net', 'https://graph.microsoft.com'])
    await expect(gone.getToken(`${resource}/.default`)).rejects.toMatchObject({ name: 'AuthenticationRequiredError' })
})
