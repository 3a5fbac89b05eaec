import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { virtualClock } from '../../test/virtual-clock.ts'
import { openTokenCheck } from './admin-token.ts'
import { openUserTokenCheck } from './user-token.ts'

const tenantId = '7a0c9a0e-3f0b-4b57-8a35-52d0a4a0c1de'
const issuer = `https://login.microsoftonline.com/${tenantId}/v2.0`
const person = 'C1B2C3D4-0000-4000-8000-0000000000FF'
const program = 'c1b2c3d4-0000-4000-8000-000000000003'
const clock = virtualClock()
const nowS = () => Math.floor(clock.now() / 1000)
let sign: (over?: object) => Promise<string>
let rules: Parameters<typeof openUserTokenCheck>[0]

beforeAll(async () => {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true })
  const keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', use: 'sig' }] })
  rules = { tenantId, issuer, audiences: ['api'], clientIds: [program], keys, clock }
  const usual = () => ({
    iss: issuer,
    aud: 'api',
    iat: nowS(),
    nbf: nowS() - 300,
    exp: nowS() + 4_000,
    azp: program,
    oid: person,
    tid: tenantId,
    ver: '2.0',
    scp: 'me',
    auth_time: nowS() - 60,
  })
  sign = (over = {}) => new SignJWT({ ...usual(), ...over }).setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: 'k1' }).sign(privateKey)
})

const verdict = async (over: object = {}, recent = true) => openUserTokenCheck(rules)(await sign(over), { recent })
const reason = async (over: object, recent = true) => {
  const found = await verdict(over, recent)
  return found.kind === 'refused' ? found.reason : found.kind
}

describe('a person of the tenant', () => {
  it('is known by the object id, in lower case, and by when they signed in', async () => {
    expect(await verdict()).toEqual({ kind: 'user', user: { id: person.toLowerCase(), signedInAt: (nowS() - 60) * 1000 } })
    expect(await verdict({ auth_time: undefined }, false)).toEqual({
      kind: 'user',
      user: { id: person.toLowerCase(), signedInAt: undefined },
    })
  })

  it('needs a sign-in of late for a change, and for nothing else', async () => {
    expect([await reason({ auth_time: nowS() - 900 }), await reason({ auth_time: nowS() - 901 })]).toEqual(['user', 'authTimeOld'])
    expect(await reason({ auth_time: undefined })).toBe('authTimeMissing')
    expect(await reason({ auth_time: nowS() - 8 * 3600 }, false)).toBe('user')
  })

  it.each([
    ['scope', { scp: 'manage' }],
    ['scope', { scp: 'me.read menu' }],
    ['appOnly', { scp: undefined, idtyp: 'app' }],
    ['client', { azp: 'c1b2c3d4-0000-4000-8000-000000000002' }],
    ['tenant', { tid: '00000000-3f0b-4b57-8a35-52d0a4a0c1de' }],
    ['audience', { aud: 'another' }],
    ['expired', { exp: 1 }],
  ])('is refused by %s: %j', async (expected, over) => {
    expect(await reason(over)).toBe(expected)
  })

  it('is no administrator by it, whatever roles they have', async () => {
    const asAdministrator = openTokenCheck(rules)
    const demand = { role: 'Writeback.Helpdesk', change: undefined } as const
    expect(await asAdministrator(await sign({ roles: ['Writeback.Admin'] }), demand)).toMatchObject({ kind: 'refused', reason: 'scope' })
  })
})
