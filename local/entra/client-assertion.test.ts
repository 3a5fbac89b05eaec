/**
 * Applications that prove themselves with a certificate: the SDK's own credential, then assertions no SDK would make.
 */
import { createPrivateKey } from 'node:crypto'
import type { PipelinePolicy } from '@azure/core-rest-pipeline'
import { ClientCertificateCredential } from '@azure/identity'
import { decodeJwt, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeCertificate, type OwnCertificate, readCertificate } from './certificate.ts'
import { agent, startTestTenant, type TestTenant, tenantId } from './test-tenant.ts'

const application = { clientId: 'c1b2c3d4-0000-4000-8000-000000000004', objectId: 'c1b2c3d4-0000-4000-8000-0000000000c1' }
const vaultScope = 'https://vault.azure.net/.default'

let tenant: TestTenant
let own: OwnCertificate
let other: OwnCertificate
let control: TestTenant['entra']['control']

beforeAll(async () => {
  ;[tenant, own, other] = await Promise.all([startTestTenant(), makeCertificate('agent'), makeCertificate('another agent')])
  control = tenant.entra.control
  control.addAgent({ ...application, certificates: [own.certificate] })
})
afterAll(() => tenant.entra.close())

/** `sent` is given the body of every request. */
function certificateCredential({ certificate, key }: OwnCertificate, sent: string[] = []) {
  const spy: PipelinePolicy = {
    name: 'spy',
    sendRequest(request, next) {
      sent.push(String(request.body))
      return next(request)
    },
  }
  return new ClientCertificateCredential(
    tenantId,
    application.clientId,
    { certificate: `${certificate}\n${key}` },
    {
      authorityHost: tenant.entra.addresses.authorityHost,
      disableInstanceDiscovery: true,
      tlsOptions: { ca: tenant.tls.ca },
      retryOptions: { maxRetries: 0 },
      additionalPolicies: [{ position: 'perCall', policy: spy }],
    },
  )
}

describe('the credential of the SDK', () => {
  it('gets tokens for every resource with one assertion, and the tokens say how they were got', async () => {
    const sent: string[] = []
    const credential = certificateCredential(own, sent)
    const { token } = await credential.getToken(vaultScope)
    expect(decodeJwt(token)).toMatchObject({ oid: application.objectId, appid: application.clientId, appidacr: '2' })
    const second = await credential.getToken('https://servicebus.azure.net//.default')
    expect(decodeJwt(second.token).aud).toBe('https://servicebus.azure.net/')
    const assertions = sent.flatMap((body) => new URLSearchParams(body).getAll('client_assertion'))
    expect(assertions).toHaveLength(2)
    expect(new Set(assertions).size).toBe(1)
  })

  it('is refused with a certificate of somebody else until that is registered, and again after it was removed', async () => {
    const ask = () => certificateCredential(other).getToken(vaultScope)
    await expect(ask()).rejects.toThrow(/AADSTS700027.*The key was not found/s)
    control.addCertificate(application.clientId, other.certificate)
    expect((await ask()).token).toBeTruthy()
    expect((await certificateCredential(own).getToken(vaultScope)).token).toBeTruthy()
    control.removeCertificate(application.clientId, readCertificate(other.certificate).sha1)
    await expect(ask()).rejects.toThrow('AADSTS700027')
  })

  it('is refused with a certificate that has expired', async () => {
    const expired = await makeCertificate('old', { lifetimeMs: -1_000 })
    control.addCertificate(application.clientId, expired.certificate)
    await expect(certificateCredential(expired).getToken(vaultScope)).rejects.toThrow(/AADSTS700027.*The key used is expired/s)
  })

  it('does not help an application that has only a certificate to pass with a secret', async () => {
    for (const secret of ['', 'undefined', agent.secret]) {
      const attempt = tenant.credentialOf({ ...application, secret: secret || ' ' }).getToken(vaultScope)
      await expect(attempt).rejects.toThrow('AADSTS7000215')
    }
  })
})

