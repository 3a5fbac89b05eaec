/**
 * Checks a proof of possession as Graph does: a JWT that a valid certificate of this application has signed, made out by the
 * application's object id to Azure AD Graph, for ten minutes at most (learn.microsoft.com/graph/application-rollkey-prooftoken).
 *
 * Whatever is wrong, Graph says the same: 401, Authentication_MissingOrMalformed (microsoft-graph-docs-contrib, issue 2862).
 */
import { compactVerify, decodeJwt, errors } from 'jose'
import { readCertificate } from '../entra/certificate.ts'
import type { RegisteredApplication } from './directory.ts'

const audience = '00000002-0000-0000-c000-000000000000'
const longestS = 600
const clockSkewS = 300

export async function isProven({ id, certificates }: RegisteredApplication, proof: unknown, now: number): Promise<boolean> {
  if (typeof proof !== 'string' || !claimsAreRight(proof, id, now / 1000)) return false
  const valid = certificates.map(readCertificate).filter(({ notBefore, notAfter }) => notBefore <= now && now <= notAfter)
  const signed = await Promise.all(valid.map(({ publicKey }) => isSignedBy(proof, publicKey)))
  return signed.includes(true)
}

function claimsAreRight(proof: string, objectId: string, nowS: number): boolean {
  try {
    const { aud, iss, nbf, exp } = decodeJwt(proof)
    if (aud !== audience || iss?.toLowerCase() !== objectId || nbf === undefined || exp === undefined) return false
    return exp - nbf <= longestS && nowS >= nbf - clockSkewS && nowS <= exp + clockSkewS
  } catch (error) {
    if (error instanceof errors.JWTInvalid) return false
    throw error
  }
}

async function isSignedBy(proof: string, key: Parameters<typeof compactVerify>[1]): Promise<boolean> {
  try {
    await compactVerify(proof, key, { algorithms: ['RS256'] })
    return true
  } catch (error) {
    if (error instanceof errors.JOSEError) return false
    throw error
  }
}
