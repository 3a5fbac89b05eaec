/**
 * A vault that answers anything: for the two files that speak to one. Sign-in works; what comes then is whatever the test has drawn.
 */
import fc from 'fast-check'
import { startTestTenant, type TestTenant } from '../local/entra/test-tenant.ts'
import { listen, type WebAnswer } from '../local/web.ts'
import { anyBytes, bent, hostileText, magicNames } from './hostile.ts'

export type VaultAnswers = Record<'secret' | 'key' | 'plain' | 'list', WebAnswer>

export interface HostileVault {
  url: string
  tenant: TestTenant
  answer(given: VaultAnswers): void
  close(): Promise<void>
}

export async function startHostileVault(): Promise<HostileVault> {
  let answers: VaultAnswers | undefined
  const tenant = await startTestTenant()
  const challenge = `Bearer authorization="${tenant.entra.addresses.tenant}", resource="https://vault.azure.net"`
  const answerTo = (path: string) => {
    if (path.endsWith('/versions')) return answers?.list
    if (path.startsWith('/secrets/')) return answers?.secret
    return path.endsWith('/decrypt') ? answers?.plain : answers?.key
  }
  const vault = await listen(
    async ({ headers, url }) =>
      (headers.authorization && answerTo(url.pathname)) || { status: 401, headers: { 'www-authenticate': challenge } },
    { tls: tenant.tls },
  )
  return {
    url: `https://127.0.0.1:${vault.port}`,
    tenant,
    answer(given) {
      answers = given
    },
    async close() {
      await vault.close()
      await tenant.entra.close()
    },
  }
}

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
/** One answer for each of the operations. */
export const vaultAnswers = fc.record({
  secret: answerLike(good.secret),
  key: answerLike(good.key),
  plain: answerLike(good.plain),
  list: answerLike(good.list),
})
