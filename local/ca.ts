/**
 * The local certificate authority: one EC P-256 root, and server certificates for loopback names under it.
 *
 * Clients are given `ca` explicitly; nothing is ever installed into a trust store. A kept authority (`.local/`) holds its
 * key in a file only its owner can read and is made anew when it has less than a week left.
 * Profile: RFC 5280 §4.2 (basic constraints, key usage, subject alternative names), server authentication only.
 */
import 'reflect-metadata' // @peculiar/x509 builds on tsyringe, which asks for it
import { randomBytes, webcrypto } from 'node:crypto'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import { type Clock, systemClock } from '../shared/clock.ts'

export interface LeafNames {
  commonName: string
  dnsNames: string[]
  ipAddresses: string[]
}

export interface Authority {
  /** PEM of the root certificate. */
  ca: string
  issue(names: LeafNames): Promise<{ cert: string; key: string }>
}

const dayMs = 24 * 60 * 60 * 1000
const rootLifetimeMs = 365 * dayMs
const leafLifetimeMs = 90 * dayMs
const renewBeforeMs = 7 * dayMs
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
/** Positive and at most 20 octets (RFC 5280 §4.1.2.2): a leading zero octet would be stripped, a set top bit be negative. */
const serialNumber = () => `01${randomBytes(15).toString('hex')}`

interface Root {
  certificate: x509.X509Certificate
  privateKey: webcrypto.CryptoKey
}

const generateKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')
}

async function makeRoot(clock: Clock): Promise<Root> {
  const keys = await generateKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=Password writeback local authority',
    notBefore: new Date(clock.now() - dayMs),
    notAfter: new Date(clock.now() + rootLifetimeMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate, privateKey: keys.privateKey }
}

async function issueLeaf(root: Root, clock: Clock, names: LeafNames): Promise<{ cert: string; key: string }> {
  const keys = await generateKeys()
  const notAfterMs = Math.min(clock.now() + leafLifetimeMs, root.certificate.notAfter.getTime())
  const alternatives: x509.JsonGeneralNames = [
    ...names.dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...names.ipAddresses.map((value) => ({ type: 'ip' as const, value })),
  ]
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [names.commonName] }],
    issuer: root.certificate.subject,
    notBefore: new Date(clock.now() - dayMs),
    notAfter: new Date(notAfterMs),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: root.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(alternatives),
      await x509.AuthorityKeyIdentifierExtension.create(root.certificate),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { cert: certificate.toString('pem'), key: await privatePem(keys.privateKey) }
}

const authorityOf = (root: Root, clock: Clock): Authority => ({
  ca: root.certificate.toString('pem'),
  issue: (names) => issueLeaf(root, clock, names),
})

/** An authority that lives in memory only: what tests use. */
export async function makeAuthority({ clock = systemClock }: { clock?: Clock } = {}): Promise<Authority> {
  return authorityOf(await makeRoot(clock), clock)
}

async function readRoot(certificatePath: string, keyPath: string): Promise<Root | undefined> {
  try {
    const certificate = new x509.X509Certificate(await readFile(certificatePath, 'utf8'))
    const [pkcs8] = x509.PemConverter.decode(await readFile(keyPath, 'utf8'))
    if (!pkcs8) return undefined
    return { certificate, privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign']) }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** The authority kept in `folder` as `ca.pem` and `ca-key.pem` (mode 0600); made at the first start and renewed in its last week. */
export async function loadOrMakeAuthority(folder: string, { clock = systemClock }: { clock?: Clock } = {}): Promise<Authority> {
  const certificatePath = join(folder, 'ca.pem')
  const keyPath = join(folder, 'ca-key.pem')
  const kept = await readRoot(certificatePath, keyPath)
  if (kept && kept.certificate.notAfter.getTime() - clock.now() > renewBeforeMs) return authorityOf(kept, clock)
  const root = await makeRoot(clock)
  await mkdir(folder, { recursive: true })
  await writeFile(keyPath, await privatePem(root.privateKey), { mode: 0o600 })
  await chmod(keyPath, 0o600) // `mode` above is ignored where the file already exists
  await writeFile(certificatePath, root.certificate.toString('pem'))
  return authorityOf(root, clock)
}
