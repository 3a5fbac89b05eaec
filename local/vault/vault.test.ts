import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { vault as names } from '../../infra/topology.ts'
import { systemClock } from '../../shared/clock.ts'
import { agent } from '../entra/test-tenant.ts'
import { type Clients, failure, idOf, sealFor, startTestVault, type TestVault, versionOf } from './test-vault.ts'

const password = names.keys.password
const { package: packageKey, state: stateKey } = names.secrets
const anHourMs = 3600_000

let test: TestVault
let functions: Clients
let agents: Clients

beforeAll(async () => {
  test = await startTestVault()
  functions = test.functions
  agents = test.agent
})
afterAll(() => test.close())

const passwordVersions = () => test.vault.control.versions().filter((each) => each.name === password)

describe('the password key', () => {
  it('is made by functions and opened by agents, version by version', async () => {
    const first = await functions.keys.createRsaKey(password, { keySize: 2048, keyOps: ['decrypt'], tags: { made: 'first' } })
    const second = await functions.keys.createRsaKey(password, { keySize: 2048, keyOps: ['decrypt'] })
    expect(first.properties).toMatchObject({ enabled: true, exportable: false, tags: { made: 'first' }, recoverableDays: 90 })
    for (const key of [first, second]) {
      const opened = await agents.crypto(idOf(key)).decrypt('RSA-OAEP-256', sealFor(key, 'pass'))
      expect(Buffer.from(opened.result).toString()).toBe('pass')
      expect(opened.keyID).toBe(key.id)
    }
    expect(await failure(agents.crypto(idOf(first)).decrypt('RSA-OAEP-256', sealFor(second, 'pass')))).toBe('400 BadParameter')
  })

  it('is shown by name (the newest) and by version, and lists its versions in no order', async () => {
    const made = await functions.keys.createRsaKey(password, { keyOps: ['decrypt'] })
    expect((await agents.keys.getKey(password)).id).toBe(made.id)
    expect((await agents.keys.getKey(password, { version: versionOf(made) })).key?.n).toEqual(made.key?.n)
    const listed = []
    for await (const each of agents.keys.listPropertiesOfKeyVersions(password)) listed.push(each.version)
    expect(listed).toEqual(
      passwordVersions()
        .map((each) => each.version)
        .toSorted(),
    )
  })

  it('lists more versions than fit on a page', async () => {
    const pages = []
    for await (const each of functions.keys.listPropertiesOfKeyVersions(password).byPage({ maxPageSize: 2 })) pages.push(each.length)
    expect(pages.length).toBeGreaterThan(1)
    expect(pages.reduce((sum, count) => sum + count, 0)).toBe(passwordVersions().length)
  })

  it('looks as old as a test wants it to', async () => {
    const { properties, id } = await functions.keys.createRsaKey(password, { keyOps: ['decrypt'] })
    test.vault.control.age(183 * 24 * anHourMs)
    const aged = await functions.keys.getKey(password, { version: properties.version ?? '' })
    expect([aged.id, (properties.createdOn?.getTime() ?? 0) - (aged.properties.createdOn?.getTime() ?? 0)]).toEqual([
      id,
      183 * 24 * anHourMs,
    ])
  })

  it('does nothing while disabled, and works again when enabled', async () => {
    const key = await functions.keys.createRsaKey(password, { keyOps: ['decrypt'] })
    const sealed = sealFor(key, 'pass')
    await functions.keys.updateKeyProperties(password, versionOf(key), { enabled: false, tags: { retired: 'yes' } })
    expect(passwordVersions()).toContainEqual({ collection: 'keys', name: password, version: versionOf(key), enabled: false })
    expect(await failure(agents.crypto(key).decrypt('RSA-OAEP-256', sealed))).toBe('403 Forbidden KeyDisabled')
    expect(await failure(agents.crypto(idOf(key)).decrypt('RSA-OAEP-256', sealed))).toBe('403 Forbidden KeyDisabled')
    expect(await failure(functions.keys.getKey(password))).toBe('403 Forbidden KeyDisabled')
    const updated = await functions.keys.updateKeyProperties(password, versionOf(key), { enabled: true })
    expect(updated.properties.tags).toEqual({ retired: 'yes' })
    expect(Buffer.from((await agents.crypto(key).decrypt('RSA-OAEP-256', sealed)).result).toString()).toBe('pass')
  })

  it('past its end still decrypts at the vault, while the SDK refuses to ask', async () => {
    const key = await functions.keys.createRsaKey(password, { keyOps: ['decrypt'], expiresOn: new Date(Date.now() - anHourMs) })
    const sealed = sealFor(key, 'pass')
    expect(await failure(agents.crypto(idOf(key)).decrypt('RSA-OAEP-256', sealed))).toMatch(/^by the SDK: .* expired at/)
    const { token } = await test.tenant.credentialOf(agent).getToken('https://vault.azure.net/.default')
    const body = JSON.stringify({ alg: 'RSA-OAEP-256', value: sealed.toString('base64url') })
    const answer = await test.tenant.raw('POST', `${idOf(key)}/decrypt?api-version=2025-07-01`, { token, body })
    expect(answer.status).toBe(200)
    expect(Buffer.from(answer.body.value, 'base64url').toString()).toBe('pass')
  })

  it('that does not exist is not found', async () => {
    expect(await failure(functions.keys.getKey(password, { version: '0'.repeat(32) }))).toBe('404 KeyNotFound')
  })

  it.each([
    ['another type', () => functions.keys.createEcKey(password)],
    ['an odd size', () => functions.keys.createRsaKey(password, { keySize: 1024 })],
  ])('is not made of %s', async (_name, call) => {
    expect(await failure(call())).toBe('400 BadParameter')
  })
})

