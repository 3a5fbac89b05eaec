/**
 * A certificate made half a year ago, against the local Entra ID and Graph: renewed, killed at every step, refused, expired.
 *
 * The stand-ins and the SDK live in real time; the agent's clock starts in the past and is moved up to now.
 */
import { link, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { makeAuthority } from '../../local/ca.ts'
import type { RegisteredApplication } from '../../local/entra/applications.ts'
import { agent, nobody, startTestTenant, type TestTenant, tenantId } from '../../local/entra/test-tenant.ts'
import { type GraphAddresses, type GraphControl, startGraph } from '../../local/graph/graph.ts'
import type { StandIn } from '../../local/stand-in.ts'
import { type Clock, systemClock } from '../../shared/clock.ts'
import type { EventName, Fields } from '../../shared/log.ts'
import { Secret } from '../../shared/secret.ts'
import { virtualClock } from '../../test/virtual-clock.ts'
import { makeCertificate, type OwnCertificate, privatePem, publicPem, readPublic } from './certificate.ts'
import { type CertificateFiles, certificateFiles, nextOf, oldOf, writeNew } from './files.ts'
import { graphScope, openApplication } from './graph.ts'
import { keepCertificate, look, type RenewalDeps } from './renewal.ts'
import { signInBy, signInByFile } from './sign-in.ts'

const dayMs = 86_400_000
const made = (days: number) => makeCertificate('agent', ago(days))
const ago = (days: number) => Date.now() - days * dayMs

let tenant: TestTenant
let graph: StandIn<GraphAddresses, GraphControl>
/** Due since yesterday, and due tomorrow. */
let due: OwnCertificate
let young: OwnCertificate
let expired: OwnCertificate

beforeAll(async () => {
  tenant = await startTestTenant()
  graph = await startGraph({ tls: tenant.tls, entra: tenant.trust, directory: tenant.directory })
  ;[due, young, expired] = await Promise.all([made(183), made(181), made(366)])
})
afterAll(async () => {
  await graph.close()
  await tenant.entra.close()
})

let folder: string
let file: string
let events: [EventName, Fields][]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'renewal-'))
  file = join(folder, 'certificate.pem')
  events = []
  graph.control.clearRequests()
})
afterEach(() => rm(folder, { recursive: true }))

const register = (...all: OwnCertificate[]) => tenant.entra.control.addAgent({ ...agent, certificates: all.map(publicPem) })
async function install(own: OwnCertificate): Promise<void> {
  await writeNew(file, privatePem(own))
  register(own)
}

const signIn = () => ({ tenantId, clientId: agent.clientId, authority: tenant.entra.addresses.authorityHost, localCa: tenant.tls.ca })
const credential = () => signInByFile(certificateFiles(file), async () => undefined, signIn())

function deps(over: Partial<RenewalDeps> = {}): RenewalDeps {
  const { clock = systemClock } = over
  return {
    files: certificateFiles(file),
    passphrase: async () => undefined,
    commonName: 'agent',
    application: (own) =>
      openApplication({
        graphUrl: graph.addresses.url,
        clientId: agent.clientId,
        credential: signInBy(own, signIn()),
        clock,
        localCa: tenant.tls.ca,
      }),
    proveSignIn: async (own) => void (await signInBy(own, signIn()).getToken(graphScope)),
    log: (event, fields = {}) => void events.push([event, fields]),
    ...over,
    clock,
  }
}

async function registered(): Promise<string[]> {
  const { url, key } = tenant.directory
  const { body } = await tenant.raw('GET', `${url}/-/applications`, { token: key })
  return (body as RegisteredApplication[])
    .filter(({ appId }) => appId === agent.clientId)
    .flatMap(({ certificates }) => certificates)
    .map((pem) => readPublic(pem).thumbprint)
}
const onDisk = async () => {
  const { current, next, old } = await certificateFiles(file).read()
  return [current, next, old].map((pem) => pem !== undefined && readPublic(pem).thumbprint)
}
const names = () => events.map(([name]) => name)

