/**
 * What tests may look at and disturb: users, policy, rights, faults. JSON in and out; a password goes in, never out.
 *
 * These act as the machine's owner would: rights are not checked, but names and values are. Unknown names throw.
 */
import { randomBytes } from 'node:crypto'
import { allowReading, blockInheritance } from './access.ts'
import { isLocked, mustChangePassword } from './account.ts'
import type { Attributes } from './attributes.ts'
import { placeUser } from './build.ts'
import { digestOf, isPassword } from './credential.ts'
import { type DelegableRight, delegableRights, delegate, takeAway } from './delegation.ts'
import { parseDn } from './dn.ts'
import { type Domain, dnsDomain, places, touch } from './domain.ts'
import { type Entry, nameOf } from './entries.ts'
import type { DirectoryFault, Faults } from './faults.ts'
import { filetimeMs, guidText, interval } from './identifiers.ts'
import { directGroups } from './membership.ts'
import { complexityBit } from './policy.ts'
import { attributeKind } from './schema.ts'
import { describeUser, type UserSpec } from './seed.ts'

/** Durations in milliseconds; null is "for ever". */
export interface PolicyChange {
  minPwdLength?: number
  pwdHistoryLength?: number
  complexity?: boolean
  minPwdAgeMs?: number
  maxPwdAgeMs?: number | null
  lockoutThreshold?: number
  lockoutWindowMs?: number
  lockoutMs?: number | null
  /** Passwords with one of these inside are refused, as a password filter does. */
  bannedSubstrings?: string[]
  /** Do not count a bind with one of the two passwords before the present one (Windows does not). */
  forgivesRecentPasswords?: boolean
}

/** `sam`, `dn` or GUID base of a user to what tests want to know. */
export function userFacts(domain: Domain, name: string) {
  const entry = entryOf(domain, name)
  const { attributes } = entry
  const pwdLastSet = attributes.integer('pwdLastSet') ?? 0n
  const guid = attributes.values('objectGUID')[0] ?? Buffer.alloc(16)
  return {
    dn: nameOf(entry),
    objectGuid: guidText(guid),
    immutableId: (attributes.values('mS-DS-ConsistencyGuid')[0] ?? guid).toString('base64'),
    sam: attributes.text('sAMAccountName') ?? '',
    upn: attributes.text('userPrincipalName') ?? '',
    displayName: attributes.text('displayName') ?? '',
    locked: isLocked(domain, entry),
    badPwdCount: attributes.number('badPwdCount'),
    mustChange: mustChangePassword(entry),
    /** When the password was last set; null when it must be changed. */
    pwdLastSetMs: pwdLastSet === 0n ? null : filetimeMs(pwdLastSet),
    memberOf: directGroups(domain.tree, entry).map(nameOf),
    passwordWrites: domain.passwordWrites.get(guidText(guid))?.length ?? 0,
  }
}

function writeLog(domain: Domain, name: string, candidates: readonly string[]): { at: number; candidate: number }[] {
  const { attributes, credential } = entryOf(domain, name)
  const digests = new Map(candidates.map((password, at) => [credential ? digestOf(credential, password) : '', at]))
  const writes = domain.passwordWrites.get(guidText(attributes.values('objectGUID')[0] ?? Buffer.alloc(16))) ?? []
  return writes.map(({ at, digest }) => ({ at, candidate: digests.get(digest.toString('hex')) ?? -1 }))
}

function entryOf(domain: Domain, name: string): Entry {
  const base = domain.tree.find(name)
  const bySam = () => [...domain.tree.ofClass('user')].find((user) => user.attributes.text('sAMAccountName') === name)
  const entry = base.kind === 'entry' ? base.entry : bySam()
  if (entry === undefined) throw new Error('no entry of this name')
  return entry
}

function setPolicy(domain: Domain, change: PolicyChange): undefined {
  const { attributes } = domain.head
  const set = (name: string, value: number | bigint | undefined) => value !== undefined && attributes.set(name, value)
  const duration = (ms: number | null | undefined) => (ms === undefined ? undefined : interval(ms ?? Number.POSITIVE_INFINITY))
  set('minPwdLength', change.minPwdLength)
  set('pwdHistoryLength', change.pwdHistoryLength)
  set('pwdProperties', change.complexity === undefined ? undefined : change.complexity ? complexityBit : 0)
  set('minPwdAge', duration(change.minPwdAgeMs))
  set('maxPwdAge', duration(change.maxPwdAgeMs))
  set('lockoutThreshold', change.lockoutThreshold)
  set('lockOutObservationWindow', duration(change.lockoutWindowMs))
  set('lockoutDuration', duration(change.lockoutMs))
  domain.bannedSubstrings = change.bannedSubstrings ?? domain.bannedSubstrings
  domain.forgivesRecentPasswords = change.forgivesRecentPasswords ?? domain.forgivesRecentPasswords
  touch(domain, domain.head)
}

