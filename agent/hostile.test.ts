/** Whatever the queue delivers and whatever a vault answers: a request, silence, or KEY_UNAVAILABLE. */
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { agent, startTestTenant, type TestTenant } from '../local/entra/test-tenant.ts'
import { type Listener, listen, type WebAnswer } from '../local/web.ts'
import { type PackageKey, sealEnvelope } from '../shared/envelope.ts'
import { encodeEvent } from '../shared/event.ts'
import { isFault } from '../shared/fault.ts'
import { decodeRequest, encodeRequest } from '../shared/payload.ts'
import { messageIdOf, newId } from '../shared/seal.ts'
import { anyBytes, bent, distorted, hostileCbor, hostileText, magicNames } from '../test/hostile.ts'
import { events, requests } from '../test/vectors/messages.ts'
import { virtualClock } from '../test/virtual-clock.ts'
import { type AgentKeys, type KeyProofs, openKeys } from './keys.ts'
import { open, openPasswords } from './open.ts'

describe('a delivery', () => {
  const tenantId = randomBytes(16)
  const key: PackageKey = { version: randomBytes(16), bytes: randomBytes(32) }
  const good = Object.values(requests).map(([, each]) => Buffer.from(encodeRequest(each)))
  const [first = Buffer.alloc(0), ...more] = good
  const payload = fc.oneof(
    fc.constantFrom(first, ...more),
    fc.constantFrom(first, ...more).chain(distorted),
    bent(first, ...more),
    hostileCbor,
  )
  const sealed = payload.map((inner) => {
    const id = newId()
    return {
      messageId: messageIdOf(id) as unknown,
      body: sealEnvelope(inner, key, { direction: 'request', tenantId, id }, randomBytes(12)),
      inner,
    }
  })
  const delivery = fc.oneof(
    { weight: 3, arbitrary: sealed },
    {
      weight: 1,
      arbitrary: sealed.chain(({ messageId, body }) => bent(body).map((other) => ({ messageId, body: other, inner: undefined }))),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.oneof(fc.anything(), hostileText(40)), fc.option(anyBytes(1_100), { nil: undefined }))
        .map(([messageId, body]) => ({ messageId, body, inner: undefined })),
    },
  )

  test('of any body and id is a request, or refused; its passwords open, or are refused', async () => {
    const answers = fc.oneof(anyBytes(220), fc.constant(undefined))
    let opened = 0
    await fc.assert(
      fc.asyncProperty(delivery, answers, async ({ messageId, body, inner }, decrypted) => {
        const keys = {
          packageKey: async (version: Buffer) => (version.equals(key.version) ? key : undefined),
          decrypt: async () => decrypted && Buffer.from(decrypted),
        }
        const result = await open({ messageId, body }, tenantId, keys)
        if (result.kind === 'rejected') return
        opened += 1
        if (inner) expect(result.request).toEqual(decodeRequest(inner))
        expect(await openPasswords(result, keys)).toBeUndefined()
      }),
      { numRuns: 500 },
    )
    expect(opened).toBeGreaterThan(20)
  })
})