it('registers nothing that is no certificate, and nothing for nobody', () => {
  expect(() => control.addCertificate(application.clientId, 'no certificate')).toThrow()
  expect(() => control.addCertificate('nobody', own.certificate)).toThrow('nobody')
  expect(() => control.removeCertificate('nobody', '00')).toThrow('nobody')
})

const nowS = () => Math.floor(Date.now() / 1000)
const tokenUrl = () => `${tenant.entra.addresses.tenant}/oauth2/v2.0/token`
const goodClaims = () => ({
  iss: application.clientId,
  sub: application.clientId,
  aud: tokenUrl(),
  jti: 'j',
  nbf: nowS(),
  exp: nowS() + 600,
})
const thumbprint = (algorithm: 'sha1' | 'sha256', { certificate } = own) =>
  Buffer.from(readCertificate(certificate)[algorithm], 'hex').toString('base64url')

async function assertion({ header = {}, claims = {}, key = own.key }: { header?: object; claims?: object; key?: string } = {}) {
  const protectedHeader = { alg: 'PS256', typ: 'JWT', 'x5t#S256': thumbprint('sha256'), ...header }
  return new SignJWT({ ...goodClaims(), ...claims }).setProtectedHeader(protectedHeader).sign(createPrivateKey(key))
}

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
async function present(assertion: string, form: Record<string, string> = { client_assertion_type: assertionType }) {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: application.clientId,
    scope: vaultScope,
    client_assertion: assertion,
    ...form,
  })
  const { status, body: answer } = await tenant.raw('POST', tokenUrl(), { body: body.toString() })
  return { status, code: answer.error_codes?.[0], error: answer.error, description: answer.error_description ?? '' }
}

describe('an assertion', () => {
  it('may be RS256 with a SHA-1 thumbprint, be meant for the issuer, be used twice, and live long', async () => {
    const old = await assertion({ header: { alg: 'RS256', 'x5t#S256': undefined, x5t: thumbprint('sha1') } })
    expect((await present(old)).status).toBe(200)
    expect((await present(old)).status).toBe(200)
    const claims = { aud: `${tenant.entra.addresses.tenant}/v2.0`, exp: nowS() + 86_400 }
    expect((await present(await assertion({ claims }))).status).toBe(200)
  })

  it.each([
    ['of another application', { iss: agent.clientId, sub: agent.clientId }, 401, 700021, 'invalid_client'],
    ['about somebody else', { sub: agent.clientId }, 401, 50048, 'invalid_client'],
    ['for another endpoint', { aud: 'https://login.example/oauth2/v2.0/token' }, 401, 700023, 'invalid_client'],
    ['that expired ten minutes ago', { exp: nowS() - 600 }, 401, 700024, 'invalid_client'],
    ['of tomorrow', { nbf: nowS() + 86_400, exp: nowS() + 90_000 }, 401, 700024, 'invalid_client'],
    ['that never ends', { exp: undefined }, 400, 50027, 'invalid_request'],
  ] as const)('%s is refused', async (_name, claims, status, code, error) => {
    const answer = await present(await assertion({ claims }))
    expect(answer).toMatchObject({ status, code, error, description: expect.stringContaining(`AADSTS${code}: `) })
  })

  it('signed with another key than that of its certificate is refused', async () => {
    const answer = await present(await assertion({ key: other.key }))
    expect(answer).toMatchObject({ status: 401, code: 700027, description: expect.stringContaining('expected signature value') })
  })

  it('without a thumbprint, of another algorithm, or of no form at all is refused', async () => {
    const shared = await new SignJWT(goodClaims())
      .setProtectedHeader({ alg: 'HS256', 'x5t#S256': thumbprint('sha256') })
      .sign(Buffer.alloc(32))
    const nameless = await assertion({ header: { 'x5t#S256': undefined } })
    for (const each of [shared, nameless, 'x', 'e30.e30.e30', '']) {
      expect(await present(each)).toMatchObject({ status: 400, code: 50027, error: 'invalid_request' })
    }
  })

  it('has to say what it is', async () => {
    expect(await present(await assertion(), {})).toMatchObject({
      code: 900144,
      description: expect.stringContaining('client_assertion_type'),
    })
  })
})
