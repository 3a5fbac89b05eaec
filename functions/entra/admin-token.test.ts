import { createHmac, createPublicKey } from 'node:crypto'
import { type CryptoKey, createLocalJWKSet, exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { virtualClock } from '../../test/virtual-clock.ts'
import { type Demand, openTokenCheck, type TokenCheck } from './admin-token.ts'

const tenantId = '7a0c9a0e-3f0b-4b57-8a35-52d0a4a0c1de'
const otherTenant = '00000000-3f0b-4b57-8a35-52d0a4a0c1de'
const api = 'c1b2c3d4-0000-4000-8000-000000000001'
const program = 'c1b2c3d4-0000-4000-8000-000000000002'
const person = 'c1b2c3d4-0000-4000-8000-0000000000ff'
const issuer = `https://login.microsoftonline.com/${tenantId}/v2.0`
const clock = virtualClock()
const nowS = () => Math.floor(clock.now() / 1000)

const keyPair = () => generateKeyPair('RS256', { modulusLength: 2048, extractable: true })
type Pair = Awaited<ReturnType<typeof keyPair>>
let published: Pair
let foreign: Pair
let check: TokenCheck

beforeAll(async () => {
  published = await keyPair()
  foreign = await keyPair()
  const keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(published.publicKey)), kid: 'k1', use: 'sig' }] })
  check = openTokenCheck({ tenantId, issuer, audiences: [api, 'api://writeback'], clientIds: [program], keys, clock })
})

/** As Entra makes them for a person who has just signed in (access token claims reference, version 2.0). */
const usual = () => ({
  iss: issuer,
  aud: api,
  iat: nowS() as number | undefined,
  nbf: (nowS() - 300) as number | undefined,
  exp: (nowS() + 4_000) as number | undefined,
  azp: program,
  azpacr: '0',
  oid: person,
  sub: 'an-opaque-pairwise-text',
  tid: tenantId,
  ver: '2.0',
  scp: 'manage',
  roles: ['Writeback.Admin'] as unknown,
  auth_time: (nowS() - 60) as unknown,
})
type Over = { [K in keyof ReturnType<typeof usual>]?: unknown } & Record<string, unknown>
const header = { alg: 'RS256', typ: 'JWT', kid: 'k1' }

const tokenOf = (over: Over = {}, { head = {}, key = published.privateKey }: { head?: object; key?: CryptoKey } = {}) =>
  new SignJWT({ ...usual(), ...over } as JWTPayload).setProtectedHeader({ ...header, ...head } as typeof header).sign(key)

const toRead: Demand = { role: 'Writeback.Helpdesk', change: undefined }
const toChange: Demand = { role: 'Writeback.Admin', change: { authContext: undefined } }
const reasonFor = async (token: string | Promise<string>, demand: Demand = toChange) => {
  const verdict = await check(await token, demand)
  return verdict.kind === 'refused' ? verdict.reason : verdict.administrator
}
const admin = { id: person, role: 'Writeback.Admin' }

describe('taken', () => {
  it.each<[string, Over]>([
    ['as Entra makes it', {}],
    ['for the App ID URI', { aud: 'api://writeback' }],
    ['a sign-in of 15 minutes ago', { auth_time: nowS() - 900 }],
    ['expired within the skew', { exp: nowS() - 50 }],
    ['not yet valid within the skew', { nbf: nowS() + 50 }],
    ['of a kind that says so', { idtyp: 'user' }],
    ['with more scopes and roles', { scp: 'other manage', roles: ['Other', 'Writeback.Admin', 'Writeback.Helpdesk'] }],
    ['ids in capitals', { tid: tenantId.toUpperCase(), azp: program.toUpperCase(), oid: person.toUpperCase() }],
  ])('%s', async (_what, over) => {
    expect(await reasonFor(tokenOf(over))).toEqual(admin)
  })

  it('the helpdesk, to read, however long ago it signed in', async () => {
    const token = await tokenOf({ roles: ['Writeback.Helpdesk'], auth_time: nowS() - 8 * 3600 })
    expect(await reasonFor(token, toRead)).toEqual({ id: person, role: 'Writeback.Helpdesk' })
    expect(await reasonFor(tokenOf({ auth_time: undefined }), toRead)).toEqual(admin)
  })

  it.each([['c1'], [['c1']], [['c2', 'c1']]])('the authentication context that is asked for: %j', async (acrs) => {
    expect(await reasonFor(tokenOf({ acrs }), { ...toChange, change: { authContext: 'c1' } })).toEqual(admin)
  })
})

