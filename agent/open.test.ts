import { createPublicKey, type JsonWebKey, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { agent } from '../local/entra/test-tenant.ts'
import { startTestVault, type TestVault, versionOf } from '../local/vault/test-vault.ts'
import type { PackageKey } from '../shared/envelope.ts'
import type { Request } from '../shared/payload.ts'
import { messageIdOf, newId, type PasswordKey, sealField, sealReply, sealRequest } from '../shared/seal.ts'
import { bytesOf } from '../test/bytes-of.ts'
import { virtualClock } from '../test/virtual-clock.ts'
import { type AgentKeys, openKeys } from './keys.ts'
import { type Opened, open, openPassword } from './open.ts'

/** Keys as functions make them and an agent uses them, in the vault that both talk to. */
let vault: TestVault
let keys: AgentKeys
let packageKey: PackageKey
let passwordKey: PasswordKey
const tenantId = randomBytes(16)
const sourceAnchor = 'AAECAwQFBgcICQoLDA0ODw=='

beforeAll(async () => {
  vault = await startTestVault()
  const { url } = vault.vault.addresses
  keys = openKeys({ url, credential: vault.tenant.credentialOf(agent), localCa: vault.tenant.tls.ca }, virtualClock())
  packageKey = await makePackageKey()
  passwordKey = await makePasswordKey()
})
afterAll(() => vault.close())

async function makePackageKey(): Promise<PackageKey> {
  const bytes = randomBytes(32)
  const version = versionOf(await vault.functions.secrets.setSecret('package-key', bytes.toString('base64url')))
  return { version: Buffer.from(version, 'hex'), bytes }
}

async function makePasswordKey(): Promise<PasswordKey> {
  const made = await vault.functions.keys.createRsaKey('password-key', { keySize: 2048, keyOps: ['decrypt'] })
  const { n, e } = made.key ?? {}
  const jwk: JsonWebKey = { kty: 'RSA', n: Buffer.from(n ?? []).toString('base64url'), e: Buffer.from(e ?? []).toString('base64url') }
  return { version: Buffer.from(versionOf(made), 'hex'), publicKey: createPublicKey({ key: jwk, format: 'jwk' }) }
}

function wish(over: Partial<Request> = {}, { id = newId(), password = 'Quite-Different-77', key = packageKey } = {}) {
  const request: Request = {
    operation: 'reset',
    actor: 'self',
    issuedAt: 1_800_000_000_000,
    startWithinMs: 14_000,
    cloudAnchor: Buffer.alloc(16, 1),
    sourceAnchor,
    passwordKey: Buffer.from(passwordKey.version),
    newPassword: sealField(Buffer.from(password), 'new', passwordKey, id, sourceAnchor),
    flags: 1,
    ...over,
  }
  return { request, id, messageId: messageIdOf(id), body: sealRequest(request, key, tenantId, id) }
}

async function opened(of: { messageId: string; body: Buffer }): Promise<Opened> {
  const result = await open(of, tenantId, keys)
  if (result.kind !== 'opened') throw new Error(result.kind)
  return result
}

const rejected = { kind: 'rejected' }
const unavailable = expect.objectContaining({ code: 'KEY_UNAVAILABLE' })

describe('a message', () => {
  test('that is authentic is opened, with what is needed to answer it', async () => {
    const { request, id, messageId, body } = wish()
    const opened = await open({ messageId, body }, tenantId, keys)
    expect(opened).toMatchObject({ kind: 'opened', id, request, key: { version: packageKey.version }, envelope: body })
    expect(opened.kind === 'opened' && bytesOf(opened.key)).toEqual(packageKey.bytes)
  })

  test.each<[string, (of: ReturnType<typeof wish>) => { messageId?: unknown; body?: Buffer | undefined }]>([
    ['for another request', () => ({ messageId: messageIdOf(newId()) })],
    ['without an id', () => ({ messageId: undefined })],
    ['with an id of another spelling', ({ messageId }) => ({ messageId: `${messageId}=` })],
    ['without bytes', () => ({ body: undefined })],
    ['of no bytes', () => ({ body: Buffer.alloc(0) })],
    ['of too many bytes', ({ body }) => ({ body: Buffer.concat([body, Buffer.alloc(1_024)]) })],
    ['with one bit turned over', ({ body }) => ({ body: Buffer.concat([body.subarray(0, -1), Buffer.of((body.at(-1) ?? 0) ^ 1)]) })],
    [
      'under a version that does not exist',
      ({ request, id }) => ({
        body: sealRequest(request, { version: randomBytes(16), bytes: packageKey.bytes }, tenantId, id),
      }),
    ],
    [
      'under the right version and another key',
      ({ request, id }) => ({
        body: sealRequest(request, { version: packageKey.version, bytes: randomBytes(32) }, tenantId, id),
      }),
    ],
    ['of another tenant', ({ request, id }) => ({ body: sealRequest(request, packageKey, randomBytes(16), id) })],
    [
      'that is a reply',
      ({ id }) => ({
        body: sealReply({ outcome: { kind: 'done' }, agentId: randomBytes(16), spentMs: [0, 0, 0, 0] }, packageKey, tenantId, id),
      }),
    ],
  ])('%s is rejected like every other', async (_, change) => {
    const good = wish()
    const { messageId, body } = { ...good, ...change(good) }
    expect(await open({ messageId, body }, tenantId, keys)).toEqual(rejected)
  })

  test('under a version that is disabled is rejected', async () => {
    const retired = await makePackageKey()
    await vault.functions.secrets.updateSecretProperties('package-key', Buffer.from(retired.version).toString('hex'), { enabled: false })
    expect(await open(wish({}, { key: retired }), tenantId, keys)).toEqual(rejected)
  })

  test('whose key cannot be fetched is not judged', async () => {
    const unseen = await makePackageKey()
    const one = wish({}, { key: unseen })
    vault.vault.control.faults([{ kind: 'unavailable', count: 100 }])
    await expect(open(one, tenantId, keys)).rejects.toEqual(unavailable)
    vault.vault.control.faults([])
    expect(await open(one, tenantId, keys)).toMatchObject({ kind: 'opened' })
  })

  test('that is authentic decides under which key events go; one that only names a version does not', async () => {
    const eventsUnder = async () => bytesOf(await keys.forEvents())
    const [one, other] = [await makePackageKey(), await makePackageKey()]
    await open(wish({}, { key: one }), tenantId, keys)
    const forged = wish({}, { key: other })
    expect(await open({ ...forged, messageId: messageIdOf(newId()) }, tenantId, keys)).toEqual(rejected)
    expect(await eventsUnder()).toEqual(one.bytes)
    await open(wish({}, { key: other }), tenantId, keys)
    expect(await eventsUnder()).toEqual(other.bytes)
  })

  test('that is no message asks the vault nothing', async () => {
    const before = vault.vault.control.stats().requests
    expect(await open({ messageId: messageIdOf(newId()), body: randomBytes(300) }, tenantId, keys)).toEqual(rejected)
    expect(vault.vault.control.stats().requests).toBe(before)
  })
})

describe('its password', () => {
  test('is opened by the vault', async () => {
    const password = await openPassword(await opened(wish()), 'new', keys)
    expect(password?.use((value) => value.toString('utf8'))).toBe('Quite-Different-77')
    expect(String(password)).toBe('[secret]')
  })

  test('is none where the request carries none', async () => {
    expect(await openPassword(await opened(wish()), 'old', keys)).toBeUndefined()
    const bare = { operation: 'unlock', passwordKey: undefined, newPassword: undefined } as const
    expect(await openPassword(await opened(wish(bare)), 'new', keys)).toBeUndefined()
  })

  test.each<[string, () => Promise<Partial<Request>>]>([
    ['of another request', async () => ({ newPassword: sealField(Buffer.from('x'), 'new', passwordKey, newId(), sourceAnchor) })],
    ['that is bound to nothing', async () => ({ newPassword: randomBytes(256) })],
    ['under another key version', async () => ({ passwordKey: (await makePasswordKey()).version as Buffer })],
    ['under no known key version', async () => ({ passwordKey: randomBytes(16) })],
    ['of another person', async () => ({ sourceAnchor: 'BAECAwQFBgcICQoLDA0ODw==' })],
  ])('%s is refused', async (_, over) => {
    expect(await openPassword(await opened(wish(await over())), 'new', keys)).toBeUndefined()
  })

  test('in the field of the old one is refused', async () => {
    const id = newId()
    const swapped = { operation: 'change', oldPassword: sealField(Buffer.from('x'), 'new', passwordKey, id, sourceAnchor) } as const
    expect(await openPassword(await opened(wish(swapped, { id })), 'old', keys)).toBeUndefined()
  })

  test('is not judged while the vault is away', async () => {
    const one = await opened(wish())
    vault.vault.control.faults([{ kind: 'unavailable', count: 100 }])
    await expect(openPassword(one, 'new', keys)).rejects.toEqual(unavailable)
    vault.vault.control.faults([])
  })
})
