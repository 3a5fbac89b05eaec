/** Registered by an administrator, against the local Entra ID and Graph; then the agent signs in by what `enrol` made. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { agent, nobody, startTestTenant, type TestTenant, tenantId } from '../../../local/entra/test-tenant.ts'
import { type GraphAddresses, type GraphControl, startGraph } from '../../../local/graph/graph.ts'
import type { StandIn } from '../../../local/stand-in.ts'
import { type Clock, systemClock } from '../../../shared/clock.ts'
import { Secret } from '../../../shared/secret.ts'
import { makeCertificate, type OwnCertificate, privatePem, publicPem } from '../../credential/certificate.ts'
import { certificateFiles } from '../../credential/files.ts'
import { type ApplicationInGraph, graphScope, openApplication } from '../../credential/graph.ts'
import { signInByFile, type TokenCredential } from '../../credential/sign-in.ts'
import { enrol } from '../enrol.ts'
import { register } from './register.ts'

let tenant: TestTenant
let graph: StandIn<GraphAddresses, GraphControl>
let before: OwnCertificate
let folder: string
let settingsFile: string

beforeAll(async () => {
  ;[tenant, before] = await Promise.all([startTestTenant(), makeCertificate('before', Date.now())])
  graph = await startGraph({ tls: tenant.tls, entra: tenant.trust, directory: tenant.directory })
})
afterAll(async () => {
  await graph.close()
  await tenant.entra.close()
})
beforeEach(async () => {
  tenant.entra.control.addAgent({ ...agent, certificates: [publicPem(before)] })
  folder = await mkdtemp(join(tmpdir(), 'register-'))
  settingsFile = join(folder, 'agent.json')
  const localCaFile = join(folder, 'ca.pem')
  await writeFile(localCaFile, tenant.tls.ca)
  const identity = { clientId: agent.clientId, authority: tenant.entra.addresses.authorityHost, graphUrl: graph.addresses.url }
  await writeFile(settingsFile, JSON.stringify({ tenantId, identity, localCaFile, journalFile: join(folder, 'journal.sqlite') }))
})
afterEach(() => rm(folder, { recursive: true }))

const asked = new Set<unknown>()
/** Who asks the stand-in signs in as a program, which knows no single scopes. */
const administrator = (): TokenCredential => ({
  getToken(scopes) {
    asked.add(String(scopes))
    return tenant.credentialOf(nobody).getToken(graphScope)
  },
})
const cancelled = async () => Promise.reject(new Error('AADSTS70016: the code has expired'))
const certificateFile = () => join(folder, 'certificate.pem')
const signIn = () => {
  const { authorityHost: authority } = tenant.entra.addresses
  const of = { tenantId, clientId: agent.clientId, authority, localCa: tenant.tls.ca }
  return signInByFile(certificateFiles(certificateFile()), async () => undefined, of).getToken(graphScope)
}
const application = (): ApplicationInGraph =>
  openApplication({
    graphUrl: graph.addresses.url,
    clientId: agent.clientId,
    credential: administrator(),
    clock: systemClock,
    localCa: tenant.tls.ca,
  })

describe('enrol, with an administrator', () => {
  it('who is none: the key is made, and why it is not registered is said; tried again, the same one is', async () => {
    const first = await enrol({ settingsFile, administrator })
    expect(first).toMatchObject({ registered: 'refused', problem: expect.stringContaining('HTTP 403'), settingsFile: 'changed' })
    const pem = await readFile(certificateFile(), 'utf8')
    await expect(signIn()).rejects.toThrow('AADSTS700027')
    graph.control.addApplicationAdministrator(nobody.objectId)
    const second = await enrol({ settingsFile, administrator })
    expect([second.registered, second.certificate.thumbprint]).toEqual(['registered', first.certificate.thumbprint])
    expect(await readFile(certificateFile(), 'utf8')).toBe(pem)
    expect((await signIn())?.token).toBeTruthy()
    expect((await enrol({ settingsFile, administrator })).registered).toBe('there')
    // `.default` would be what the tenant has granted that program before, which may be nothing.
    expect([...asked]).toEqual(['https://graph.microsoft.com/Application.ReadWrite.All'])
  })

  it('a client secret is left until it is registered; then certificate and passphrase take its place', async () => {
    const settings = JSON.parse(await readFile(settingsFile, 'utf8'))
    const secretFile = join(folder, 'secret')
    await writeFile(settingsFile, JSON.stringify({ ...settings, identity: { ...settings.identity, secretFile } }))
    const identity = async () => JSON.parse(await readFile(settingsFile, 'utf8')).identity
    // As an earlier run on Windows left it, which got no further.
    const passphraseFile = `${certificateFile()}.passphrase`
    await writeFile(passphraseFile, 'pass', { mode: 0o600 })
    await writeFile(certificateFile(), privatePem(await makeCertificate('agent', Date.now()), Secret.fromText('pass')), { mode: 0o600 })
    expect(await enrol({ settingsFile, administrator: () => ({ getToken: cancelled }) })).toMatchObject({ registered: 'refused' })
    expect(await identity()).toEqual({ ...settings.identity, secretFile })
    graph.control.addApplicationAdministrator(nobody.objectId)
    expect(await enrol({ settingsFile, administrator })).toMatchObject({ registered: 'registered', settingsFile: 'changed' })
    expect(await identity()).toEqual({ ...settings.identity, certificateFile: certificateFile(), passphraseFile })
  })

  it('who takes a minute to sign in: the limit of a call to Graph is none of the sign-in', async () => {
    graph.control.addApplicationAdministrator(nobody.objectId)
    const calls: AbortController[] = []
    const clock: Clock = {
      ...systemClock,
      deadline() {
        const call = new AbortController()
        calls.push(call)
        return call.signal
      },
    }
    const signedIn = new Set<unknown>()
    // As the SDK does it: with and without CAE are two sign-ins, and each is remembered.
    const slow: TokenCredential = {
      async getToken(scopes, options) {
        const signIn = `${scopes} ${options?.enableCae ?? false}`
        if (!signedIn.has(signIn)) for (const call of calls) call.abort(new DOMException('too late', 'TimeoutError'))
        signedIn.add(signIn)
        return administrator().getToken(scopes)
      },
    }
    const { problem, registered } = await enrol({ settingsFile, administrator: () => slow, clock })
    expect([problem, registered, signedIn.size]).toEqual([undefined, 'registered', 1])
  })

  it('who does not sign in: that is said', async () => {
    const { problem, registered } = await enrol({ settingsFile, administrator: () => ({ getToken: cancelled }) })
    expect([registered, problem]).toEqual(['refused', expect.stringContaining('AADSTS70016')])
  })
})

describe('the list of keys', () => {
  const keys = async () => {
    const answer = await application().read()
    return answer.kind === 'done' ? answer.value.keys.map(({ key }) => key) : []
  }

  it('keeps what was there', async () => {
    const added = await makeCertificate('added', Date.now())
    expect(await register(application(), added)).toBe('registered')
    expect(await keys()).toEqual([before, added].map(({ der }) => der.toString('base64')))
  })

  it('written by somebody else at the same moment: that is said', async () => {
    const added = await makeCertificate('added', Date.now())
    const whole = application()
    const raced = { ...whole, writeKeys: async () => ({ kind: 'done', value: undefined }) as const }
    await expect(register(raced, added)).rejects.toThrow('somebody else wrote, too')
  })
})
