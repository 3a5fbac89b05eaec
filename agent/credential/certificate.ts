/**
 * The certificate an agent proves itself with to Entra ID: made here, written as PEM, read again.
 *
 * Self-signed, RSA-2048 with SHA-256, good for 365 days: Entra ID compares it with what was registered and takes no longer life
 * (learn.microsoft.com/graph/applications-how-to-add-certificate). The private key may be encrypted with a passphrase (PKCS #8,
 * AES-256); the public part stays readable, so that its end can be told without the key. Profile: RFC 5280.
 */
import { createPrivateKey, generateKeyPair, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto'
import { hostname } from 'node:os'
import { promisify } from 'node:util'
import { Fault } from '../../shared/fault.ts'
import type { Secret } from '../../shared/secret.ts'
import { bitString, explicit, integer, nothing, octetString, oid, sequence, set, time, utf8, yes } from './der.ts'

/** The public part. */
export interface Certificate {
  der: Buffer
  /** SHA-1 of the DER bytes, 40 upper-case hex digits: the name Entra ID shows it under. */
  thumbprint: string
  /** ms since the epoch. */
  notBefore: number
  notAfter: number
  /** Signed by its own key, as ours are; one of an authority is that authority's to renew. */
  selfSigned: boolean
}

/** With the key that goes with it. */
export interface OwnCertificate extends Certificate {
  privateKey: KeyObject
}

const dayMs = 86_400_000
export const lifetimeMs = 365 * dayMs
/** Whoever checks it may have a clock that is behind. */
const backdatedMs = 600_000
const renewAfterMs = 182 * dayMs

export const isExpired = ({ notAfter }: Certificate, now: number): boolean => now > notAfter

/** After six months, or half its life where that is shorter. */
export const renewalDueAt = ({ notBefore, notAfter }: Certificate): number => notBefore + Math.min(renewAfterMs, (notAfter - notBefore) / 2)

/** What its certificate is called: administrators see it in a list beside others. */
export const ownName = (): string => `password-writeback ${hostname()}`.slice(0, 64)

const generate = promisify(generateKeyPair)
const sha256WithRsa = sequence(oid('1.2.840.113549.1.1.11'), nothing())

export async function makeCertificate(commonName: string, now: number): Promise<OwnCertificate> {
  const { publicKey, privateKey } = await generate('rsa', { modulusLength: 2048 })
  const name = sequence(set(sequence(oid('2.5.4.3'), utf8(commonName))))
  const notBefore = now - backdatedMs
  const keyUsage = sequence(oid('2.5.29.15'), yes(), octetString(bitString(Buffer.of(0x80), 7))) // digitalSignature, critical
  const content = sequence(
    explicit(0, integer(Buffer.of(2))), // version 3
    integer(Buffer.concat([Buffer.of(1), randomBytes(15)])),
    sha256WithRsa,
    name,
    sequence(time(notBefore), time(notBefore + lifetimeMs)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(keyUsage)),
  )
  const der = sequence(content, sha256WithRsa, bitString(sign('sha256', content, privateKey)))
  return { ...describe(new X509Certificate(der)), privateKey }
}

function describe(certificate: X509Certificate): Certificate {
  return {
    der: certificate.raw,
    thumbprint: certificate.fingerprint.replaceAll(':', ''),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    selfSigned: certificate.issuer === certificate.subject && certificate.verify(certificate.publicKey),
  }
}

export const publicPem = ({ der }: Certificate): string => new X509Certificate(der).toString()

/** What lies in `identity.certificateFile`. */
export function privatePem(own: OwnCertificate, passphrase?: Secret): string {
  const form = { type: 'pkcs8', format: 'pem' } as const
  const key = passphrase
    ? passphrase.use((bytes) => own.privateKey.export({ ...form, cipher: 'aes-256-cbc', passphrase: bytes }))
    : own.privateKey.export(form)
  return `${publicPem(own)}${key}`
}

const unusable = (what: string, cause?: unknown) => new Fault('CERTIFICATE_UNUSABLE', what, { permanent: true, cause })

/** The first certificate in the text. */
export function readPublic(pem: string): Certificate {
  try {
    return describe(new X509Certificate(pem))
  } catch (cause) {
    throw unusable('there is no certificate in the file', cause)
  }
}

const keyBlock = /-----BEGIN (?:RSA |ENCRYPTED )?PRIVATE KEY-----[\s\S]+?-----END (?:RSA |ENCRYPTED )?PRIVATE KEY-----/

/** @throws Fault CERTIFICATE_UNUSABLE where a part is missing, or the passphrase does not fit. */
export function readPrivate(pem: string, passphrase?: Secret): OwnCertificate {
  const certificate = readPublic(pem)
  const key = keyBlock.exec(pem)?.[0]
  if (key === undefined) throw unusable('there is no private key in the file')
  const privateKey = openKey(key, passphrase)
  if (!new X509Certificate(certificate.der).checkPrivateKey(privateKey)) throw unusable('key and certificate do not belong together')
  return { ...certificate, privateKey }
}

function openKey(pem: string, passphrase: Secret | undefined): KeyObject {
  try {
    return passphrase ? passphrase.use((bytes) => createPrivateKey({ key: pem, passphrase: bytes })) : createPrivateKey(pem)
  } catch (cause) {
    throw unusable('the private key does not open: is it encrypted, and is this its passphrase?', cause)
  }
}
