/**
 * For the tests beside this file only: the sample forest behind LDAPS, and this folder's client opened on it.
 */
import { expect } from 'vitest'
import { makeAuthority } from '../../local/ca.ts'
import { type Directory as StandIn, startDirectory } from '../../local/directory/directory.ts'
import { type SampleForest, sampleForest } from '../../local/directory/seed.ts'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { type FaultCode, isFault } from '../../shared/fault.ts'
import { Secret } from '../../shared/secret.ts'
import type { Directory, User } from './directory.ts'
import { type OneDomain, openOneDomain } from './one-domain.fixture.ts'

export const hosts = ['dc1.corp.example.test', 'dc2.corp.example.test'] as const
export const [host] = hosts
export const fine = 'Quite-Different-77'
export const nothing = { unlock: false, mustChange: false }
export const always = () => true
export const faultOf = (code: FaultCode) => expect.toSatisfy((error) => isFault(error, code), code)
export const placeOf = (url: string) => new URL(url).host

export const authority = await makeAuthority()
const certificate = await authority.issue({ commonName: host, dnsNames: [...hosts], ipAddresses: [] })

/** Limits end only when the test says so. */
export function clockByHand() {
  const pending = new Set<() => void>()
  let passedMs = 0
  const clock: Clock = {
    ...systemClock,
    monotonic: () => passedMs,
    sleep: (_ms, { signal } = {}) =>
      new Promise((resolve, reject) => {
        pending.add(resolve)
        signal?.addEventListener('abort', () => {
          pending.delete(resolve)
          reject(signal.reason)
        })
      }),
  }
  return {
    clock,
    expire: () => pending.forEach((resolve) => void resolve()),
    pass: (ms: number) => {
      passedMs += ms
    },
  }
}

export interface Sample {
  server: StandIn
  directory: Directory
  /** What was logged, in order. */
  logged: unknown[]
  settings: OneDomain
  open(changes?: Partial<OneDomain>): Directory
  /** Another domain controller; it is ended with the sample. */
  startAnother(forest: SampleForest): Promise<StandIn>
  find(sam: string, directory?: Directory): Promise<User>
  person(sam: string): SampleForest['users'][number]
  /** Ends it with the sample. */
  own<T extends { close(): unknown }>(thing: T): T
  close(): Promise<void>
}

export async function startSample({ clock = systemClock }: { clock?: Clock } = {}): Promise<Sample> {
  const owned: { close(): unknown }[] = []
  const own = <T extends { close(): unknown }>(thing: T): T => {
    owned.push(thing)
    return thing
  }
  const startAnother = async (forest: SampleForest) => own(await startDirectory({ tls: certificate, forest, clearPort: 0 }))
  const server = await startAnother(sampleForest())
  const { forest } = server
  const logged: unknown[] = []
  const settings: OneDomain = {
    servers: [`ldaps://${host}`],
    addresses: { [host]: placeOf(server.addresses.ldaps) },
    ca: authority.ca,
    bindDn: forest.serviceAccount.dn,
    bindPassword: Secret.fromText(forest.serviceAccount.password),
    baseDn: forest.baseDn,
    ldapMs: 8000,
    domain: 'corp.example.test',
  }
  const open = (changes = {}) =>
    own(openOneDomain({ ...settings, ...changes }, { clock, log: (event, fields) => logged.push({ event, ...fields }) }))
  const directory = open()
  return {
    server,
    directory,
    logged,
    settings,
    open,
    startAnother,
    own,
    async find(sam, by = directory) {
      const located = await by.locate(server.control.user(sam).immutableId)
      if (located.kind !== 'user') throw new Error(located.kind)
      return located.user
    },
    person(sam) {
      const person = forest.users.find((each) => each.sam === sam)
      if (!person) throw new Error('no such sample user')
      return person
    },
    async close() {
      for (const each of owned.reverse()) await each.close()
    },
  }
}
