import 'reflect-metadata' // @peculiar/x509 builds on tsyringe, which asks for it
import { createPrivateKey, X509Certificate } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import fc from 'fast-check'
import { beforeAll, describe, expect, it, test } from 'vitest'
import { makeCertificate as byLibrary } from '../../local/entra/certificate.ts'
import { Secret } from '../../shared/secret.ts'
import {
  isExpired,
  makeCertificate,
  type OwnCertificate,
  privatePem,
  publicPem,
  readPrivate,
  readPublic,
  renewalDueAt,
} from './certificate.ts'
import { integer, oid, time } from './der.ts'

const dayMs = 86_400_000
const now = Date.UTC(2026, 5, 1, 12)
let own: OwnCertificate

beforeAll(async () => {
  own = await makeCertificate('password-writeback agent é', now)
})

describe('what is made', () => {
  it('is a certificate to Node and to a library that did not make it', async () => {
    const certificate = new X509Certificate(own.der)
    expect(certificate.subject).toBe('CN=password-writeback agent é')
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    expect(certificate.ca).toBe(false)
    expect(own.selfSigned).toBe(true)
    const other = new x509.X509Certificate(own.der)
    expect(await other.verify({ date: new Date(now), publicKey: other.publicKey })).toBe(true)
    expect(other.getExtension(x509.KeyUsagesExtension)?.usages).toBe(x509.KeyUsageFlags.digitalSignature)
    expect(other.serialNumber).toMatch(/^01[0-9a-f]{30}$/)
    expect(Buffer.from(other.rawData)).toEqual(own.der)
  })

  it('is good from ten minutes ago for 365 days, due after 182', () => {
    expect(own.notAfter - own.notBefore).toBe(365 * dayMs)
    expect(own.notBefore).toBe(now - 600_000)
    expect(renewalDueAt(own)).toBe(own.notBefore + 182 * dayMs)
    expect([isExpired(own, own.notAfter), isExpired(own, own.notAfter + 1)]).toEqual([false, true])
  })

  it('is another one each time, with a key of 2048 bits', async () => {
    const second = await makeCertificate('a', now)
    expect(second.thumbprint).not.toBe(own.thumbprint)
    expect(second.privateKey.asymmetricKeyDetails?.modulusLength).toBe(2048)
  })
})

describe('on paper', () => {
  it('it comes back with its key, in clear and under a passphrase', () => {
    const passphrase = Secret.fromText('pass')
    expect(readPrivate(privatePem(own))).toEqual(own)
    const locked = privatePem(own, passphrase)
    expect(locked).toContain('BEGIN ENCRYPTED PRIVATE KEY')
    expect(readPrivate(locked, passphrase)).toEqual(own)
    expect(readPublic(locked)).toEqual(readPublic(publicPem(own)))
    expect(() => readPrivate(locked)).toThrow('CERTIFICATE_UNUSABLE')
    expect(() => readPrivate(locked, Secret.fromText('other'))).toThrow('CERTIFICATE_UNUSABLE')
  })

  it('the key may come first, and be of the older form', async () => {
    const { certificate, key } = await byLibrary('by hand')
    const older = createPrivateKey(key).export({ type: 'pkcs1', format: 'pem' })
    for (const each of [key, older]) expect(readPrivate(`${each}\n${certificate}`).selfSigned).toBe(true)
  })

  it.each([
    ['nothing', () => ''],
    ['no key', () => publicPem(own)],
    ['no certificate', () => privatePem(own).replace(publicPem(own), '')],
    ['half of it', () => privatePem(own).slice(0, 700)],
    ['a key that does not open', () => privatePem(own).replace(/KEY-----\nMII/, 'KEY-----\nMIJ')],
  ])('%s is refused, and nothing of it is repeated', (_, pem) => {
    expect(() => readPrivate(pem())).toThrow(/^CERTIFICATE_UNUSABLE: [a-z ,:?]+$/)
  })

  it("somebody else's key is refused", async () => {
    const other = await makeCertificate('a', now)
    const key = privatePem(other).replace(publicPem(other), '')
    expect(() => readPrivate(publicPem(own) + key)).toThrow('do not belong together')
  })
})

test('numbers, times and object identifiers are written as X.690 says', () => {
  expect(integer(Buffer.of(0)).toString('hex')).toBe('020100')
  expect(integer(Buffer.of(0, 0x7f)).toString('hex')).toBe('02017f')
  expect(integer(Buffer.of(0x80)).toString('hex')).toBe('02020080')
  expect(oid('1.2.840.113549.1.1.11').toString('hex')).toBe('06092a864886f70d01010b')
  expect(
    time(Date.UTC(2049, 11, 31, 23, 59, 59))
      .subarray(2)
      .toString(),
  ).toBe('491231235959Z')
  expect(
    time(Date.UTC(2050, 0, 1))
      .subarray(2)
      .toString(),
  ).toBe('20500101000000Z')
})

test('however long its life is, renewal is due within it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4_000 * dayMs }), (life) => {
      const due = renewalDueAt({ ...own, notBefore: now, notAfter: now + life })
      expect(due).toBeGreaterThan(now)
      expect(due).toBeLessThanOrEqual(now + Math.min(life, 182 * dayMs))
    }),
  )
})
