/**
 * Proof of possession, which Graph wants before it changes an application's own keys: a JWT signed by a certificate that the
 * application has (learn.microsoft.com/graph/application-rollkey-prooftoken).
 *
 * `aud` is Azure AD Graph's id, of all things; `iss` the object id of the application; it lives for ten minutes and no longer.
 * The header is that of .NET's X509SigningCredentials, with which Microsoft's own example signs: RS256, `x5t` and `kid` from the thumbprint.
 */
import { SignJWT } from 'jose'
import type { OwnCertificate } from './certificate.ts'

const audience = '00000002-0000-0000-c000-000000000000'
const lifetimeS = 600

export function proofOfPossession({ thumbprint, privateKey }: OwnCertificate, objectId: string, now: number): Promise<string> {
  const nbf = Math.floor(now / 1000)
  const x5t = Buffer.from(thumbprint, 'hex').toString('base64url')
  return new SignJWT({ aud: audience, iss: objectId, nbf, exp: nbf + lifetimeS })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: thumbprint, x5t })
    .sign(privateKey)
}
