import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { agent, functions as functionsIdentity, nobody } from '../local/entra/test-tenant.ts'
import { idOf, sealFor, startTestVault, type TestVault, versionOf } from '../local/vault/test-vault.ts'
import { listen } from '../local/web.ts'
import type { PackageKey } from '../shared/envelope.ts'
import { bytesOf } from '../test/bytes-of.ts'
import { type VirtualClock, virtualClock } from '../test/virtual-clock.ts'
import { type AgentKeys, openKeys } from './keys.ts'
import { strangersPerMinute } from './package-keys.ts'

let vaultTest: TestVault
const vaultClock = virtualClock(Date.now())
let clock: VirtualClock
let keys: AgentKeys
beforeAll(async () => {
  vaultTest = await startTestVault({ clock: vaultClock })
})
afterAll(() => vaultTest.close())
beforeEach(() => {
  clock = virtualClock()
  keys = keysOf(agent)
})

function keysOf(application: { clientId: string; objectId: string; secret: string }, url = vaultTest.vault.addresses.url): AgentKeys {
  const credential = vaultTest.tenant.credentialOf(application)
  return openKeys({ url, credential, localCa: vaultTest.tenant.tls.ca }, clock)
}

const unavailable = expect.objectContaining({ code: 'KEY_UNAVAILABLE', permanent: false })
const raw = (hex: string) => Buffer.from(hex, 'hex')
const asked = (operation: string) => vaultTest.vault.control.stats().operations[operation] ?? 0

async function makeSecret(bytes: Buffer = randomBytes(32), over: { value?: string; enabled?: boolean } = {}) {
  const value = over.value ?? bytes.toString('base64url')
  const version = versionOf(await vaultTest.functions.secrets.setSecret('package-key', value, { enabled: over.enabled ?? true }))
  return { version: raw(version), bytes, name: version }
}
const shown = (key: PackageKey | undefined) => key && { version: key.version, bytes: bytesOf(key) }
const disableSecret = (name: string) => vaultTest.functions.secrets.updateSecretProperties('package-key', name, { enabled: false })

async function makeKey() {
  const key = await vaultTest.functions.keys.createRsaKey('password-key', { keySize: 2048, keyOps: ['decrypt'] })
  return { key, version: raw(versionOf(key)) }
}
const disableKey = (version: Buffer) =>
  vaultTest.functions.keys.updateKeyProperties('password-key', version.toString('hex'), { enabled: false })

/** The vault counts whole seconds, and "newest" is decided by them. */
const nextSecond = () => vaultClock.advance(1_000)

