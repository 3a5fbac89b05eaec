/**
 * The sample forest as data: names, identifiers and first passwords from which this directory, the Graph stand-in and the
 * tests are all fed, so that they agree on who is who.
 *
 * Passwords and GUIDs are new in every call unless a `seed` is given. Everybody here is invented; several names are chosen to
 * break software: commas, quotes, slashes, a leading blank, brackets and stars, other scripts.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { type Dn, escapeValue, parseDn } from './dn.ts'
import { guidOctets, guidText } from './identifiers.ts'

export type Trait =
  | 'disabled'
  | 'expired'
  | 'locked'
  | 'mustChange'
  | 'cannotChange'
  | 'smartCard'
  /** Member of Domain Admins, adminCount 1. */
  | 'protected'
  /** In a group that is a member of Backup Operators; SDProp has not come by yet, so adminCount is absent. */
  | 'nestedProtected'
  /** In OU=Other, where the service account has no rights. */
  | 'outOfScope'
  /** Has an mS-DS-ConsistencyGuid that differs from its objectGUID: the source anchor is not the GUID. */
  | 'consistencyGuid'

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

export interface SampleForest {
  baseDn: string
  netbiosName: string
  hostName: string
  domainSid: string
  administrator: { dn: string; password: string }
  serviceAccount: { dn: string; upn: string; password: string; scope: string }
  users: SampleUser[]
}

export interface SampleOptions {
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

/** sAMAccountName, common name, display name (the common name if absent), traits. */
const people: readonly { sam: string; name: string; displayName?: string; traits?: Trait[] }[] = [
  { sam: 'alice.adams', name: 'Alice Adams' },
  { sam: 'bob.brown', name: 'Bob Brown' },
  { sam: 'carol.clark', name: 'Carol Clark', traits: ['consistencyGuid'] },
  { sam: 'dave.disabled', name: 'Dave Dunn', traits: ['disabled'] },
  { sam: 'erin.expired', name: 'Erin Evans', traits: ['expired'] },
  { sam: 'frank.locked', name: 'Frank Fisher', traits: ['locked'] },
  { sam: 'grace.must', name: 'Grace Green', traits: ['mustChange'] },
  { sam: 'heidi.admin', name: 'Heidi Hughes', traits: ['protected'] },
  { sam: 'ivan.nested', name: 'Ivan Irving', traits: ['nestedProtected'] },
  { sam: 'judy.fixed', name: 'Judy Jones', traits: ['cannotChange'] },
  { sam: 'karl.card', name: 'Karl King', traits: ['smartCard'] },
  { sam: 'mallory.other', name: 'Mallory Moore', traits: ['outOfScope'] },
  { sam: 'odd.comma', name: "O'Neil, Pat", displayName: 'O\'Neil, Pat "P.J."' },
  { sam: 'odd.slash', name: 'Either/Or\\Neither' },
  { sam: 'odd.lead', name: ' #Leading Blank' },
  { sam: 'odd.quote', name: 'Nick "Nickname" Nolan' },
  { sam: 'odd.signs', name: 'a+b;c<d>e=f' },
  { sam: 'odd.wild', name: 'wild*card (paren)' },
  { sam: 'odd.unicode', name: 'Zoë Østergård 李' },
]

export function sampleForest(options: SampleOptions = {}): SampleForest {
  const random = randomFrom(options.seed)
  const baseDn = options.baseDn ?? 'DC=corp,DC=example,DC=test'
  const dns = (parseDn(baseDn) ?? []).map((rdn) => rdn.value).join('.')
  const extra = Array.from({ length: options.extraUsers ?? 0 }, (_, index) => `user${String(index + 1).padStart(4, '0')}`)
  const described = [...people, ...extra.map((sam) => ({ sam, name: `Sample ${sam}` }))]
  const sidParts = [0, 4, 8].map((offset) => random(12).readUInt32LE(offset))
  return {
    baseDn,
    netbiosName: options.netbiosName ?? 'CORP',
    hostName: options.hostName ?? `dc1.${dns}`,
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
