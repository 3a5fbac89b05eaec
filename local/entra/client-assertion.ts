/**
 * A client assertion (RFC 7523 §3): a JWT by which an application proves that it holds the key of a certificate registered for it.
 *
 * Signed PS256 (or RS256), the certificate named by thumbprint in `x5t#S256` (or `x5t`), `iss` = `sub` = the application.
 * Not refused, because the real tenant does not: a long life ("Microsoft Entra ID doesn't place restrictions on the exp time
 * currently"), and an assertion seen before, which MSAL presents for every resource until it expires (msal-node, ClientAssertion.getJwt).
 * Source: learn.microsoft.com/entra/identity-platform/certificate-credentials and its error reference.
 */
import { compactVerify, decodeJwt, decodeProtectedHeader, errors, type JWTPayload } from 'jose'
import type { Clock } from '../../shared/clock.ts'
import { hasThumbprint, type RegisteredCertificate, readCertificate } from './certificate.ts'
import type { Application } from './principals.ts'
import { refuseToken, type TokenRefusal } from './refusals.ts'

export interface AssertionRules {
  /** What an assertion may be made for: this token endpoint, or the issuer. */
  audiences: readonly string[]
  clock: Clock
}

const clockSkewS = 300
const algorithms = ['PS256', 'RS256']

interface Read {
  kind: 'read'
  /** Upper-case hex. */
  thumbprint: string
  claims: JWTPayload
}

const malformed = (why: string) => refuseToken('malformedAssertion', `JWT token is invalid or malformed. ${why}`)

function read(assertion: string): Read | TokenRefusal {
  try {
    const { alg = 'none', 'x5t#S256': x5tS256, x5t } = decodeProtectedHeader(assertion) as Record<string, string | undefined>
    if (!algorithms.includes(alg)) return malformed(`'${alg}' is not a supported signature algorithm.`)
    const thumbprint = x5tS256 ?? x5t
    if (typeof thumbprint !== 'string') return malformed('No certificate thumbprint specified in token header.')
    return { kind: 'read', thumbprint: Buffer.from(thumbprint, 'base64url').toString('hex').toUpperCase(), claims: decodeJwt(assertion) }
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) return malformed('')
    throw error
  }
}

function checkClaims(claims: JWTPayload, { clientId }: Application, { audiences, clock }: AssertionRules): TokenRefusal | undefined {
  if (claims.iss !== clientId) {
    return refuseToken('assertionOfAnother', "Client assertion application identifier doesn't match 'client_id' parameter.")
  }
  if (claims.sub !== claims.iss) return refuseToken('assertionSubject', 'Subject must match the issuer claim in the client assertion.')
  if (!audiences.includes(String(claims.aud))) {
    return refuseToken('assertionAudience', 'Client assertion audience claim does not match Realm issuer.')
  }
  const nowS = clock.now() / 1000
  const { nbf = 0, exp } = claims
  if (typeof exp !== 'number' || typeof nbf !== 'number') return malformed("It contains no 'exp' claim.")
  if (nowS > exp + clockSkewS || nowS < nbf - clockSkewS) {
    const [current, from, to] = [nowS, nbf, exp].map((s) => new Date(s * 1000).toISOString())
    const range = `Current time: ${current}, assertion valid from ${from}, expiry time of assertion ${to}.`
    return refuseToken('assertionTime', `Client assertion is not within its valid time range. ${range}`)
  }
  return undefined
}

function findCertificate(
  { certificates = [], clientId }: Application,
  thumbprint: string,
  now: number,
): RegisteredCertificate | TokenRefusal {
  const found = certificates.map(readCertificate).find((each) => hasThumbprint(each, thumbprint))
  const used = `Thumbprint of key used by client: '${thumbprint}'`
  if (!found) {
    return refuseToken(
      'assertionKey',
      `The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found., ${used}, Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '${clientId}'.]`,
    )
  }
  if (now <= found.notAfter && now >= found.notBefore) return found
  const span = `Found key 'Start=${new Date(found.notBefore).toISOString()}, End=${new Date(found.notAfter).toISOString()}'`
  return refuseToken(
    'assertionKey',
    `Client assertion contains an invalid signature. [Reason - The key used is expired., ${used}, ${span}]`,
  )
}

/** Undefined: the application is who it says. */
export async function checkAssertion(
  assertion: string,
  application: Application,
  rules: AssertionRules,
): Promise<TokenRefusal | undefined> {
  const found = read(assertion)
  if (found.kind === 'refused') return found
  const refused = checkClaims(found.claims, application, rules)
  if (refused) return refused
  const certificate = findCertificate(application, found.thumbprint, rules.clock.now())
  if ('kind' in certificate) return certificate
  try {
    await compactVerify(assertion, certificate.publicKey, { algorithms })
    return undefined
  } catch (error) {
    if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error
    return refuseToken(
      'assertionKey',
      `Client assertion contains an invalid signature. [Reason - The provided signature value did not match the expected signature value., Thumbprint of key used by client: '${found.thumbprint}']`,
    )
  }
}