describe('the package key', () => {
  test('is read by its version, once a minute', async () => {
    const made = await makeSecret()
    const before = asked('secrets.get')
    expect(shown(await keys.packageKey(made.version))).toEqual({ version: made.version, bytes: made.bytes })
    expect(shown(await keys.packageKey(Buffer.from(made.version)))).toEqual({ version: made.version, bytes: made.bytes })
    expect(asked('secrets.get')).toBe(before + 1)
    await clock.advance(59_999)
    await keys.packageKey(made.version)
    expect(asked('secrets.get')).toBe(before + 1)
    await clock.advance(1)
    await keys.packageKey(made.version)
    expect(asked('secrets.get')).toBe(before + 2)
  })

  test('under an unknown version there is none; asked again after a minute, because it may be on its way', async () => {
    await makeSecret()
    const version = randomBytes(16)
    const before = asked('secrets.get')
    for (let i = 0; i < 3; i++) expect(await keys.packageKey(version)).toBeUndefined()
    expect(asked('secrets.get')).toBe(before + 1)
    await clock.advance(60_000)
    expect(await keys.packageKey(version)).toBeUndefined()
    expect(asked('secrets.get')).toBe(before + 2)
  })

  test('a disabled version is none', async () => {
    const made = await makeSecret()
    await disableSecret(made.name)
    expect(await keys.packageKey(made.version)).toBeUndefined()
  })

  test.each([
    ['31 bytes', randomBytes(31).toString('base64url')],
    ['33 bytes', randomBytes(33).toString('base64url')],
    ['text', 'not a key'],
  ])('a value that is no key of 32 bytes is none: %s', async (_, value) => {
    expect(await keys.packageKey((await makeSecret(undefined, { value })).version)).toBeUndefined()
  })

  test('whoever can name versions costs thirty looks a minute, and then a list every two seconds', async () => {
    const made = await makeSecret()
    await keys.packageKey(made.version)
    const before = [asked('secrets.get'), asked('secrets.listVersions')]
    const flood = () => Promise.all(Array.from({ length: 80 }, () => keys.packageKey(randomBytes(16))))
    const spent = () => [asked('secrets.get') - (before[0] ?? 0), asked('secrets.listVersions') - (before[1] ?? 0)]
    expect(new Set(await flood())).toEqual(new Set([undefined]))
    const pages = spent()[1] ?? 0
    expect(spent()).toEqual([strangersPerMinute - 1, expect.any(Number)])
    await flood()
    expect(spent()[1]).toBe(pages)
    await keys.packageKey(made.version)
    expect(spent()[0]).toBe(strangersPerMinute - 1)
  })

  test('an honest new version opens two seconds later, whoever names others meanwhile', async () => {
    await Promise.all(Array.from({ length: 80 }, () => keys.packageKey(randomBytes(16))))
    const made = await makeSecret()
    await clock.advance(2_000)
    await keys.packageKey(randomBytes(16))
    expect(shown(await keys.packageKey(made.version))).toEqual({ version: made.version, bytes: made.bytes })
  })

  test('a version that was retired is taken for a minute, and where the vault is away for five', async () => {
    const [retired, known] = [await makeSecret(), await makeSecret()]
    for (const each of [retired, known]) await keys.packageKey(each.version)
    await disableSecret(retired.name)
    await clock.advance(60_000)
    expect(await keys.packageKey(retired.version)).toBeUndefined()
    await keys.packageKey(known.version)
    vaultTest.vault.control.faults([{ kind: 'unavailable', count: 1_000 }])
    await clock.advance(299_999)
    expect(shown(await keys.packageKey(known.version))).toMatchObject({ bytes: known.bytes })
    await clock.advance(5_001)
    await expect(keys.packageKey(known.version)).rejects.toEqual(unavailable)
    vaultTest.vault.control.faults([])
  })
})

describe('decrypting', () => {
  test('by the named version', async () => {
    const [one, two] = [await makeKey(), await makeKey()]
    for (const { key, version } of [one, two])
      expect(await keys.decrypt(version, sealFor(key, 'sealed word'))).toEqual(Buffer.from('sealed word'))
  })

  test('a blob of another version, or no blob at all, is refused', async () => {
    const [one, two] = [await makeKey(), await makeKey()]
    expect(await keys.decrypt(two.version, sealFor(one.key, 'x'))).toBeUndefined()
    expect(await keys.decrypt(one.version, randomBytes(256))).toBeUndefined()
    expect(await keys.decrypt(one.version, Buffer.alloc(256))).toBeUndefined()
  })

  test('an unknown version is refused', async () => {
    const { key } = await makeKey()
    expect(await keys.decrypt(randomBytes(16), sealFor(key, 'x'))).toBeUndefined()
  })

  test('a version that was disabled is refused from then on, also by who used it before', async () => {
    const { key, version } = await makeKey()
    const blob = sealFor(key, 'x')
    expect(await keys.decrypt(version, blob)).toEqual(Buffer.from('x'))
    await disableKey(version)
    expect(await keys.decrypt(version, blob)).toBeUndefined()
    expect(idOf(key)).toContain(version.toString('hex'))
  })
})

