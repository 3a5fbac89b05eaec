import { constants, privateDecrypt } from 'node:crypto'
import { TableClient } from '@azure/data-tables'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectionString, startAzurite } from '../../local/azurite.ts'
import { isFault } from '../../shared/fault.ts'
import { newId, openReply, sealField, sealReply } from '../../shared/seal.ts'
import { bytesOf } from '../../test/bytes-of.ts'
import { openTables, type TableAccess } from '../store/tables.ts'
import type { Keyring } from './keyring.ts'
import { readPointer, replacePointer } from './pointer.ts'
import { codeOf, startTestCloud, type TestCloud } from './test-cloud.ts'

let cloud: TestCloud
let keyring: Keyring
beforeAll(async () => {
  cloud = await startTestCloud()
  await cloud.start()
})
afterAll(() => cloud.close())
beforeEach(() => {
  keyring = cloud.keyring()
})
afterEach(() => cloud.test.vault.control.faults([]))

const minutes = (n: number) => n * 60_000
const versionsOf = ({ package: { version }, password }: Awaited<ReturnType<Keyring['keys']['sealing']>>) => [
  Buffer.from(version).toString('hex'),
  Buffer.from(password.version).toString('hex'),
]
const operations = (name: string) => cloud.test.vault.control.stats().operations[name] ?? 0

async function rollOver(): Promise<{ packageKey: string; passwordKey: string }> {
  const { rows } = cloud.keyring()
  const there = await readPointer(rows)
  if (!there) throw new Error('no pointer')
  const made = {
    packageKey: await cloud.vault.createSecretVersion('package-key', {}),
    passwordKey: await cloud.vault.createPasswordKeyVersion({}),
    stateKey: await cloud.vault.createSecretVersion('state-key', {}),
  }
  await replacePointer(rows, { ...made, since: cloud.clock.now(), rolloverId: 'test' }, there.etag)
  return made
}

describe('the sealing keys', () => {
  it('are those the pointer names, and agents hold the other halves', async () => {
    const pair = await keyring.keys.sealing()
    const { packageKey, passwordKey } = await keyring.pointer.current()
    expect(versionsOf(pair)).toEqual([packageKey, passwordKey])
    const { value } = await cloud.test.agent.secrets.getSecret('package-key', { version: packageKey })
    expect(bytesOf(pair.package).toString('base64url')).toBe(value)
    const blob = sealField(Buffer.from('words'), 'new', pair.password, newId(), 'anchor')
    const crypto = cloud.test.agent.crypto(`${cloud.test.vault.addresses.url}/keys/password-key/${passwordKey}`)
    expect(
      Buffer.from((await crypto.decrypt('RSA-OAEP-256', blob)).result)
        .subarray(16)
        .toString(),
    ).toBe('words')
    expect(() => privateDecrypt({ key: pair.password.publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING }, blob)).toThrow()
  })

  it('are fetched once a minute, for everybody', async () => {
    const before = operations('keys.get')
    await Promise.all(Array.from({ length: 10 }, () => keyring.keys.sealing()))
    expect(operations('keys.get') - before).toBe(1)
    cloud.pass(minutes(1))
    await keyring.keys.sealing()
    expect(operations('keys.get') - before).toBe(2)
  })

  it('follow a rollover within a minute', async () => {
    const before = versionsOf(await keyring.keys.sealing())
    const { packageKey, passwordKey } = await rollOver()
    expect(versionsOf(await keyring.keys.sealing())).toEqual(before)
    cloud.pass(minutes(1))
    expect(versionsOf(await keyring.keys.sealing())).toEqual([packageKey, passwordKey])
  })

  it('that the pointer names and somebody disabled are unavailable', async () => {
    const { packageKey } = await rollOver()
    await cloud.vault.disableSecretVersion('package-key', packageKey)
    expect(await codeOf(cloud.keyring().keys.sealing())).toBe('KEY_UNAVAILABLE')
    await rollOver()
    expect(await codeOf(cloud.keyring().keys.sealing())).toBe('no fault')
  })

  it('are not used any more a minute after somebody disabled one, and the log says so', async () => {
    const { passwordKey } = await rollOver()
    const own = cloud.keyring()
    await own.keys.sealing()
    await cloud.vault.disablePasswordKeyVersion(passwordKey)
    cloud.pass(minutes(1))
    cloud.logged.length = 0
    expect(await codeOf(own.keys.sealing())).toBe('KEY_UNAVAILABLE')
    expect(cloud.logged).toContain('keysUnavailable')
    await rollOver()
  })

  it('follow the pointer at once when what it named was disabled with no overlap', async () => {
    const own = cloud.keyring()
    const { packageKey: old } = await rollOver()
    await own.keys.sealing()
    cloud.pass(minutes(1) - 1)
    await own.pointer.follow()
    cloud.pass(1)
    const { packageKey, passwordKey } = await rollOver()
    await cloud.vault.disableSecretVersion('package-key', old)
    expect(versionsOf(await own.keys.sealing())).toEqual([packageKey, passwordKey])
  })

  it('carry five minutes of a vault that is down', async () => {
    const own = cloud.keyring()
    await own.keys.sealing()
    cloud.test.vault.control.faults([{ kind: 'unavailable', count: 1000 }])
    cloud.pass(minutes(5) - 1)
    expect(await codeOf(own.keys.sealing())).toBe('no fault')
    cloud.pass(minutes(1))
    expect(await codeOf(own.keys.sealing())).toBe('KEY_UNAVAILABLE')
  })
})

