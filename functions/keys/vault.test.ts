import { constants, publicEncrypt } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { functions } from '../../local/entra/test-tenant.ts'
import { startTestVault, type TestVault } from '../../local/vault/test-vault.ts'
import { systemClock } from '../../shared/clock.ts'
import { isFault } from '../../shared/fault.ts'
import { isVersion, openVault, type Vault } from './vault.ts'

let passedMs = 0
let test: TestVault
let vault: Vault
const open = (timeoutMs: number) =>
  openVault({
    url: test.vault.addresses.url,
    credential: test.tenant.managedIdentity(),
    timeoutMs,
    local: { ca: test.tenant.tls.ca },
  })
beforeAll(async () => {
  test = await startTestVault({ clock: { ...systemClock, now: () => systemClock.now() + passedMs } })
  vault = open(8_000)
})
afterAll(() => test.close())
afterEach(() => {
  test.vault.control.faults([])
  test.vault.control.grant(functions.objectId, 'functions')
})

const unknownVersion = 'f'.repeat(32)

describe('the password key', () => {
  it('is made so that agents can decrypt what its public half encrypted, and functions cannot', async () => {
    const version = await vault.createPasswordKeyVersion({ rollover: 'one' })
    expect(isVersion(version)).toBe(true)
    const key = await vault.passwordPublicKey(version)
    if (!key) throw new Error('no key')
    const blob = publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, Buffer.from('words'))
    const id = `${test.vault.addresses.url}/keys/password-key/${version}`
    expect(Buffer.from((await test.agent.crypto(id).decrypt('RSA-OAEP-256', blob)).result).toString()).toBe('words')
    await expect(test.functions.crypto(id).decrypt('RSA-OAEP-256', blob)).rejects.toMatchObject({ statusCode: 403 })
    const { keyOperations, properties } = await test.functions.keys.getKey('password-key', { version })
    expect(keyOperations).toEqual(['decrypt'])
    expect(properties).toMatchObject({ exportable: false, tags: { rollover: 'one' } })
  })

  it('is gone when disabled or never made', async () => {
    const version = await vault.createPasswordKeyVersion({})
    await vault.disablePasswordKeyVersion(version)
    expect(await vault.passwordPublicKey(version)).toBeUndefined()
    expect(await vault.passwordPublicKey(unknownVersion)).toBeUndefined()
    expect(await vault.passwordKeyVersions()).toContainEqual(expect.objectContaining({ version, enabled: false, tags: {} }))
  })
})

describe('a secret', () => {
  it('is 32 random bytes, different each time', async () => {
    const [a, b] = [await vault.createSecretVersion('package-key', {}), await vault.createSecretVersion('package-key', {})]
    const [first, second] = [await vault.secret('package-key', a), await vault.secret('package-key', b)]
    expect([first?.symmetricKeySize, second?.symmetricKeySize]).toEqual([32, 32])
    expect(second && first?.equals(second)).toBe(false)
    const { value } = await test.agent.secrets.getSecret('package-key', { version: a })
    expect(value).toBe(first?.export().toString('base64url'))
  })

  it('is gone when disabled or never made, whatever the newest version is', async () => {
    const kept = await vault.createSecretVersion('state-key', {})
    const version = await vault.createSecretVersion('state-key', {})
    await vault.disableSecretVersion('state-key', version)
    expect(await vault.secret('state-key', version)).toBeUndefined()
    expect(await vault.secret('state-key', unknownVersion)).toBeUndefined()
    expect((await vault.secret('state-key', kept))?.symmetricKeySize).toBe(32)
  })

  it('has a newest enabled version', async () => {
    const versions: string[] = []
    for (let made = 0; made < 4; made += 1) {
      passedMs += 1_000
      versions.push(await vault.createSecretVersion('state-key', { made: String(made) }))
    }
    expect(await vault.newestEnabledSecretVersion('state-key')).toBe(versions[3])
    await vault.disableSecretVersion('state-key', versions[3] ?? '')
    expect(await vault.newestEnabledSecretVersion('state-key')).toBe(versions[2])
    expect(await vault.secretVersions('state-key')).toContainEqual(
      expect.objectContaining({ version: versions[1], enabled: true, tags: { made: '1' } }),
    )
  })

  it('that somebody else put there in another form is a permanent fault', async () => {
    const { properties } = await test.functions.secrets.setSecret('package-key', 'short')
    const failure = await vault.secret('package-key', properties.version ?? '').catch((error: unknown) => error)
    expect(isFault(failure, 'KEY_UNAVAILABLE') && failure.permanent).toBe(true)
    expect(String(failure)).not.toContain('short')
  })
})

describe('a vault with no versions at all', () => {
  it('has empty lists', async () => {
    const empty = await test.start()
    const { tls, managedIdentity } = test.tenant
    const opened = openVault({ url: empty.addresses.url, credential: managedIdentity(), local: { ca: tls.ca } })
    expect(await opened.passwordKeyVersions()).toEqual([])
    expect(await opened.secretVersions('state-key')).toEqual([])
    expect(await opened.newestEnabledSecretVersion('package-key')).toBeUndefined()
    await empty.close()
  })
})

describe('a vault in trouble', () => {
  const failureOf = (work: Promise<unknown>) => work.catch((error: unknown) => error)

  it('is asked again', async () => {
    const version = await vault.createSecretVersion('state-key', {})
    test.vault.control.faults([{ kind: 'unavailable', count: 1 }])
    expect((await vault.secret('state-key', version))?.symmetricKeySize).toBe(32)
  })

  it.each([
    ['that is down', 'unavailable', 8_000, 'unavailable'],
    ['that throttles for longer than one can wait', 'throttle', 300, 'throttled'],
    ['that hangs', 'hang', 100, 'noAnswer'],
  ] as const)('%s is a passing fault', async (_name, kind, timeoutMs, word) => {
    const version = await vault.createSecretVersion('state-key', {})
    test.vault.control.faults([{ kind, count: 100 }])
    const failure = await failureOf(open(timeoutMs).secret('state-key', version))
    expect(isFault(failure, 'KEY_UNAVAILABLE') && !failure.permanent).toBe(true)
    expect(String(failure)).toContain(word)
    expect(failure).not.toHaveProperty('cause')
  })

  it('that gives us no right is a fault, not an unknown version', async () => {
    const version = await vault.createSecretVersion('state-key', {})
    test.vault.control.grant(functions.objectId, null)
    for (const work of [
      vault.secret('state-key', version),
      vault.passwordPublicKey(unknownVersion),
      vault.secretVersions('state-key'),
      vault.createSecretVersion('state-key', {}),
    ]) {
      const failure = await failureOf(work)
      expect(isFault(failure, 'KEY_UNAVAILABLE')).toBe(true)
      expect(String(failure)).toContain('noRight')
    }
  })

  it('whose tenant hangs is a passing fault', async () => {
    test.tenant.entra.control.faults([{ kind: 'hang', count: 100 }])
    expect(isFault(await failureOf(open(100).secret('state-key', unknownVersion)), 'KEY_UNAVAILABLE')).toBe(true)
    test.tenant.entra.control.faults([])
  })
})