test('whoever names one unknown key version after another makes no call larger than the one before', async () => {
  const { tls, entra } = vaultTest.tenant
  const challenge = `Bearer authorization="${entra.addresses.tenant}", resource="https://vault.azure.net"`
  const agents = new Set<string | undefined>()
  const body = { error: { code: 'KeyNotFound', message: '' } }
  const empty = await listen(
    async ({ headers }) => {
      agents.add(headers['user-agent'])
      return headers.authorization ? { status: 404, body } : { status: 401, headers: { 'www-authenticate': challenge } }
    },
    { tls },
  )
  try {
    const keys = keysOf(agent, `https://127.0.0.1:${empty.port}`)
    for (let n = 0; n < 4; n++) expect(await keys.decrypt(randomBytes(16), randomBytes(256))).toBeUndefined()
    expect(agents.size).toBe(1)
  } finally {
    await empty.close()
  }
})

describe('what is no answer about the message is thrown, to be tried again', () => {
  const calls: [string, (by: AgentKeys) => Promise<unknown>][] = [
    ['package key', (by) => by.packageKey(randomBytes(16))],
    ['decrypt', (by) => by.decrypt(randomBytes(16), randomBytes(256))],
    ['for events', (by) => by.forEvents()],
    ['prove', (by) => by.prove()],
  ]

  test.each(calls)('%s: an application without rights', async (_, call) => {
    await makeSecret()
    await makeKey()
    await expect(call(keysOf(nobody))).rejects.toEqual(unavailable)
  })

  test.each(calls)('%s: a wrong client secret', async (_, call) => {
    await expect(call(keysOf({ ...agent, secret: 'wrong' }))).rejects.toEqual(unavailable)
  })

  test.each(calls)('%s: an application that the tenant does not know', async (_, call) => {
    await expect(call(keysOf({ ...agent, clientId: 'c1b2c3d4-0000-4000-8000-00000000000c' }))).rejects.toEqual(unavailable)
  })

  test.each(calls)('%s: a vault that is unavailable', async (_, call) => {
    vaultTest.vault.control.faults([{ kind: 'unavailable', count: 100 }])
    await expect(call(keys)).rejects.toEqual(unavailable)
    vaultTest.vault.control.faults([])
  })

  test.each(calls)('%s: a vault that hangs is given up after two seconds', async (_, call) => {
    await call(keys).catch(() => {}) // the challenge and the token are behind it
    const { requests } = vaultTest.vault.control.stats()
    vaultTest.vault.control.faults([{ kind: 'hang', count: 1 }])
    const given = expect(call(keys)).rejects.toEqual(unavailable)
    await expect.poll(() => vaultTest.vault.control.stats().requests, { timeout: 5_000 }).toBeGreaterThan(requests)
    await clock.advance(2_000)
    await given
    vaultTest.vault.control.faults([])
  })

  test.each(calls)('%s: nobody there', async (_, call) => {
    await expect(call(keysOf(agent, 'https://127.0.0.1:1'))).rejects.toEqual(unavailable)
  })

  // Wordings of the real service, learn.microsoft.com/azure/key-vault/general/rest-error-codes.
  test.each([
    [
      403,
      'ForbiddenByConnection',
      'Public network access is disabled and request is not from a trusted service nor via an approved private link.',
    ],
    [403, 'ForbiddenByFirewall', 'Client address is not authorized and caller is not a trusted service.'],
    [403, 'AccessDenied', 'Caller is not authorized; the identity may have been disabled.'],
    [401, 'Unauthorized', 'AKV10022: Invalid audience.'],
    [404, 'NotFound', 'a proxy that knows no such page'],
    [400, 'BadRequest', 'a proxy that does not like the request'],
  ])('a vault that lets nobody in: %i %s', async (status, inner, message) => {
    const { tls, entra } = vaultTest.tenant
    const challenge = `Bearer authorization="${entra.addresses.tenant}", resource="https://vault.azure.net"`
    const closed = await listen(
      async ({ headers }) =>
        headers.authorization
          ? {
              status,
              headers: { 'www-authenticate': challenge },
              body: { error: { code: 'Forbidden', message, innererror: { code: inner } } },
            }
          : { status: 401, headers: { 'www-authenticate': challenge } },
      { tls },
    )
    try {
      for (const [, call] of calls) await expect(call(keysOf(agent, `https://127.0.0.1:${closed.port}`))).rejects.toEqual(unavailable)
    } finally {
      await closed.close()
    }
  })

  test('and nothing of it is kept: when the vault is back, so is the key', async () => {
    const made = await makeSecret()
    vaultTest.vault.control.faults([{ kind: 'unavailable', count: 100 }])
    await expect(keys.packageKey(made.version)).rejects.toEqual(unavailable)
    vaultTest.vault.control.faults([])
    expect(shown(await keys.packageKey(made.version))).toMatchObject({ bytes: made.bytes })
  })

  test('a vault that stumbles once is asked again at once', async () => {
    const made = await makeSecret()
    vaultTest.vault.control.faults([{ kind: 'unavailable', count: 1 }])
    expect(shown(await keys.packageKey(made.version))).toMatchObject({ bytes: made.bytes })
  })

  test('the fault holds no message of the vault', async () => {
    const thrown: unknown = await keysOf(nobody)
      .packageKey(randomBytes(16))
      .catch((error: unknown) => error)
    expect(String(thrown)).toBe('Fault: KEY_UNAVAILABLE: the vault gave no key (noRight)')
    expect(functionsIdentity.clientId).not.toBe(nobody.clientId)
  })
})

