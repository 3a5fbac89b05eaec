/**
 * Security descriptors of entries: what each class starts with, what an administrator wrote, and what comes from above.
 *
 * Stored is an entry's own list; what it inherits is worked out when it is asked for ([MS-DTYP] 2.5.3.4), unless the list is
 * protected. Protected accounts (adminCount 1) inherit nothing: AdminSDHolder's list replaces theirs ([MS-ADTS] 3.1.1.6.1).
 * Owner and group are always Domain Admins, there is no SACL, and no CREATOR OWNER. Defaults are the part of the schema's
 * (defaultSecurityDescriptor) that this server acts upon; administrators may do everything without looking here.
 */
import { effectiveAces, type Subject } from '../../agent/ctl/access.ts'
import { type Ace, accessMask, encodeAce, isInherited } from '../../agent/ctl/ace.ts'
import { controlBit, type Descriptor, decodeDescriptor, encodeDescriptor, listRevision } from '../../agent/ctl/descriptor.ts'
import { rights } from '../../agent/ctl/four-rights.ts'
import { isFault } from '../../shared/fault.ts'
import type { Domain } from './domain.ts'
import { type Entry, isA } from './entries.ts'
import { guidOctets, sidOctets } from './identifiers.ts'
import { groupsOf } from './membership.ts'
import type { ObjectClass } from './schema.ts'

/** What SD_FLAGS chooses ([MS-ADTS] 3.1.1.3.4.1.11). */
export const part = { owner: 1, group: 2, dacl: 4, sacl: 8, all: 15 } as const

const known = (text: string): Buffer => sidOctets(text) ?? Buffer.alloc(0)
const everyone = known('S-1-1-0')
const principalSelf = known('S-1-5-10')
const authenticated = known('S-1-5-11')
const domainAdmins = (domainSid: string): Buffer => known(`${domainSid}-512`)

const entryFor = (sid: Buffer, mask: number, more: Partial<Ace> = {}): Buffer =>
  encodeAce({ kind: 'allow', flags: 0, mask, objectType: undefined, inheritedObjectType: undefined, sid, ...more })

const changePassword = { objectType: rights.changePassword.identifier }

/** "User cannot change password", as the administrative tools write it: denied to Everyone and to Self. */
const cannotChange = [everyone, principalSelf].map((sid) => entryFor(sid, accessMask.controlAccess, { kind: 'deny', ...changePassword }))

const own = (aces: readonly Buffer[], control = 0): Descriptor => ({
  revision: 1,
  sbz1: 0,
  control: control | controlBit.selfRelative | controlBit.daclPresent,
  owner: undefined,
  group: undefined,
  sacl: undefined,
  dacl: { revision: listRevision, sbz1: 0, sbz2: 0, aces, unused: Buffer.alloc(0) },
})

export function defaultDescriptor(domainSid: string, { chain }: ObjectClass): Buffer {
  const administrators = entryFor(domainAdmins(domainSid), accessMask.full)
  const readers = chain.includes('msDS-PasswordSettings') ? [] : [entryFor(authenticated, accessMask.genericRead)]
  const people = chain.includes('user')
    ? [everyone, principalSelf].map((sid) => entryFor(sid, accessMask.controlAccess, changePassword))
    : []
  return encodeDescriptor(own([administrators, ...readers, ...people]))
}

/** What is stored of a descriptor somebody wrote: the list without what it inherited. Undefined when it is none. */
export function ownDescriptor(values: readonly Buffer[]): Buffer | undefined {
  try {
    const written = decodeDescriptor(values[0] ?? Buffer.alloc(0))
    const explicit = (written.dacl?.aces ?? []).filter((ace) => !isInherited(ace))
    return encodeDescriptor(own(explicit, written.control & controlBit.daclProtected))
  } catch (error) {
    if (isFault(error)) return undefined
    throw error
  }
}

const stored = (entry: Entry): Descriptor => decodeDescriptor(entry.attributes.values('nTSecurityDescriptor')[0] ?? Buffer.alloc(0))

export function editOwn(entry: Entry, edit: (own: Descriptor) => Descriptor): void {
  entry.attributes.set('nTSecurityDescriptor', encodeDescriptor(edit(stored(entry))))
}

export const denyChange = (entry: Entry): void =>
  editOwn(entry, (present) => own([...cannotChange, ...(present.dacl?.aces ?? [])], present.control))

/** "Disable inheritance", and what was inherited removed. */
export const blockInheritance = (entry: Entry): void =>
  editOwn(entry, (present) => ({ ...present, control: present.control | controlBit.daclProtected }))

export const allowReading = (entry: Entry, sid: Buffer): void =>
  editOwn(entry, (present) => own([entryFor(sid, accessMask.genericRead), ...(present.dacl?.aces ?? [])], present.control))

/** schemaIDGUID of the classes that entries here are inherited by. */
const classIds: Readonly<Record<string, Buffer | undefined>> = {
  user: guidOctets('bf967aba-0de6-11d0-a285-00aa003049e2'),
  group: guidOctets('bf967a9c-0de6-11d0-a285-00aa003049e2'),
  organizationalUnit: guidOctets('bf967aa5-0de6-11d0-a285-00aa003049e2'),
}
const classIdOf = (entry: Entry): Buffer => classIds[entry.attributes.texts('objectClass').at(-1) ?? ''] ?? Buffer.alloc(16)

const autoInherited = 0x0400

/** As it is in force: own entries, then inherited ones. */
export function descriptorOf(domain: Domain, entry: Entry): Descriptor {
  const present = stored(entry)
  const blocked = (present.control & controlBit.daclProtected) !== 0 || (isA(entry, 'user') && entry.attributes.text('adminCount') === '1')
  const container = entry === domain.head || blocked ? undefined : domain.tree.get(entry.dn.slice(1))
  const above = container === undefined ? [] : (descriptorOf(domain, container).dacl?.aces ?? [])
  const administrators = domainAdmins(domain.domainSid)
  return {
    ...own(
      effectiveAces(present.dacl?.aces ?? [], above, classIdOf(entry)),
      present.control | autoInherited | (blocked ? controlBit.daclProtected : 0),
    ),
    owner: administrators,
    group: administrators,
  }
}

/** The value of nTSecurityDescriptor for these parts. */
export function descriptorParts(domain: Domain, entry: Entry, parts: number): Buffer {
  const { owner, group, dacl, control, ...rest } = descriptorOf(domain, entry)
  const has = (bit: number) => (parts & bit) !== 0
  return encodeDescriptor({
    ...rest,
    control: has(part.dacl) ? control : controlBit.selfRelative,
    owner: has(part.owner) ? owner : undefined,
    group: has(part.group) ? group : undefined,
    dacl: has(part.dacl) ? dacl : undefined,
  })
}

/** Whom access is judged for, on which entry. */
export const subjectOf = (domain: Domain, actor: Entry, target: Entry): Subject => ({
  sids: [actor, ...groupsOf(domain.tree, actor)].flatMap((entry) => entry.attributes.values('objectSid')),
  objectSid: target.attributes.values('objectSid')[0],
})