describe('at six months', () => {
  it('there is a new one, in use at once; the old one is removed at the next look and not before', async () => {
    await install(due)
    await look(deps())
    const [now] = await onDisk()
    expect(await onDisk()).toEqual([now, false, due.thumbprint])
    expect(now).not.toBe(due.thumbprint)
    expect(await registered()).toEqual([due.thumbprint, now])
    await look(deps())
    expect([await onDisk(), await registered()]).toEqual([[now, false, false], [now]])
    expect(events).toEqual([
      ['certificateRenewed', { certificate: now }],
      ['certificateRemoved', { certificate: due.thumbprint }],
    ])
    await look(deps())
    expect(names()).toHaveLength(2)
  })

  it('and not a day sooner: nobody is asked anything', async () => {
    await install(young)
    await look(deps())
    expect([await onDisk(), events, graph.control.requests()]).toEqual([[young.thumbprint, false, false], [], []])
  })

  it('by the clock: an hourly look, and whoever signed in before signs in after', async () => {
    const today = await makeCertificate('agent', ago(182))
    await install(today)
    const clock = virtualClock(Date.now() - dayMs) // Graph and the SDK live in real time: when it is due, the two are the same
    const stop = new AbortController()
    const following = credential()
    const first = await following.getToken(graphScope)
    let rests = 0
    const counted: Clock = {
      ...clock,
      sleep(ms, options) {
        rests += 1
        return clock.sleep(ms, options)
      },
    }
    let seen = 0
    const resting = async () => {
      await vi.waitFor(() => expect(rests).toBeGreaterThan(seen), { interval: 5 })
      seen = rests
    }
    void keepCertificate(deps({ clock: counted }), stop.signal)
    for (let hour = 0; hour < 3; hour++) {
      await resting()
      expect(names()).toEqual([])
      await clock.advance(3_600_000)
    }
    clock.stepWall(dayMs - 4 * 3_600_000)
    await resting()
    await clock.advance(3_600_000)
    await vi.waitFor(() => expect(names()).toEqual(['certificateRenewed']), { interval: 5 })
    const second = await following.getToken(graphScope)
    expect(second?.token).not.toBe(first?.token)
    await resting()
    clock.stepWall(-3_600_000)
    await clock.advance(3_600_000)
    await vi.waitFor(() => expect(names()).toEqual(['certificateRenewed', 'certificateRemoved']), { interval: 5 })
    expect(await registered()).toHaveLength(1)
    stop.abort()
  })

  it('with a passphrase the new key is encrypted, too', async () => {
    const passphrase = async () => Secret.fromText('pass')
    await writeNew(file, privatePem(due, await passphrase()))
    register(due)
    await look(deps({ passphrase }))
    expect(names()).toEqual(['certificateRenewed'])
    expect(await readFile(file, 'utf8')).toContain('ENCRYPTED PRIVATE KEY')
    expect((await signInByFile(certificateFiles(file), passphrase, signIn()).getToken(graphScope))?.token).toBeTruthy()
  })

  it('one that an authority issued is left alone', async () => {
    const authority = await makeAuthority({ clock: { ...systemClock, now: () => ago(80) } })
    const { cert, key } = await authority.issue({ commonName: 'agent', dnsNames: ['agent'], ipAddresses: [] })
    await writeNew(file, `${key}\n${cert}`)
    await look(deps())
    const { notBefore, notAfter } = readPublic(cert)
    expect([Date.now() > (notBefore + notAfter) / 2, events, graph.control.requests()]).toEqual([
      true,
      [['certificateExpiring', expect.anything()]],
      [],
    ])
  })
})

class Killed extends Error {}

/** The agent ends when it has done, or is about to do, this many things that somebody else can see. */
function killedAfter(steps: number, seen: () => Promise<void>): { deps: RenewalDeps; done(): number } {
  let count = 0
  const counted =
    <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (count >= steps) throw new Killed()
      const result = await work(...args)
      count += 1
      if (count < steps) return result
      await seen()
      throw new Killed()
    }
  const whole = deps()
  const files = Object.fromEntries(Object.entries(whole.files).map(([name, work]) => [name, counted(work)])) as unknown as CertificateFiles
  return {
    done: () => count,
    deps: {
      ...whole,
      files,
      proveSignIn: counted(whole.proveSignIn),
      application(own) {
        const all = whole.application(own)
        return { ...all, read: counted(all.read), addKey: counted(all.addKey), removeKey: counted(all.removeKey) }
      },
    },
  }
}

describe('killed', () => {
  /** Of those the agent signs in by: the one in use, and the one before. */
  async function expectUsable(): Promise<void> {
    const [current, , old] = await onDisk()
    const known = await registered()
    expect([current, old].filter((each) => known.includes(each || '')).length).toBeGreaterThan(0)
  }

  it('after each of its steps: the next start goes on, and there is a usable certificate at every instant', async () => {
    let steps = 0
    for (let finished = false; !finished; steps++) {
      await rm(file, { force: true })
      await Promise.all([rm(nextOf(file), { force: true }), rm(oldOf(file), { force: true })])
      events = []
      await install(due)
      const first = killedAfter(steps, expectUsable)
      await look(first.deps)
      await look(first.deps)
      finished = first.done() < steps
      for (let looks = 0; looks < 2; looks++) {
        await expectUsable()
        await look(deps())
      }
      await expectUsable()
      const [current, next, old] = await onDisk()
      expect([next, old, await registered()], `killed after ${steps}`).toEqual([false, false, [current]])
      expect(current).not.toBe(due.thumbprint)
      expect((await credential().getToken(graphScope))?.token).toBeTruthy()
    }
    expect(steps).toBeGreaterThan(12)
  })

  it('between the two halves of taking it into use', async () => {
    await install(due)
    const next = await makeCertificate('agent', Date.now())
    await writeNew(nextOf(file), privatePem(next))
    register(due, next)
    await link(file, oldOf(file))
    await look(deps())
    await look(deps())
    expect([await onDisk(), await registered()]).toEqual([[next.thumbprint, false, false], [next.thumbprint]])
  })
})

