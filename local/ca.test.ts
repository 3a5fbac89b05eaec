import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../shared/clock.ts'
import { loadOrMakeAuthority, makeAuthority } from './ca.ts'
import { listen } from './web.ts'

const loopback = { commonName: 'stand-in', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] }
const dayMs = 24 * 60 * 60 * 1000
const later = (days: number): Clock => ({ ...systemClock, now: () => Date.now() + days * dayMs })

function get(port: number, host: string, ca: string | undefined): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    https.get({ host, port, agent: false, ...(ca ? { ca } : {}) }, (r) => resolve(r.resume().statusCode)).on('error', reject)
  })
}

describe('an issued certificate', () => {
  it('serves TLS for each of its names to a client that trusts the authority, and to no other', async () => {
    const authority = await makeAuthority()
    const stranger = await makeAuthority()
    const listener = await listen(async () => ({ status: 204 }), { tls: { ca: authority.ca, ...(await authority.issue(loopback)) } })
    try {
      expect(await get(listener.port, '127.0.0.1', authority.ca)).toBe(204)
      expect(await get(listener.port, 'localhost', authority.ca)).toBe(204)
      await expect(get(listener.port, '127.0.0.1', stranger.ca)).rejects.toThrow()
      await expect(get(listener.port, '127.0.0.1', undefined)).rejects.toThrow()
    } finally {
      await listener.close()
    }
  })

  it('lasts 90 days, is P-256, for servers only, and is no authority itself', async () => {
    const authority = await makeAuthority()
    const leaf = new X509Certificate((await authority.issue(loopback)).cert)
    expect(leaf.ca).toBe(false)
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
    expect(leaf.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1')
    expect(leaf.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' })
    expect(Math.round((leaf.validToDate.getTime() - Date.now()) / dayMs)).toBe(90)
    const root = new X509Certificate(authority.ca)
    expect(root.ca).toBe(true)
    expect(leaf.verify(root.publicKey)).toBe(true)
    expect(Math.round((root.validToDate.getTime() - Date.now()) / dayMs)).toBe(365)
  })
})

describe('an authority kept in a folder', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'authority-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('is the same at the next start and its key is readable to the owner alone', async () => {
    const first = await loadOrMakeAuthority(join(folder, 'made'))
    const second = await loadOrMakeAuthority(join(folder, 'made'))
    expect(second.ca).toBe(first.ca)
    expect((await stat(join(folder, 'made', 'ca-key.pem'))).mode & 0o777).toBe(0o600)
    const leaf = new X509Certificate((await second.issue(loopback)).cert)
    expect(leaf.verify(new X509Certificate(first.ca).publicKey)).toBe(true)
  })

  it('is renewed in its last week, not before', async () => {
    const first = await loadOrMakeAuthority(folder)
    expect((await loadOrMakeAuthority(folder, { clock: later(357) })).ca).toBe(first.ca)
    expect((await loadOrMakeAuthority(folder, { clock: later(359) })).ca).not.toBe(first.ca)
    expect((await stat(join(folder, 'ca-key.pem'))).mode & 0o777).toBe(0o600)
  })

  it('never issues a certificate that outlives it', async () => {
    await loadOrMakeAuthority(folder)
    const old = await loadOrMakeAuthority(folder, { clock: later(350) })
    const leaf = new X509Certificate((await old.issue(loopback)).cert)
    expect(leaf.validToDate.getTime()).toBe(new X509Certificate(old.ca).validToDate.getTime())
  })
})