/** Values as text; null removes; binary attributes in base64. */
export type AttributeTexts = Record<string, string | number | string[] | null>

function setAttributes(domain: Domain, name: string, values: AttributeTexts): undefined {
  const entry = entryOf(domain, name)
  const draft: Attributes = entry.attributes.copy()
  for (const [attribute, value] of Object.entries(values)) {
    const kind = attributeKind(attribute)
    if (kind === undefined || kind.name === 'unicodePwd') throw new Error('no attribute of this name can be set')
    const list = value === null ? [] : Array.isArray(value) ? value : [value]
    draft.set(kind.name, ...list.map((one) => (kind.syntax === 'binary' ? Buffer.from(String(one), 'base64') : one)))
  }
  entry.attributes = draft
  touch(domain, entry)
}

function grant(domain: Domain, trustee: string, container: string, rights: readonly DelegableRight[]): undefined {
  if (parseDn(container) === undefined || rights.some((right) => !delegableRights.includes(right)))
    throw new Error('no such container or right')
  delegate(domain, entryOf(domain, trustee), entryOf(domain, container), rights)
}

function addUser(domain: Domain, spec: UserSpec): ReturnType<typeof userFacts> {
  const user = describeUser(spec, { baseDn: places(domain).base, dns: dnsDomain(domain), random: randomBytes })
  return userFacts(domain, nameOf(placeUser(domain, user)))
}

export function directoryControl(domain: Domain, faults: Faults, connections: { size: () => number; drop: () => void }) {
  return {
    addUser: (spec: UserSpec & { password: string }) => addUser(domain, spec),
    setAttributes: (name: string, values: AttributeTexts): undefined => setAttributes(domain, name, values),
    user: (name: string) => userFacts(domain, name),
    verifyPassword(name: string, password: string): boolean {
      const { credential } = entryOf(domain, name)
      return credential !== undefined && isPassword(credential, password)
    },
    setPolicy: (change: PolicyChange): undefined => setPolicy(domain, change),
    grant: (trustee: string, container: string, rights: readonly DelegableRight[]) => grant(domain, trustee, container, rights),
    /** Takes every delegated right away from one account. */
    revoke(trustee: string): undefined {
      takeAway(domain, entryOf(domain, trustee))
    },
    /** "Disable inheritance": what was granted above does not reach it any more. */
    blockInheritance(name: string): undefined {
      blockInheritance(entryOf(domain, name))
    },
    /** Lets one account read what is hidden from ordinary ones: a password settings object. */
    allowReading(trustee: string, name: string): undefined {
      const [sid] = entryOf(domain, trustee).attributes.values('objectSid')
      if (sid !== undefined) allowReading(entryOf(domain, name), sid)
    },
    setSupportedControls(oids: string[]): undefined {
      domain.supportedControls = oids
    },
    fault(fault: DirectoryFault): undefined {
      faults.plan(fault)
    },
    /** One change after another, so long for each; 0 ends it. */
    slowDown(modifyMs: number): undefined {
      faults.slowDown(modifyMs)
    },
    /** Ends what hangs (it is carried out now) and forgets what was still to come. */
    clearFaults(): undefined {
      faults.clear()
    },
    /** Resolves once an operation hangs. */
    async whenHeld(): Promise<undefined> {
      await faults.whenHeld()
    },
    /** Password writes applied, by GUID. */
    writes: (): Record<string, number> => Object.fromEntries([...domain.passwordWrites].map(([guid, writes]) => [guid, writes.length])),
    /** When which of these passwords was written for somebody, the oldest first; -1 is none of them. */
    writeLog: (name: string, candidates: string[]) => writeLog(domain, name, candidates),
    connections: (): number => connections.size(),
    dropConnections(): undefined {
      connections.drop()
    },
  }
}

export type DirectoryControl = ReturnType<typeof directoryControl>