describe('the pointer', () => {
  it('is read once a minute', async () => {
    let reads = 0
    const counting: TableAccess = {
      ...cloud.tables,
      get(...args) {
        reads += 1
        return cloud.tables.get(...args)
      },
    }
    const { pointer } = cloud.keyring({ tables: counting })
    await Promise.all(Array.from({ length: 10 }, () => pointer.current()))
    cloud.pass(minutes(1) - 1)
    await pointer.current()
    expect(reads).toBe(1)
    cloud.pass(1)
    await pointer.current()
    expect(reads).toBe(2)
  })

  it('serves for five minutes when the store is gone, and then nothing is sealed', async () => {
    const azurite = await startAzurite()
    const connection = { kind: 'connectionString', connectionString: connectionString(azurite.addresses) } as const
    const { keys, rows } = cloud.keyring({ tables: openTables({ connection, clock: cloud.clock }) })
    await keys.sealing()
    await azurite.close()
    cloud.pass(minutes(5) - 1)
    expect(await codeOf(keys.sealing())).toBe('no fault')
    cloud.pass(1)
    expect(await codeOf(keys.sealing())).toBe('KEY_POINTER_STALE')
    expect(await codeOf(rows.put('flows', 'a', 'b', 1))).toBe('KEY_POINTER_STALE')
  })

  it('that was forged is refused at once, with a younger one in memory', async () => {
    await keyring.keys.sealing()
    const table = TableClient.fromConnectionString(connectionString(cloud.azurite.addresses), 'state', { allowInsecureConnection: true })
    const there = await table.getEntity<{ d: string }>('keys', 'pointer')
    const forged = { partitionKey: 'keys', rowKey: 'pointer', d: JSON.stringify({ ...JSON.parse(there.d), packageKey: '0'.repeat(32) }) }
    await table.updateEntity(forged, 'Merge')
    cloud.pass(minutes(1))
    expect(await codeOf(keyring.keys.sealing())).toBe('ROW_REJECTED')
    expect(cloud.logged).toContain('rowRejected')
    await table.updateEntity({ ...forged, d: there.d }, 'Merge')
    expect(await codeOf(cloud.keyring().keys.sealing())).toBe('no fault')
  })
})

