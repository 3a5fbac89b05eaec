/** What Graph lets an application do with its own keys, and what it does not: by hand, for what the product would never send. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { applicationObjectId, keyIdOf } from '../entra/applications.ts'
import { makeCertificate, type OwnCertificate } from '../entra/certificate.ts'
import { agent, nobody, startTestTenant, type TestTenant } from '../entra/test-tenant.ts'
import type { StandIn } from '../stand-in.ts'
import { type GraphAddresses, type GraphControl, startGraph } from './graph.ts'

let tenant: TestTenant
let graph: StandIn<GraphAddresses, GraphControl>
let [own, other, third]: OwnCertificate[] = []
const tokens: Record<string, string> = {}

beforeAll(async () => {
  tenant = await startTestTenant()
  graph = await startGraph({ tls: tenant.tls, entra: tenant.trust, directory: tenant.directory })
  ;[own, other, third] = await Promise.all(['own', 'other', 'third'].map((name) => makeCertificate(name)))
  for (const [name, principal] of Object.entries({ agent, nobody }))
    tokens[name] = (await tenant.credentialOf(principal).getToken('https://graph.microsoft.com/.default')).token
})
afterAll(async () => {
  await graph.close()
  await tenant.entra.close()
})
beforeEach(() => {
  tenant.entra.control.addAgent({ ...agent, certificates: [own?.certificate ?? ''] })
})

const objectId = applicationObjectId(agent.clientId)
const byAppId = `applications(appId='${agent.clientId}')`
const nowS = () => Math.floor(Date.now() / 1000)
const base64 = ({ certificate }: OwnCertificate) => new X509Certificate(certificate).raw.toString('base64')

async function ask(method: string, path: string, body?: unknown, token = tokens['agent']) {
  const text = typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body)
  const answer = await tenant.raw(method, `${graph.addresses.url}/v1.0/${path}`, {
    ...(token && { token }),
    ...(text !== undefined && { body: text }),
  })
  return { status: answer.status, body: answer.body, code: answer.body?.error?.code }
}

interface Proof {
  by?: OwnCertificate | undefined
  claims?: object
  alg?: string
}
function proofOf({ by = own, claims = {}, alg = 'RS256' }: Proof = {}) {
  const all = { aud: '00000002-0000-0000-c000-000000000000', iss: objectId, nbf: nowS(), exp: nowS() + 600, ...claims }
  return new SignJWT(all).setProtectedHeader({ alg, typ: 'JWT' }).sign(createPrivateKey(by?.key ?? ''))
}
const keyCredential = (certificate = other) => ({ type: 'AsymmetricX509Cert', usage: 'Verify', key: base64(certificate as OwnCertificate) })
const adding = async (proof: Proof = {}) => ({ keyCredential: keyCredential(), passwordCredential: null, proof: await proofOf(proof) })
const keyIds = async () =>
  (await ask('GET', `${byAppId}?$select=keyCredentials`)).body.keyCredentials.map(({ keyId }: { keyId: string }) => keyId)

describe('an application', () => {
  it('reads itself without any permission, by either id; keys are shown where they are selected', async () => {
    const { status, body } = await ask('GET', `${byAppId}?$select=id,keyCredentials`)
    expect([status, body.id, body.keyCredentials[0].key]).toEqual([200, objectId, base64(own as OwnCertificate)])
    expect((await ask('GET', `applications/${objectId}`)).body).toMatchObject({ appId: agent.clientId, keyCredentials: [{ key: null }] })
  })

  it('reads and changes no other', async () => {
    const foreign = `applications(appId='${nobody.clientId}')`
    const calls = [
      ['GET', foreign],
      ['POST', `${foreign}/addKey`],
      ['PATCH', byAppId],
      ['GET', `applications(appId='${objectId}')`],
    ] as const
    for (const [method, path] of calls) expect(await ask(method, path, method === 'GET' ? undefined : {})).toMatchObject({ status: 403 })
  })

  it('adds a key, with which it then signs in, and removes the first', async () => {
    expect((await ask('POST', `${byAppId}/addKey`, await adding())).status).toBe(200)
    expect(await keyIds()).toHaveLength(2)
    const proof = await proofOf({ by: other })
    expect((await ask('POST', `${byAppId}/removeKey`, { keyId: keyIdOf(own?.certificate ?? ''), proof })).status).toBe(204)
    expect(await keyIds()).toEqual([keyIdOf(other?.certificate ?? '')])
  })

  it.each<[string, Proof]>([
    ['for Microsoft Graph', { claims: { aud: '00000003-0000-0000-c000-000000000000' } }],
    ["by its service principal's id", { claims: { iss: agent.objectId } }],
    ['by its client id', { claims: { iss: agent.clientId } }],
    ['that lives for eleven minutes', { claims: { exp: nowS() + 660 } }],
    ['of an hour ago', { claims: { nbf: nowS() - 3_600, exp: nowS() - 3_000 } }],
    ['of tomorrow', { claims: { nbf: nowS() + 86_400, exp: nowS() + 87_000 } }],
    ['without an end', { claims: { exp: undefined } }],
    ['without a beginning', { claims: { nbf: undefined } }],
    ['by another algorithm', { alg: 'PS256' }],
  ])('proves nothing with a proof %s', async (_, proof) => {
    expect(await ask('POST', `${byAppId}/addKey`, await adding(proof))).toMatchObject({
      status: 401,
      code: 'Authentication_MissingOrMalformed',
    })
    expect(await keyIds()).toHaveLength(1)
  })

  it('proves nothing with the key it wants to add, an expired one, or no JWT', async () => {
    const expired = await makeCertificate('expired', { lifetimeMs: -1_000 })
    tenant.entra.control.addCertificate(agent.clientId, expired.certificate)
    const proofs = [await proofOf({ by: other }), await proofOf({ by: expired }), 'x.y.z', '']
    for (const proof of proofs)
      expect(await ask('POST', `${byAppId}/addKey`, { ...(await adding()), proof })).toMatchObject({ status: 401 })
  })

  it.each([
    ['no JSON', () => 'x'],
    ['nothing', () => ({})],
    ['no certificate', async () => ({ ...(await adding()), keyCredential: { ...keyCredential(), key: 'AAAA' } })],
    ['the one it has', async () => ({ ...(await adding()), keyCredential: keyCredential(own) })],
    [
      'a certificate with a key to sign',
      async () => ({ ...(await adding()), keyCredential: { ...keyCredential(), type: 'X509CertAndPassword' } }),
    ],
  ])('adds nothing where it is given %s', async (_, body) => {
    expect(await ask('POST', `${byAppId}/addKey`, await body())).toMatchObject({ status: 400 })
  })

  it('removes nothing that it has not', async () => {
    const proof = await proofOf()
    expect(await ask('POST', `${byAppId}/removeKey`, { keyId: objectId, proof })).toMatchObject({ status: 400 })
  })
})

describe('an administrator', () => {
  beforeAll(() => void graph.control.addApplicationAdministrator(nobody.objectId))

  it('writes the list anew: what is left out is gone', async () => {
    const { keyCredentials } = (await ask('GET', `${byAppId}?$select=keyCredentials`, undefined, tokens['nobody'])).body
    const write = (list: object[]) => ask('PATCH', byAppId, { keyCredentials: list }, tokens['nobody'])
    expect((await write([...keyCredentials, keyCredential(third)])).status).toBe(204)
    expect(await keyIds()).toHaveLength(2)
    expect((await write([keyCredential(third)])).status).toBe(204)
    expect(await keyIds()).toEqual([keyIdOf(third?.certificate ?? '')])
    expect((await write([{ keyId: objectId }])).status).toBe(400)
    expect((await ask('PATCH', byAppId, { displayName: 'x' }, tokens['nobody'])).status).toBe(400)
  })

  it('learns that an application does not exist', async () => {
    expect(await ask('GET', `applications/${agent.clientId}`, undefined, tokens['nobody'])).toMatchObject({ status: 404 })
  })
})

it('shows the directory of applications to stand-ins alone', async () => {
  for (const token of ['', 'wrong', tokens['agent']])
    expect((await tenant.raw('GET', `${tenant.entra.addresses.tenant}/-/applications`, token ? { token } : {})).status).toBe(404)
})