describe('a vault', () => {
  let answers: { secret: WebAnswer; key: WebAnswer; plain: WebAnswer; list: WebAnswer }
  let tenant: TestTenant
  let vault: Listener
  let keys: AgentKeys & KeyProofs
  const clock = virtualClock()
  beforeAll(async () => {
    tenant = await startTestTenant()
    const challenge = `Bearer authorization="${tenant.entra.addresses.tenant}", resource="https://vault.azure.net"`
    const answerTo = (path: string) => {
      if (path.endsWith('/versions')) return answers.list
      if (path.startsWith('/secrets/')) return answers.secret
      return path.endsWith('/decrypt') ? answers.plain : answers.key
    }
    vault = await listen(
      async ({ headers, url }) =>
        headers.authorization ? answerTo(url.pathname) : { status: 401, headers: { 'www-authenticate': challenge } },
      { tls: tenant.tls },
    )
    keys = openKeys({ url: `https://127.0.0.1:${vault.port}`, credential: tenant.credentialOf(agent), localCa: tenant.tls.ca }, clock)
  })
  afterAll(async () => {
    await vault.close()
    await tenant.entra.close()
  })

  const url = 'https://vault.example.test'
  const version = '0123456789abcdef0123456789abcdef'
  const attributes = { enabled: true, created: 1_800_000_000 }
  const good = {
    secret: { value: Buffer.alloc(32, 1).toString('base64url'), id: `${url}/secrets/package-key/${version}`, attributes },
    key: {
      key: { kid: `${url}/keys/password-key/${version}`, kty: 'RSA', n: Buffer.alloc(256, 0xc1).toString('base64url'), e: 'AQAB' },
      attributes,
    },
    plain: { kid: `${url}/keys/password-key/${version}`, value: Buffer.alloc(40, 2).toString('base64url') },
    list: {
      value: [{ id: `${url}/secrets/package-key/${version}`, kid: `${url}/keys/password-key/${version}`, attributes }],
      nextLink: null,
    },
  }
  const value = fc.oneof(
    hostileText(300),
    fc.jsonValue(),
    anyBytes(300).map((bytes) => bytes.toString('base64url')),
    fc.constantFrom(
      null,
      '',
      0,
      [],
      {},
      `${url}/keys/password-key/zz`,
      `${url}/keys/password-key`,
      `${url}/secrets/package-key/${'f'.repeat(40)}`,
    ),
  )
  /** As it should be, or with a member at any depth of another value, or anything. */
  const answerLike = (whole: object) => {
    const member = fc.tuple(fc.nat(8), fc.option(fc.constantFrom(...magicNames), { nil: undefined }), value)
    const changed = member.map(([at, magic, put]) => {
      let count = 0
      const text = JSON.stringify(whole, (name, each) => (name !== '' && name !== 'nextLink' && count++ === at ? put : each))
      return text.replace(/^\{/, magic ? `{"${magic}":{},` : '{')
    })
    const body = fc.oneof(
      { weight: 2, arbitrary: fc.constant(JSON.stringify(whole)) },
      { weight: 3, arbitrary: changed },
      { weight: 1, arbitrary: bent(Buffer.from(JSON.stringify(whole))).map(String) },
      { weight: 1, arbitrary: hostileText(200) },
    )
    const status = fc.constantFrom(200, 200, 200, 200, 400, 403, 404)
    return fc
      .tuple(status, body)
      .map(([status, text]): WebAnswer => ({ status, headers: { 'content-type': 'application/json' }, body: text }))
  }
  const drawn = {
    secret: answerLike(good.secret),
    key: answerLike(good.key),
    plain: answerLike(good.plain),
    list: answerLike(good.list),
  }
  const unlessAway = <T>(work: Promise<T>): Promise<T | undefined> =>
    work.catch((error: unknown) => {
      expect(isFault(error, 'KEY_UNAVAILABLE'), String((error as Error)?.stack)).toBe(true)
      return undefined
    })

  test('of any answers gives 32 bytes, a plaintext, none, or is unavailable; and what is proven fits into a heartbeat', async () => {
    const [, heartbeat] = events['first heartbeat'] ?? []
    if (heartbeat?.kind !== 'heartbeat') throw new Error('no such vector')
    await fc.assert(
      fc.asyncProperty(fc.record(drawn), async (given) => {
        answers = given
        const key = await unlessAway(keys.packageKey(randomBytes(16)))
        if (key) expect([key.version.length, key.bytes.length]).toEqual([16, 32])
        const plain = await unlessAway(keys.decrypt(randomBytes(16), randomBytes(256)))
        expect(plain === undefined || Buffer.isBuffer(plain)).toBe(true)
        const proven = await unlessAway(keys.prove())
        if (proven) encodeEvent({ ...heartbeat, ...proven })
      }),
      { numRuns: 150 },
    )
  })
})
