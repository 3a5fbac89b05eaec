/**
 * Certificates an application proves itself with: self-signed RSA ones, as an agent makes for itself, and their thumbprints.
 *
 * The tenant only compares what was registered: nobody's authority has to sign it (learn.microsoft.com/entra/identity-platform/
 * certificate-credentials). A thumbprint is a hash of the DER bytes; portals show SHA-1, MSAL sends SHA-256.
 */
import 'reflect-metadata' // @peculiar/x509 builds on tsyringe, which asks for it
import { type KeyObject, webcrypto, X509Certificate } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { type Clock, systemClock } from '../../shared/clock.ts'

export interface OwnCertificate {
  /** PEM, to be registered. */
  certificate: string
  /** PEM (PKCS #8), to be kept. */
  key: string
}

const dayMs = 24 * 60 * 60 * 1000
const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }

export async function makeCertificate(
  commonName: string,
  { lifetimeMs = 365 * dayMs, clock = systemClock }: { lifetimeMs?: number; clock?: Clock } = {},
): Promise<OwnCertificate> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const notAfterMs = clock.now() + lifetimeMs
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [commonName] }],
    notBefore: new Date(Math.min(clock.now(), notAfterMs) - dayMs),
    notAfter: new Date(notAfterMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true)],
  })
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')
  return { certificate: certificate.toString('pem'), key }
}

export interface RegisteredCertificate {
  publicKey: KeyObject
  /** Upper-case hex without colons. */
  sha1: string
  sha256: string
  /** ms since the epoch. */
  notBefore: number
  notAfter: number
}

const plainHex = (fingerprint: string) => fingerprint.replaceAll(':', '').toUpperCase()

/** @throws for text that is no certificate: a registration is refused, not stored. */
export function readCertificate(pem: string): RegisteredCertificate {
  const { publicKey, fingerprint, fingerprint256, validFrom, validTo } = new X509Certificate(pem)
  return {
    publicKey,
    sha1: plainHex(fingerprint),
    sha256: plainHex(fingerprint256),
    notBefore: Date.parse(validFrom),
    notAfter: Date.parse(validTo),
  }
}

/** `thumbprint` in either hash and any usual spelling. */
export function hasThumbprint({ sha1, sha256 }: RegisteredCertificate, thumbprint: string): boolean {
  return [sha1, sha256].includes(plainHex(thumbprint))
}