describe('refused', () => {
  it.each<[string, string, Over]>([
    ['issuer', 'of another tenant', { iss: issuer.replace(tenantId, otherTenant), tid: otherTenant }],
    ['issuer', 'in the form of version 1.0', { iss: `https://sts.windows.net/${tenantId}/`, ver: '1.0' }],
    ['issuer', 'of another host', { iss: `https://login.example.test/${tenantId}/v2.0` }],
    ['issuer', 'without an issuer', { iss: undefined }],
    ['audience', 'for another API', { aud: '00000003-0000-0000-c000-000000000000' }],
    ['audience', 'for the program itself, as an ID token is', { aud: program }],
    ['audience', 'for nobody', { aud: undefined }],
    ['tenant', 'of a guest’s tenant', { tid: otherTenant }],
    ['claims', 'of no tenant', { tid: undefined }],
    ['version', 'of another version', { ver: '1.0' }],
    ['expired', 'expired', { exp: nowS() - 61 }],
    ['claims', 'that never expires', { exp: undefined }],
    ['notYetValid', 'not yet valid', { nbf: nowS() + 61 }],
    ['notYetValid', 'without a beginning', { nbf: undefined }],
    ['client', 'of a program that is not allowed', { azp: '04b07795-8ddb-461a-bbee-02f9e1bf7b46' }],
    ['claims', 'of no program', { azp: undefined }],
    ['appOnly', 'of a program alone', { scp: undefined, idtyp: 'app', auth_time: undefined }],
    ['appOnly', 'of a program alone that does not say so', { scp: undefined }],
    ['appOnly', 'of a program that claims a scope', { idtyp: 'app' }],
    ['scope', 'for another scope', { scp: 'manage.read manager' }],
    ['claims', 'of nobody', { oid: undefined }],
    ['claims', 'of somebody who has no GUID', { oid: "x' or 1 eq 1" }],
    ['role', 'without a role', { roles: undefined }],
    ['role', 'with a role of another case', { roles: ['writeback.admin'] }],
    ['role', 'of the helpdesk, for what administrators do', { roles: ['Writeback.Helpdesk'] }],
    ['claims', 'with roles in one text', { roles: 'Writeback.Admin' }],
    ['authTimeMissing', 'that does not say when the person signed in', { auth_time: undefined }],
    ['authTimeOld', 'of a sign-in of 15 minutes and a second ago', { auth_time: nowS() - 901 }],
    ['authTimeOld', 'of a sign-in to come', { auth_time: nowS() + 90 }],
    ['claims', 'with a time that is a text', { auth_time: String(nowS()) }],
  ])('%s: %s', async (reason, _what, over) => {
    expect(await reasonFor(tokenOf(over))).toBe(reason)
  })

  it('by its header: another type, no key id, an unknown one, a critical extension', async () => {
    expect(await reasonFor(tokenOf({}, { head: { typ: 'at+jwt' } }))).toBe('header')
    expect(await reasonFor(tokenOf({}, { head: { typ: undefined } }))).toBe('header')
    expect(await reasonFor(tokenOf({}, { head: { kid: undefined } }))).toBe('malformed')
    expect(await reasonFor(tokenOf({}, { head: { kid: 'k2' } }))).toBe('keyUnknown')
    const { publicKey } = foreign
    const jwk = await exportJWK(publicKey)
    expect(await reasonFor(tokenOf({}, { head: { jwk }, key: foreign.privateKey }))).toBe('signature')
  })

  it('signed by another key, or changed afterwards', async () => {
    expect(await reasonFor(tokenOf({}, { key: foreign.privateKey }))).toBe('signature')
    const [head = '', payload = '', signature = ''] = (await tokenOf({ roles: [] })).split('.')
    const raised = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const forged = Buffer.from(JSON.stringify({ ...raised, roles: ['Writeback.Admin'] })).toString('base64url')
    expect(await reasonFor(`${head}.${forged}.${signature}`)).toBe('signature')
    expect(await reasonFor(`${head}.${payload}.`)).toBe('signature')
  })

  it('signed by nobody, by a shared secret (also the public key taken for one), or by another RSA scheme', async () => {
    expect(await reasonFor(new UnsecuredJWT(usual() as JWTPayload).encode())).toBe('algorithm')
    const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
    for (const alg of ['none', 'None', 'HS256', 'RS512', 'PS256', 'ES256']) {
      const signed = `${encoded({ ...header, alg })}.${encoded(usual())}`
      const pem = createPublicKey({ key: await exportJWK(published.publicKey), format: 'jwk' }).export({ type: 'spki', format: 'pem' })
      const mac = createHmac('sha256', pem).update(signed).digest('base64url')
      expect(await reasonFor(`${signed}.${mac}`), alg).toBe('algorithm')
    }
  })

  it.each([
    ['nothing', ''],
    ['a word', 'token'],
    ['two parts', 'a.b'],
    ['five parts, as if encrypted', 'a.b.c.d.e'],
    ['a part that is no JSON', 'YQ.YQ.YQ'],
  ])('%s', async (_what, token) => {
    expect(await reasonFor(token)).toBe('malformed')
  })

  it('larger than any of Entra’s, without looking into it', async () => {
    expect(await reasonFor(tokenOf({ groups: 'x'.repeat(16_000) }))).toBe('malformed')
  })

  it('without the authentication context that is asked for', async () => {
    const demand = { ...toChange, change: { authContext: 'c1' } }
    for (const acrs of [undefined, [], ['c2'], 'c2', 'c10'])
      expect(await reasonFor(tokenOf({ acrs }), demand), String(acrs)).toBe('authContext')
  })

  it('names the person only when the token is genuine', async () => {
    expect(await check(await tokenOf({ roles: [] }), toRead)).toEqual({ kind: 'refused', reason: 'role', person })
    expect(await check(await tokenOf({ aud: program }), toRead)).toEqual({ kind: 'refused', reason: 'audience' })
  })
})
