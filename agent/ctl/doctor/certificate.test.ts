import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeAuthority } from '../../../local/ca.ts'
import { agent, startTestTenant, type TestTenant, tenantId } from '../../../local/entra/test-tenant.ts'
import { type GraphAddresses, type GraphControl, startGraph } from '../../../local/graph/graph.ts'
import type { StandIn } from '../../../local/stand-in.ts'
import { type Clock, systemClock } from '../../../shared/clock.ts'
import { makeCertificate, type OwnCertificate, privatePem, publicPem } from '../../credential/certificate.ts'
import { certificateFiles } from '../../credential/files.ts'
import { signInByFile } from '../../credential/sign-in.ts'
import { checkCertificate } from './certificate.ts'

const dayMs = 86_400_000
let tenant: TestTenant
let graph: StandIn<GraphAddresses, GraphControl>
let folder: string
let own: OwnCertificate

beforeAll(async () => {
  ;[tenant, folder, own] = await Promise.all([startTestTenant(), mkdtemp(join(tmpdir(), 'age-')), makeCertificate('agent', Date.now())])
  graph = await startGraph({ tls: tenant.tls, entra: tenant.trust, directory: tenant.directory })
})
afterAll(async () => {
  await Promise.all([graph.close(), tenant.entra.close(), rm(folder, { recursive: true })])
})

interface Case {
  pem?: string
  days?: number
  registered?: boolean
  graphUrl?: string
  secret?: boolean
}

/** As lines: check, state, text. */
async function lines({ pem = privatePem(own), days = 0, registered = true, graphUrl = graph.addresses.url, secret = false }: Case = {}) {
  const certificateFile = join(folder, 'certificate.pem')
  await writeFile(certificateFile, pem, { mode: 0o600 })
  tenant.entra.control.addAgent({ ...agent, certificates: registered ? [publicPem(own)] : [] })
  const clock: Clock = { ...systemClock, now: () => Date.now() + days * dayMs }
  const authority = tenant.entra.addresses.authorityHost
  const passphrase = async () => undefined
  const signIn = { tenantId, clientId: agent.clientId, authority, localCa: tenant.tls.ca }
  const found = await checkCertificate({
    settings: { identity: { clientId: agent.clientId, authority, graphUrl, ...(secret ? {} : { certificateFile }) } },
    credential: signInByFile(certificateFiles(certificateFile), passphrase, signIn),
    passphrase,
    ca: tenant.tls.ca,
    clock,
  })
  return found.map(({ check, state, text }) => `${check} ${state} ${text.replaceAll(/\d{4}-\d\d-\d\d/g, 'DAY')}`)
}

const shown = 'renewal passed Graph shows the application with this certificate'

describe('the certificate', () => {
  it('of today is good, and will be renewed', async () => {
    expect(await lines()).toEqual(['certificate passed good until DAY; the agent renews it from DAY on', shown])
  })

  it.each([
    [183, 'certificate passed good until DAY; the agent renews it within the hour'],
    [190, 'certificate warning good until DAY, and due for renewal since DAY'],
    [340, 'certificate warning good until DAY'],
  ])('after %i days', async (days, line) => {
    expect(await lines({ days })).toEqual([line, shown])
  })

  it('that has expired fails, and cannot renew itself', async () => {
    expect(await lines({ days: 366 })).toEqual([
      'certificate failed it expired on DAY, and cannot renew itself any more',
      'renewal skipped certificate failed',
    ])
  })

  it('that does not open fails', async () => {
    expect((await lines({ pem: publicPem(own) }))[0]).toBe('certificate failed there is no private key in the file')
  })

  it('of an authority is left to it; a client secret, too', async () => {
    const { cert, key } = await (await makeAuthority()).issue({ commonName: 'a', dnsNames: ['a'], ipAddresses: [] })
    const [good, old] = [await lines({ pem: `${key}\n${cert}` }), await lines({ pem: `${key}\n${cert}`, days: 70 })]
    expect(good).toEqual([
      'certificate passed good until DAY; an authority issued it, the agent does not renew it',
      'renewal passed not by the agent',
    ])
    expect(old[0]).toBe('certificate warning good until DAY')
    expect(await lines({ secret: true })).toEqual(['certificate passed none: by client secret, which the agent cannot renew'])
  })
})

describe('renewal', () => {
  it('is warned of where Graph is away, or does not know the certificate, or the sign-in fails', async () => {
    expect((await lines({ graphUrl: 'https://127.0.0.1:1' }))[1]).toBe('renewal warning no usable answer of Graph (GRAPH_UNAVAILABLE)')
    expect((await lines({ registered: false }))[1]).toBe('renewal skipped token failed')
  })

  it('is warned of where the folder is not its own', async () => {
    await chmod(folder, 0o500)
    const [, line] = await lines()
    await chmod(folder, 0o700)
    // To root every folder is its own.
    expect(line).toBe(process.getuid?.() === 0 ? shown : 'renewal warning this account cannot write the folder of "certificateFile"')
  })
})