describe('secrets', () => {
  it('are set by functions and read by agents, version by version', async () => {
    const first = await functions.secrets.setSecret(packageKey, 'one', { contentType: 'text/plain', tags: { a: 'b' } })
    const second = await functions.secrets.setSecret(packageKey, 'two')
    expect((await agents.secrets.getSecret(packageKey)).value).toBe('two')
    expect(await agents.secrets.getSecret(packageKey, { version: versionOf(first) })).toMatchObject({
      value: 'one',
      properties: { contentType: 'text/plain', tags: { a: 'b' }, enabled: true },
    })
    const listed = []
    for await (const each of agents.secrets.listPropertiesOfSecretVersions(packageKey)) listed.push(each)
    expect(listed.map((each) => each.version)).toEqual([versionOf(first), versionOf(second)].toSorted())
    expect(listed.some((each) => 'value' in each)).toBe(false)
  })

  it('cannot be read while disabled', async () => {
    const old = await functions.secrets.setSecret(packageKey, 'old')
    await functions.secrets.setSecret(packageKey, 'new')
    await functions.secrets.updateSecretProperties(packageKey, versionOf(old), { enabled: false })
    expect(await failure(functions.secrets.getSecret(packageKey, { version: versionOf(old) }))).toBe('403 Forbidden SecretDisabled')
    expect((await functions.secrets.getSecret(packageKey)).value).toBe('new')
  })

  it('can be read outside their lifetime', async () => {
    await functions.secrets.setSecret(packageKey, 'past', { expiresOn: new Date(Date.now() - anHourMs) })
    expect((await functions.secrets.getSecret(packageKey)).value).toBe('past')
    await functions.secrets.setSecret(packageKey, 'future', { notBefore: new Date(Date.now() + anHourMs) })
    expect((await functions.secrets.getSecret(packageKey)).value).toBe('future')
  })

  it('that do not exist are not found', async () => {
    expect(await failure(functions.secrets.getSecret(stateKey))).toBe('404 SecretNotFound')
  })
})

describe('disturbance', () => {
  it('is worked off in order, and everything is counted', async () => {
    await functions.secrets.setSecret(packageKey, 'value')
    test.vault.control.faults([
      { kind: 'throttle', count: 2 },
      { kind: 'unavailable', count: 1 },
    ])
    const before = test.vault.control.stats()
    const read = () => functions.secrets.getSecret(packageKey)
    expect(await failure(read())).toBe('429 Throttled VaultRequestTypeLimitReached')
    expect(await failure(read())).toBe('429 Throttled VaultRequestTypeLimitReached')
    expect(await failure(read())).toBe('503 ServiceUnavailable')
    expect((await read()).value).toBe('value')
    const after = test.vault.control.stats()
    expect(after.requests - before.requests).toBe(4)
    expect((after.operations['secrets.get'] ?? 0) - (before.operations['secrets.get'] ?? 0)).toBe(1)
  })

  it('may be slow, each answer by as much as was said', async () => {
    const slept: number[] = []
    const sleep = async (ms: number) => void slept.push(ms)
    const own = await test.start({ clock: { ...systemClock, sleep } })
    const { secrets } = test.clientsFor(test.tenant.managedIdentity(), own.addresses.url)
    own.control.slow(700)
    await secrets.setSecret(packageKey, 'value')
    await secrets.getSecret(packageKey)
    own.control.slow(0)
    await secrets.getSecret(packageKey)
    expect(slept).toEqual([700, 700])
    await own.close()
  })

  it('may hang: the caller gives up, and the vault can still be closed', async () => {
    const own = await test.start()
    const clients = test.clientsFor(test.tenant.credentialOf(agent), own.addresses.url)
    own.control.faults([{ kind: 'hang', count: 1 }])
    const given = new AbortController()
    const asked = clients.secrets.getSecret(packageKey, { abortSignal: given.signal })
    const failed = expect(asked).rejects.toThrow(/abort/i)
    while (own.control.stats().requests < 2) await new Promise(setImmediate) // the challenge, then the one that hangs
    given.abort()
    await failed
    await own.close()
  })
})
