import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { makeAuthority } from '../ca.ts'
import { agent, startTestTenant, type TestTenant } from './test-tenant.ts'
import { bearerToken, makeTokenVerifier, type TokenVerifier } from './verify.ts'

const issuer = 'https://sts.windows.net/7a0c9a0e-3f0b-4b57-8a35-52d0a4a0c1de/'
const audience = 'https://vault.azure.net'
const nowS = () => Math.floor(Date.now() / 1000)
const good = () => ({ oid: 'o', appid: 'a', tid: 't', iss: issuer, aud: audience, nbf: nowS() - 300, exp: nowS() + 3600 })

describe('a token', () => {
  let sign: (claims: Record<string, unknown>, kid?: string) => Promise<string>
  let verify: TokenVerifier
  let verifyAt: (minutes: number) => TokenVerifier

  beforeAll(async () => {
    const pair = await generateKeyPair('RS256')
    const jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'RS256' }] }
    sign = (claims, kid = 'k1') => new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid }).sign(pair.privateKey)
    verify = makeTokenVerifier({ jwks, issuer })
    verifyAt = (minutes) => {
      const clock: Clock = { ...systemClock, now: () => Date.now() + minutes * 60_000 }
      return makeTokenVerifier({ jwks, issuer, clock })
    }
  })

  it('is accepted for its audience, however that is spelt', async () => {
    expect(await verify(await sign(good()), audience)).toMatchObject({ kind: 'claims', claims: { oid: 'o', roles: [] } })
    expect(await verify(await sign({ ...good(), aud: `${audience}/`, roles: ['R'] }), audience)).toMatchObject({
      kind: 'claims',
      claims: { roles: ['R'] },
    })
  })

  it.each([
    ['of another issuer', { iss: 'https://sts.windows.net/elsewhere/' }, 'issuer'],
    ['for another resource', { aud: 'https://graph.microsoft.com' }, 'audience'],
    ['that expired 10 minutes ago', { exp: nowS() - 600 }, 'expired'],
    ['of tomorrow', { nbf: nowS() + 86_400 }, 'notYetValid'],
    ['that never ends', { exp: undefined }, 'malformed'],
    ['of nobody', { oid: undefined }, 'malformed'],
    ['with an object id that is no string', { oid: 7 }, 'malformed'],
  ] as const)('%s is refused', async (_name, over, reason) => {
    expect(await verify(await sign({ ...good(), ...over }), audience)).toMatchObject({ kind: 'refused', reason })
  })

  it('names the audience that was found', async () => {
    const token = await sign({ ...good(), aud: 'https://graph.microsoft.com' })
    expect(await verify(token, audience)).toEqual({ kind: 'refused', reason: 'audience', found: 'https://graph.microsoft.com' })
  })

  it('is good for five minutes of skew after its end and not longer', async () => {
    const token = await sign(good())
    expect((await verifyAt(64)(token, audience)).kind).toBe('claims')
    expect(await verifyAt(66)(token, audience)).toEqual({ kind: 'refused', reason: 'expired' })
  })

  it('signed by someone else, or by nobody, is refused', async () => {
    const stranger = await generateKeyPair('RS256')
    const forged = await new SignJWT(good()).setProtectedHeader({ alg: 'RS256', kid: 'k1' }).sign(stranger.privateKey)
    const shared = await new SignJWT(good()).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(Buffer.alloc(32, 1))
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(good())).toString('base64url')}.`
    expect(await verify(forged, audience)).toEqual({ kind: 'refused', reason: 'signature' })
    expect(await verify(await sign(good(), 'k2'), audience)).toEqual({ kind: 'refused', reason: 'signature' })
    for (const token of [shared, unsigned, 'x', '', 'a.b.c']) {
      expect(await verify(token, audience)).toEqual({ kind: 'refused', reason: 'malformed' })
    }
  })

  it('is taken from an Authorization header of the bearer scheme only', () => {
    expect(bearerToken('Bearer a.b-c_d')).toBe('a.b-c_d')
    for (const header of [undefined, '', 'Bearer', 'Basic YTpi', 'Bearer a b']) expect(bearerToken(header)).toBeUndefined()
  })
})

describe('keys fetched from the tenant', () => {
  let tenant: TestTenant
  beforeAll(async () => {
    tenant = await startTestTenant()
  })
  afterAll(() => tenant.entra.close())

  const freshToken = async () => (await tenant.credentialOf(agent).getToken(`${audience}/.default`)).token

  it('serve tokens from before and after a rotation', async () => {
    const verify = makeTokenVerifier(tenant.trust)
    const old = await freshToken()
    expect((await verify(old, audience)).kind).toBe('claims')
    await tenant.entra.control.rotateSigningKey()
    expect((await verify(await freshToken(), audience)).kind).toBe('claims')
    expect((await verify(old, audience)).kind).toBe('claims')
  })

  it('that cannot be fetched are a fault, not a refusal', async () => {
    const token = await freshToken()
    const stranger = await makeAuthority()
    await expect(makeTokenVerifier({ ...tenant.trust, ca: stranger.ca })(token, audience)).rejects.toThrow()
    const nowhere = `${tenant.entra.addresses.tenant}/nothing-here`
    await expect(makeTokenVerifier({ ...tenant.trust, jwksUrl: nowhere })(token, audience)).rejects.toThrow()
  })
})