describe('a package key to open with', () => {
  const make = () => cloud.vault.createSecretVersion('package-key', {})
  const raw = (version: string) => Buffer.from(version, 'hex')

  it('is that of any enabled version', async () => {
    const sealing = (await keyring.keys.sealing()).package
    const [tenantId, id] = [newId(), newId()]
    const body = sealReply({ outcome: { kind: 'done' }, agentId: newId(), spentMs: [1, 2, 3, 4] }, sealing, tenantId, id)
    await rollOver()
    const key = await cloud.keyring().keys.packageKey(Buffer.from(sealing.version))
    expect(openReply(body, key, tenantId, id).outcome).toEqual({ kind: 'done' })
  })

  it('is fetched once', async () => {
    const version = raw(await make())
    const before = operations('secrets.get')
    const [a, b] = await Promise.all([keyring.keys.packageKey(version), keyring.keys.packageKey(version)])
    expect(a).toEqual(b)
    expect(operations('secrets.get') - before).toBe(1)
  })

  it('is rejected like a bad message when there is no such version, without asking again for a minute', async () => {
    const before = operations('secrets.get')
    const unknown = Buffer.alloc(16, 7)
    for (let n = 0; n < 3; n += 1) expect(await codeOf(keyring.keys.packageKey(unknown))).toBe('ENVELOPE_REJECTED')
    expect(await codeOf(keyring.keys.packageKey(Buffer.alloc(15)))).toBe('ENVELOPE_REJECTED')
    expect(operations('secrets.get') - before).toBe(1)
    cloud.pass(minutes(1))
    expect(await codeOf(keyring.keys.packageKey(unknown))).toBe('ENVELOPE_REJECTED')
    expect(operations('secrets.get') - before).toBe(2)
  })

  it('is no longer given a minute after it was disabled', async () => {
    const version = await make()
    await keyring.keys.packageKey(raw(version))
    await cloud.vault.disableSecretVersion('package-key', version)
    expect(await codeOf(keyring.keys.packageKey(raw(version)))).toBe('no fault')
    cloud.pass(minutes(1))
    expect(await codeOf(keyring.keys.packageKey(raw(version)))).toBe('ENVELOPE_REJECTED')
  })

  it('survives a vault that is down for five minutes', async () => {
    const version = raw(await make())
    await keyring.keys.packageKey(version)
    cloud.test.vault.control.faults([{ kind: 'unavailable', count: 1000 }])
    cloud.pass(minutes(5) - 1)
    expect(await codeOf(keyring.keys.packageKey(version))).toBe('no fault')
    cloud.pass(1)
    const failure = await keyring.keys.packageKey(version).catch((error: unknown) => error)
    // Still resting after the last failure would be an old key; asked again, it is a passing fault and no rejection.
    expect(isFault(failure, 'KEY_UNAVAILABLE') && !failure.permanent).toBe(true)
  })
})

describe('the state key', () => {
  it('has one subkey per purpose, the same on every instance', async () => {
    const rows = await keyring.stateKeys.subkey('rows')
    const code = await keyring.stateKeys.subkey('code')
    expect(rows.key.symmetricKeySize).toBe(32)
    expect(code.key.equals(rows.key)).toBe(false)
    const elsewhere = await cloud.keyring().stateKeys.subkey('rows', rows.version)
    expect(elsewhere?.key.equals(rows.key)).toBe(true)
    expect(cloud.enabled().map(({ version }) => version)).toContain(rows.version)
  })

  it.each(['', '0'.repeat(32), 'not a version', '../package-key'])('has no version %j', async (version) => {
    expect(await keyring.stateKeys.subkey('rows', version)).toBeUndefined()
  })

  it('of an older version reads rows until it is disabled', async () => {
    const { version } = await keyring.stateKeys.subkey('rows')
    await keyring.rows.put('flows', 'old', 'row', 1)
    await rollOver()
    expect((await cloud.keyring().rows.read('flows', 'old', 'row'))?.value).toBe(1)
    await cloud.vault.disableSecretVersion('state-key', version)
    expect(await codeOf(cloud.keyring().rows.read('flows', 'old', 'row'))).toBe('ROW_REJECTED')
  })
})
