import { exportJWK, generateKeyPair } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { makeAuthority } from '../../local/ca.ts'
import type { TlsFiles } from '../../local/stand-in.ts'
import { type Listener, listen, type WebAnswer } from '../../local/web.ts'
import { openTenantKeys } from './tenant-keys.ts'

let tls: TlsFiles
let server: Listener
let answer: () => WebAnswer
let fetches = 0

const key = async (kid: string) => ({ ...(await exportJWK((await generateKeyPair('RS256')).publicKey)), kid, use: 'sig' })
const published = (...keys: object[]) => ({ status: 200, body: JSON.stringify({ keys }), headers: { 'content-type': 'application/json' } })

beforeAll(async () => {
  const authority = await makeAuthority()
  tls = { ca: authority.ca, ...(await authority.issue({ commonName: 'test', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] })) }
  server = await listen(
    async () => {
      fetches += 1
      return answer()
    },
    { tls },
  )
})
afterAll(() => server.close())
beforeEach(() => {
  fetches = 0
})

const tenantId = '11111111-2222-4333-8444-55555555555a'
const opened = (local = { ca: tls.ca }) => {
  const keys = openTenantKeys({ url: `https://127.0.0.1:${server.port}/${tenantId}/discovery/v2.0/keys`, local })
  const ask = keys as (header: { alg: string; kid: string }, jws: { payload: string; signature: string }) => Promise<unknown>
  return (kid: string) => ask({ alg: 'RS256', kid }, { payload: '', signature: '' })
}

describe('the tenant’s keys', () => {
  it('are fetched once, also for many who ask at once', async () => {
    const [one, two] = [await key('k1'), await key('k2')]
    answer = () => published(one, two)
    const keyFor = opened()
    await Promise.all(['k1', 'k2', 'k1', 'k2'].map(keyFor))
    expect(fetches).toBe(1)
  })

  it('are not fetched again for every key id that somebody makes up', async () => {
    const one = await key('k1')
    answer = () => published(one)
    const keyFor = opened()
    await keyFor('k1')
    for (let n = 0; n < 20; n++) await expect(keyFor(`made-up-${n}`)).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' })
    expect(fetches).toBe(1)
  })

  it('are those that may sign for this tenant: not, say, that of private Microsoft accounts', async () => {
    const issuer = (tenant: string) => `https://login.microsoftonline.com/${tenant}/v2.0`
    const consumers = '9188040d-6c67-4c5b-b112-36a304b66dad'
    const given = { none: undefined, own: issuer(tenantId.toUpperCase()), any: issuer('{tenantid}'), other: issuer(consumers), odd: 7 }
    const keys = await Promise.all(Object.entries(given).map(async ([kid, value]) => ({ ...(await key(kid)), issuer: value })))
    answer = () => published(...keys)
    const keyFor = opened()
    for (const kid of ['none', 'own', 'any']) await expect(keyFor(kid), kid).resolves.toBeDefined()
    for (const kid of ['other', 'odd']) await expect(keyFor(kid), kid).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' })
  })

  it.each<[string, () => WebAnswer]>([
    ['refused', () => ({ status: 503, body: '' })],
    ['sent elsewhere', () => ({ status: 302, headers: { location: '/keys2' } })],
    ['empty', () => ({ status: 200, body: '' })],
    ['no key set', () => ({ status: 200, body: '{"keys":7}' })],
    ['too large', () => ({ status: 200, body: `{"keys":[],"x":"${'x'.repeat(300 * 1024)}"}` })],
  ])('are not known when the answer is %s, and are asked for anew', async (_what, bad) => {
    answer = bad
    const keyFor = opened()
    await expect(keyFor('k1')).rejects.toThrow()
    const one = await key('k1')
    answer = () => published(one)
    await expect(keyFor('k1')).resolves.toBeDefined()
    expect(fetches).toBe(2)
  })

  it('are taken from nobody whose certificate is not trusted', async () => {
    const foreign = await makeAuthority()
    await expect(opened({ ca: foreign.ca })('k1')).rejects.toThrow()
    expect(fetches).toBe(0)
  })
})