describe('when it is not to be had', () => {
  it.each([
    ['Graph is away', () => graph.control.faults([{ kind: 'unavailable', count: 9 }]), { operation: 'add', fault: 'GRAPH_UNAVAILABLE' }],
    ['Graph knows no such application', () => graph.control.faults([]), { operation: 'add', fault: 'GraphRefused', status: 403 }],
  ])('%s: an event, and the old one stays', async (name, disturb, fields) => {
    await install(due)
    disturb()
    const clientId = name.includes('no such') ? nobody.clientId : agent.clientId
    const application: RenewalDeps['application'] = (own) =>
      openApplication({
        graphUrl: graph.addresses.url,
        clientId,
        credential: signInBy(own, signIn()),
        clock: systemClock,
        localCa: tenant.tls.ca,
      })
    await look(deps({ application }))
    graph.control.faults([])
    expect(events).toEqual([['certificateNotRenewed', fields]])
    expect((await onDisk())[0]).toBe(due.thumbprint)
    await look(deps())
    expect(names().at(-1)).toBe('certificateRenewed')
  })

  it('Entra ID does not know it yet: asked again each minute, then at the next look', async () => {
    await install(due)
    const clock: Clock = { ...systemClock, sleep: async (ms) => void waits.push(ms) }
    const waits: number[] = []
    let late = 7
    const whole = deps()
    const proveSignIn: RenewalDeps['proveSignIn'] = async (own) => {
      if (own.thumbprint !== due.thumbprint && late-- > 0) throw new Error('AADSTS700027: the key was not found')
      await whole.proveSignIn(own)
    }
    await look(deps({ clock, proveSignIn }))
    expect([waits, events]).toEqual([
      [60_000, 60_000, 60_000, 60_000],
      [['certificateNotRenewed', { operation: 'use', fault: 'NotKnownYet' }]],
    ])
    await look(deps({ clock, proveSignIn }))
    expect(names().at(-1)).toBe('certificateRenewed')
    expect(await registered()).toHaveLength(2)
  })

  it('the folder cannot be written: an event that says so', async () => {
    await install(due)
    const files = { ...certificateFiles(file), addNext: () => Promise.reject(Object.assign(new Error('x'), { code: 'EROFS' })) }
    await look(deps({ files }))
    expect(events).toEqual([['certificateNotRenewed', { operation: 'make', fault: 'EROFS' }]])
  })

  it('the new one is not known everywhere: the agent signs in by the one before', async () => {
    await install(due)
    await look(deps())
    register(due)
    expect((await credential().getToken(graphScope))?.token).toBeTruthy()
    await look(deps())
    expect(events.at(-1)).toEqual(['certificateNotRenewed', { operation: 'remove', fault: 'NotKnownYet' }])
    expect((await onDisk())[2]).toBe(due.thumbprint)
  })
})

describe('expired', () => {
  it('says so, and asks nobody in vain', async () => {
    await install(expired)
    await look(deps())
    expect([events, graph.control.requests()]).toEqual([[['certificateExpired', { certificate: expired.thumbprint }]], []])
    await expect(credential().getToken(graphScope)).rejects.toThrow('AADSTS700027')
  })

  it('a month before, it says how long is left', async () => {
    const old = await makeCertificate('agent', ago(340))
    await install(old)
    await look(deps({ files: { ...certificateFiles(file), addNext: () => Promise.reject(new Error('x')) } }))
    expect(events[0]).toEqual(['certificateExpiring', { certificate: old.thumbprint, count: 25 }])
  })

  it('its successor is taken over as soon as an administrator has registered it', async () => {
    await install(expired)
    const next = await makeCertificate('agent', Date.now())
    await writeNew(nextOf(file), privatePem(next))
    await look(deps())
    expect(events.at(-1)).toEqual(['certificateNotRenewed', { operation: 'add', fault: 'CertificateExpired' }])
    register(expired, next)
    await look(deps())
    expect((await onDisk())[0]).toBe(next.thumbprint)
    expect((await credential().getToken(graphScope))?.token).toBeTruthy()
  })

  it('a successor that has itself expired is thrown away', async () => {
    await install(young)
    await writeNew(nextOf(file), privatePem(expired))
    await look(deps())
    expect(await onDisk()).toEqual([young.thumbprint, false, false])
  })
})
