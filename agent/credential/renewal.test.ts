/**
 * A certificate made half a year ago, against the local Entra ID and Graph: renewed, killed at every step, refused, expired.
 *
 * The stand-ins and the SDK live in real time; the agent's clock starts in the past and is moved up to now.
 */
import { link, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
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
import { type Certificate, makeCertificate, type OwnCertificate, privatePem, publicPem, readPublic } from './certificate.ts'
import { type CertificateFiles, certificateFiles, nextOf, oldOf, writeNew } from './files.ts'
import { type ApplicationInGraph, graphScope, openApplication } from './graph.ts'
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
let aging: OwnCertificate
let fresh: OwnCertificate

beforeAll(async () => {
  tenant = await startTestTenant()
  graph = await startGraph({ tls: tenant.tls, entra: tenant.trust, directory: tenant.directory })
  ;[due, young, expired, aging, fresh] = await Promise.all([made(183), made(181), made(366), made(340), made(0)])
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

const patience = { timeout: 20_000, interval: 5 }
const signIn = () => ({ tenantId, clientId: agent.clientId, authority: tenant.entra.addresses.authorityHost, localCa: tenant.tls.ca })
const credential = () => signInByFile(certificateFiles(file), async () => undefined, signIn())

function deps(over: Partial<RenewalDeps> = {}): RenewalDeps {
  const { clock = systemClock } = over
  return {
    files: certificateFiles(file),
    passphrase: async () => undefined,
    make: async () => fresh,
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
    await look(deps({ make: () => makeCertificate('agent', Date.now()) }))
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
      await vi.waitFor(() => expect(rests).toBeGreaterThan(seen), patience)
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
    await vi.waitFor(() => expect(names()).toEqual(['certificateRenewed']), patience)
    const second = await following.getToken(graphScope)
    expect(second?.token).not.toBe(first?.token)
    await resting()
    clock.stepWall(-3_600_000)
    await clock.advance(3_600_000)
    await vi.waitFor(() => expect(names()).toEqual(['certificateRenewed', 'certificateRemoved']), patience)
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

/** Entra ID and Graph as far as it matters here: who is registered may sign in, and register others. */
function smallTenant(...first: OwnCertificate[]) {
  const known = new Map<string, Certificate>(first.map((each) => [each.thumbprint, each]))
  const refused = { kind: 'refused', status: 401, aadsts: '700027' } as const
  const shown = ({ der, thumbprint }: Certificate) => ({ keyId: thumbprint, key: der.toString('base64') })
  const done = { kind: 'done', value: undefined } as const
  const application = (own: OwnCertificate): ApplicationInGraph => ({
    read: async () =>
      known.has(own.thumbprint) ? { kind: 'done', value: { objectId: 'x', keys: [...known.values()].map(shown) } } : refused,
    async addKey(certificate) {
      known.set(certificate.thumbprint, certificate)
      return done
    },
    async removeKey(keyId) {
      known.delete(keyId)
      return done
    },
    writeKeys: () => expect.unreachable(),
  })
  const proveSignIn = async (own: OwnCertificate) => {
    if (!known.has(own.thumbprint)) throw new Error('AADSTS700027')
  }
  return { known, application, proveSignIn }
}

/** The agent ends when it has done this many of the things that somebody else can see. */
function killedAfter(steps: number, whole: RenewalDeps): { deps: RenewalDeps; wasKilled(): boolean } {
  let left = steps
  const counted =
    <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (left <= 0) throw new Killed()
      const result = await work(...args)
      left -= 1
      if (left === 0) throw new Killed()
      return result
    }
  const files = Object.fromEntries(Object.entries(whole.files).map(([name, work]) => [name, counted(work)])) as unknown as CertificateFiles
  return {
    wasKilled: () => left <= 0,
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
  /** How often the agent was killed, each time so many steps after it started; in the end it is left alone. */
  async function live(kills: readonly number[]): Promise<boolean> {
    await Promise.all([file, nextOf(file), oldOf(file)].map((each) => rm(each, { force: true })))
    await writeNew(file, privatePem(due))
    const { known, ...tenant } = smallTenant(due)
    /** Of those the agent signs in by: the one in use, and the one before. */
    const expectUsable = async () => {
      const [current, , old] = await onDisk()
      expect([current, old].some((each) => known.has(each || ''))).toBe(true)
    }
    let wasKilled = false
    for (const steps of kills) {
      const one = killedAfter(steps, deps(tenant))
      for (let looks = 0; looks < 3 && !one.wasKilled(); looks++) await look(one.deps)
      wasKilled = one.wasKilled()
      await expectUsable()
    }
    for (let looks = 0; looks < 2; looks++) {
      await look(deps(tenant))
      await expectUsable()
    }
    expect([await onDisk(), [...known.keys()]]).toEqual([[fresh.thumbprint, false, false], [fresh.thumbprint]])
    return wasKilled
  }

  it('after each of its steps: the next start goes on, and there is a usable certificate at that instant', async () => {
    let steps = 1
    while (await live([steps])) steps += 1
    expect(steps).toBeGreaterThan(12)
  })

  it('again and again, wherever', async () => {
    const kills = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 2, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(kills, async (each) => void (await live(each))),
      { numRuns: 20 },
    )
  })

  it('between the two halves of taking it into use', async () => {
    await install(due)
    await writeNew(nextOf(file), privatePem(fresh))
    register(due, fresh)
    await link(file, oldOf(file))
    await look(deps())
    await look(deps())
    expect([await onDisk(), await registered()]).toEqual([[fresh.thumbprint, false, false], [fresh.thumbprint]])
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

  it('a successor that cannot be read keeps nobody from signing in', async () => {
    await install(young)
    await mkdir(nextOf(file))
    expect((await credential().getToken(graphScope))?.token).toBeTruthy()
    await look(deps())
    expect(events).toEqual([['certificateNotRenewed', { operation: 'read', fault: 'EISDIR' }]])
  })

  it('a sign-in that never answers ends the look, not the looking', async () => {
    await install(due)
    const hangs = () => new Promise<never>(() => {})
    const clock = virtualClock(Date.now())
    for (const over of [
      { proveSignIn: hangs },
      {
        application: () =>
          openApplication({
            graphUrl: graph.addresses.url,
            clientId: agent.clientId,
            credential: { getToken: hangs },
            clock,
            localCa: tenant.tls.ca,
          }),
      },
    ]) {
      let isOver = false
      const looked = look(deps({ ...over, clock })).then(() => {
        isOver = true
      })
      await vi.waitFor(async () => {
        await clock.advance(60_000)
        expect(isOver).toBe(true)
      }, patience)
      await looked
      expect(events.at(-1)?.[0]).toBe('certificateNotRenewed')
    }
    await look(deps())
    expect(names().at(-1)).toBe('certificateRenewed')
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
    await install(aging)
    await look(deps({ files: { ...certificateFiles(file), addNext: () => Promise.reject(new Error('x')) } }))
    expect(events[0]).toEqual(['certificateExpiring', { certificate: aging.thumbprint, count: 25 }])
  })

  it('its successor is taken over as soon as an administrator has registered it', async () => {
    await install(expired)
    await writeNew(nextOf(file), privatePem(fresh))
    await look(deps())
    expect(events.at(-1)).toEqual(['certificateNotRenewed', { operation: 'add', fault: 'CertificateExpired' }])
    register(expired, fresh)
    await look(deps())
    expect((await onDisk())[0]).toBe(fresh.thumbprint)
    expect((await credential().getToken(graphScope))?.token).toBeTruthy()
  })

  it('a successor that has itself expired is thrown away', async () => {
    await install(young)
    await writeNew(nextOf(file), privatePem(expired))
    await look(deps())
    expect(await onDisk()).toEqual([young.thumbprint, false, false])
  })
})
