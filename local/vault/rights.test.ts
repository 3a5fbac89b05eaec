/** What a right looks like at the vault: names, tokens, grants, states. Who has which is proved in test/rights.test.ts. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { vault as names } from '../../infra/topology.ts'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { agent, nobody } from '../entra/test-tenant.ts'
import { type Clients, failure, idOf, startTestVault, type TestVault, versionOf } from './test-vault.ts'

const password = names.keys.password
const { package: packageKey, state: stateKey } = names.secrets
const forbidden = '403 Forbidden ForbiddenByRbac'

let laterMs = 0
const clock: Clock = { ...systemClock, now: () => Date.now() + laterMs }
let test: TestVault
let functions: Clients
let agents: Clients

beforeAll(async () => {
  test = await startTestVault({ clock })
  functions = test.functions
  agents = test.agent
})
afterAll(() => test.close())

describe('an agent', () => {
  it('is refused the state key in every form', async () => {
    const state = await functions.secrets.setSecret(stateKey, 'state')
    expect(await failure(agents.secrets.getSecret(stateKey))).toBe(forbidden)
    expect(await failure(agents.secrets.getSecret(stateKey.toUpperCase()))).toBe(forbidden)
    expect(await failure(agents.secrets.getSecret(stateKey, { version: versionOf(state) }))).toBe(forbidden)
    expect(await failure(agents.secrets.listPropertiesOfSecretVersions(stateKey).next())).toBe('403 Forbidden')
  })
})

describe('nobody', () => {
  it('may list all keys or all secrets, or touch a name the topology does not know', async () => {
    expect(await failure(functions.keys.listPropertiesOfKeys().next())).toBe('403 Forbidden')
    expect(await failure(functions.secrets.listPropertiesOfSecrets().next())).toBe('403 Forbidden')
    expect(await failure(functions.keys.createRsaKey('other-key'))).toBe(forbidden)
    expect(await failure(functions.secrets.getSecret('constructor'))).toBe(forbidden)
  })

  it('without a role assignment has a right, until one is granted', async () => {
    const client = test.clientsFor(test.tenant.credentialOf(nobody)).secrets
    await functions.secrets.setSecret(packageKey, 'shared')
    expect(await failure(client.getSecret(packageKey))).toBe(forbidden)
    test.vault.control.grant(nobody.objectId, 'agent')
    expect((await client.getSecret(packageKey)).value).toBe('shared')
    test.vault.control.grant(nobody.objectId, null)
    expect(await failure(client.getSecret(packageKey))).toBe(forbidden)
  })
})

describe('a refusal', () => {
  it('names caller, action and object, as an administrator will look for them', async () => {
    const thrown = await agents.secrets.getSecret(stateKey).catch((error: unknown) => error)
    expect(String(thrown)).toContain(`oid=${agent.objectId}`)
    expect(String(thrown)).toContain("Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'")
    expect(String(thrown)).toContain(`/secrets/${stateKey}'`)
  })
})

describe('a token', () => {
  const url = () => `${test.vault.addresses.url}/secrets/${packageKey}/?api-version=2025-07-01`
  const tokenFor = async (resource: string) => (await test.tenant.credentialOf(agent).getToken(`${resource}/.default`)).token

  it('is asked for with a challenge', async () => {
    const { status, headers, body } = await test.tenant.raw('GET', url())
    expect(status).toBe(401)
    expect(headers['www-authenticate']).toBe(
      `Bearer authorization="${test.tenant.entra.addresses.tenant}", resource="https://vault.azure.net"`,
    )
    expect(body.error).toMatchObject({ code: 'Unauthorized', message: expect.stringMatching(/^AKV10000/) })
  })

  it('for another resource is refused', async () => {
    const { status, headers, body } = await test.tenant.raw('GET', url(), { token: await tokenFor('https://graph.microsoft.com') })
    expect(status).toBe(401)
    expect(headers['www-authenticate']).toBeTruthy()
    expect(body.error.message).toBe('AKV10022: Invalid audience. Expected https://vault.azure.net, found: https://graph.microsoft.com.')
  })

  it('is refused after its time', async () => {
    const token = await tokenFor('https://vault.azure.net')
    laterMs = 66 * 60_000
    try {
      const { status, body } = await test.tenant.raw('GET', url(), { token })
      expect(status).toBe(401)
      expect(body.error.message).toMatch(/^\[TokenExpired\]/)
    } finally {
      laterMs = 0
    }
  })

  it('does not save a request without api-version, or of a path there is not', async () => {
    const token = await tokenFor('https://vault.azure.net')
    const get = (path: string) => test.tenant.raw('GET', `${test.vault.addresses.url}${path}`, { token })
    expect(await get(`/secrets/${packageKey}`)).toMatchObject({ status: 400, body: { error: { code: 'BadParameter' } } })
    expect(await get('/certificates?api-version=2025-07-01')).toMatchObject({ status: 404 })
    expect(await get('/secrets/a_b?api-version=2025-07-01')).toMatchObject({ status: 400, body: { error: { code: 'BadParameter' } } })
  })
})

describe('operations beyond the product', () => {
  it('wrap and unwrap under their own rights, within what the key may do and the time it may', async () => {
    const actions = ['create', 'update', 'wrap', 'unwrap', 'encrypt'].map((each) => `keys/${each}/action`)
    const operator = { keys: { [password]: actions }, secrets: {} }
    const own = await test.start({ rights: { agent: operator, functions: operator } })
    try {
      // Without keys/read the crypto client cannot look at the key first, so every refusal is the vault's own.
      const client = test.clientsFor(test.tenant.credentialOf(agent), own.addresses.url)
      const key = await client.keys.createRsaKey(password, { keyOps: ['wrapKey', 'unwrapKey'] })
      const crypto = client.crypto(idOf(key))
      const { result } = await crypto.wrapKey('RSA-OAEP-256', Buffer.from('inner'))
      expect(Buffer.from((await crypto.unwrapKey('RSA-OAEP-256', result)).result).toString()).toBe('inner')
      const encrypted = crypto.encrypt({ algorithm: 'RSA-OAEP-256', plaintext: Buffer.from('x') })
      expect(await failure(encrypted)).toBe('403 Forbidden KeyOperationForbidden')
      await client.keys.updateKeyProperties(password, versionOf(key), { expiresOn: new Date(Date.now() - 1000) })
      expect(await failure(crypto.wrapKey('RSA-OAEP-256', Buffer.from('x')))).toBe('403 Forbidden KeyExpired')
      expect(Buffer.from((await crypto.unwrapKey('RSA-OAEP-256', result)).result).toString()).toBe('inner')
    } finally {
      await own.close()
    }
  })
})
