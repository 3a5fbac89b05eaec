/**
 * The sample forest as data: names, identifiers and first passwords from which this directory, the Graph stand-in and the
 * tests are all fed, so that they agree on who is who.
 *
 * Passwords and GUIDs are new in every call unless a `seed` is given. Who is in which domain is in `sample-people.ts`.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { type Dn, escapeValue, parseDn } from './dn.ts'
import { guidOctets, guidText } from './identifiers.ts'
import { type SampleName, sampleDomains, type Trait } from './sample-people.ts'

export type { SampleName, Trait } from './sample-people.ts'

export interface SampleUser {
  sam: string
  upn: string
  dn: string
  displayName: string
  mail: string
  password: string
  /** Dashed, lower case. */
  objectGuid: string
  /** Base64 of mS-DS-ConsistencyGuid, else of objectGUID: the cloud's onPremisesImmutableId. */
  immutableId: string
  traits: Trait[]
}

/** One domain of a forest, as the others know it. */
export interface DomainNames {
  baseDn: string
  netbiosName: string
  hostName: string
}

/** One domain with everybody in it, and what it knows of its forest. */
export interface SampleForest extends DomainNames {
  /** The forest's root domain; this one if absent. */
  rootDn?: string
  /** The forest's other domains; none if absent. */
  siblings?: DomainNames[]
  domainSid: string
  administrator: { dn: string; password: string }
  serviceAccount: { dn: string; upn: string; password: string; scope: string }
  users: SampleUser[]
}

export interface SampleOptions {
  /** Whose names and people; corp if absent. */
  sample?: SampleName
  seed?: string
  baseDn?: string
  netbiosName?: string
  hostName?: string
  /** Ordinary users beyond the named ones: user0001, user0002, … */
  extraUsers?: number
}

type Random = (length: number) => Buffer

function randomFrom(seed: string | undefined): Random {
  if (seed === undefined) return randomBytes
  let counter = 0
  return (length) => {
    counter += 1
    return createHmac('sha512', seed).update(String(counter)).digest().subarray(0, length)
  }
}

/** Upper and lower case, a sign and 16 digits: no part of anybody's name can be inside. */
const newPassword = (random: Random): string => `Zq!${[...random(16)].map((byte) => byte % 10).join('')}`

function newGuid(random: Random): string {
  const octets = Buffer.from(random(16))
  octets.writeUInt8((octets.readUInt8(7) & 0x0f) | 0x40, 7)
  return guidText(octets)
}

export function sampleForest(options: SampleOptions = {}): SampleForest {
  const random = randomFrom(options.seed)
  const domain = sampleDomains[options.sample ?? 'corp']
  const baseDn = options.baseDn ?? domain.baseDn
  const dns = (parseDn(baseDn) ?? []).map((rdn) => rdn.value).join('.')
  const extra = Array.from({ length: options.extraUsers ?? 0 }, (_, index) => `user${String(index + 1).padStart(4, '0')}`)
  const described = [...domain.people, ...extra.map((sam) => ({ sam, name: `Sample ${sam}` }))]
  const sidParts = [0, 4, 8].map((offset) => random(12).readUInt32LE(offset))
  return {
    baseDn,
    netbiosName: options.netbiosName ?? domain.netbiosName,
    hostName: options.hostName ?? `dc1.${dns}`,
    ...(domain.rootDn === undefined ? {} : { rootDn: domain.rootDn }),
    domainSid: `S-1-5-21-${sidParts.join('-')}`,
    administrator: { dn: `CN=Administrator,CN=Users,${baseDn}`, password: newPassword(random) },
    serviceAccount: {
      dn: `CN=svc-writeback,OU=Service Accounts,${baseDn}`,
      upn: `svc-writeback@${dns}`,
      password: newPassword(random),
      scope: `OU=Staff,${baseDn}`,
    },
    users: described.map((person) => describeUser(person, { baseDn, dns, random })),
  }
}

/**
 * `second` with the anchors of `first` for everybody who is in both: what an administrator does who joins the two accounts of
 * one person (ConsistencyGuid as the source anchor).
 */
export function withSharedPeople(first: SampleForest, second: SampleForest): SampleForest {
  const anchors = new Map(first.users.map(({ sam, immutableId }) => [sam, immutableId]))
  const shared = (user: SampleUser) => (user.traits.includes('consistencyGuid') ? anchors.get(user.sam) : undefined)
  return { ...second, users: second.users.map((user) => ({ ...user, immutableId: shared(user) ?? user.immutableId })) }
}

export const sharedPeople = (first: SampleForest, second: SampleForest): SampleUser[] =>
  second.users.filter(({ immutableId }) => first.users.some((user) => user.immutableId === immutableId))

/** Two domains of one forest that know of each other. */
export function asOneForest(root: SampleForest, child: SampleForest): [root: SampleForest, child: SampleForest] {
  const names = ({ baseDn, netbiosName, hostName }: SampleForest): DomainNames => ({ baseDn, netbiosName, hostName })
  return [
    { ...root, siblings: [names(child)] },
    { ...child, rootDn: root.baseDn, siblings: [names(root)] },
  ]
}

export interface UserSpec {
  sam: string
  /** The common name; the sAMAccountName if absent. */
  name?: string
  displayName?: string
  password?: string
  traits?: Trait[]
}

/** Completes a user with identifiers and a first password. */
export function describeUser(spec: UserSpec, { baseDn, dns, random }: { baseDn: string; dns: string; random: Random }): SampleUser {
  const traits = spec.traits ?? []
  const name = spec.name ?? spec.sam
  const objectGuid = newGuid(random)
  const anchor = traits.includes('consistencyGuid') ? Buffer.from(random(16)) : guidOctets(objectGuid)
  return {
    sam: spec.sam,
    upn: `${spec.sam}@${dns}`,
    dn: `CN=${escapeValue(name)},OU=${traits.includes('outOfScope') ? 'Other' : 'Staff'},${baseDn}`,
    displayName: spec.displayName ?? name,
    mail: `${spec.sam}@${dns}`,
    password: spec.password ?? newPassword(random),
    objectGuid,
    immutableId: (anchor ?? Buffer.alloc(0)).toString('base64'),
    traits,
  }
}

export const parseBase = (baseDn: string): Dn => {
  const dn = parseDn(baseDn)
  if (dn === undefined || dn.length === 0) throw new Error('baseDn is no distinguished name')
  return dn
}