describe('over a rollover', () => {
  test('events go under the newest enabled key until a request was opened, then under its key', async () => {
    await nextSecond()
    const old = await makeSecret()
    await nextSecond()
    const young = await makeSecret()
    await nextSecond()
    await makeSecret(undefined, { enabled: false })
    expect(shown(await keys.forEvents())).toMatchObject({ bytes: young.bytes })
    // Named by a message, and by nothing that was authentic.
    await keys.packageKey(old.version)
    expect(shown(await keys.forEvents())).toMatchObject({ bytes: young.bytes })
    keys.opened(old.version)
    expect(shown(await keys.forEvents())).toMatchObject({ bytes: old.bytes })
  })

  test('once the key of the last request is retired, events go under the newest: nobody hears what nobody can open', async () => {
    const old = await makeSecret()
    await keys.packageKey(old.version)
    keys.opened(old.version)
    await nextSecond()
    const young = await makeSecret()
    await disableSecret(old.name)
    await clock.advance(60_000)
    expect(shown(await keys.forEvents())).toMatchObject({ bytes: young.bytes })
  })

  test('at the next heartbeat at the latest, though it is still remembered: a rollover without overlap keeps nobody silent', async () => {
    const old = await makeSecret()
    await keys.packageKey(old.version)
    keys.opened(old.version)
    await nextSecond()
    const young = await makeSecret()
    await disableSecret(old.name)
    expect(shown(await keys.forEvents())).toMatchObject({ bytes: old.bytes })
    await keys.prove()
    expect(shown(await keys.forEvents())).toMatchObject({ bytes: young.bytes })
  })

  test('the two newest enabled versions are proven, newest first', async () => {
    await nextSecond()
    const oldKey = await makeKey()
    const oldSecret = await makeSecret()
    await nextSecond()
    const [youngKey, youngSecret] = [await makeKey(), await makeSecret()]
    expect(await keys.prove()).toEqual({
      passwordKeys: [youngKey.version, oldKey.version],
      packageKeys: [youngSecret.version, oldSecret.version],
    })
    await disableKey(youngKey.version)
    await disableSecret(oldSecret.name)
    const proven = await keys.prove()
    expect(proven.passwordKeys[0]).toEqual(oldKey.version)
    expect(proven.packageKeys[0]).toEqual(youngSecret.version)
    expect(proven.packageKeys).not.toContainEqual(oldSecret.version)
  })

  test('a secret that is no key is not proven', async () => {
    await nextSecond()
    const bad = await makeSecret(undefined, { value: 'not a key' })
    expect((await keys.prove()).packageKeys).not.toContainEqual(bad.version)
  })
})
