/**
 * What a security descriptor allows: which of the four rights an account has on one object, and what objects below inherit.
 *
 * Entries count in their order and each right is decided by the first that names it ([MS-ADTS] 5.1.3.3.2 to 5.1.3.3.4), so a
 * denial counts only where it stands before. An entry for an attribute may name the attribute, a set it belongs to, the
 * object's class, or nothing; one for an extended right names the right or nothing. Entries "for objects below only" are passed
 * over. Inheritance: [MS-DTYP] 2.5.3.4.
 */
import { type Ace, accessMask, aceFlag, isInherited, viewAce } from './ace.ts'
import { controlBit, type Descriptor } from './descriptor.ts'
import { classes, type FourRight, type Right, rights } from './four-rights.ts'
import { sidBytes } from './identifiers.ts'

export interface Subject {
  /** The account's own SID and those of all its groups (tokenGroups); Everyone and Authenticated Users are added here. */
  sids: readonly Buffer[]
  /** Of the object the descriptor belongs to: entries for "Self" are meant for it. */
  objectSid?: Buffer | undefined
}

/** SIDs that every account carries that has signed in: Everyone and Authenticated Users ([MS-DTYP] 2.4.2.4). */
const everybody = ['S-1-1-0', 'S-1-5-11'].map(wellKnown)
const self = wellKnown('S-1-5-10')

function wellKnown(text: string): Buffer {
  const sid = sidBytes(text)
  if (sid === undefined) throw new TypeError('not a SID')
  return sid
}

/** `objectClass`: identifier of the object's class (most specific), 16 bytes; that of users if absent. */
export function rightsOf(descriptor: Descriptor, subject: Subject, objectClass: Buffer = classes.user): Record<FourRight, boolean> {
  const entries = applying(descriptor, subject)
  const has = (name: FourRight) => entries === 'everything' || decide(entries, rights[name], objectClass)
  return {
    resetPassword: has('resetPassword'),
    changePassword: has('changePassword'),
    lockoutTime: has('lockoutTime'),
    pwdLastSet: has('pwdLastSet'),
  }
}

/** Whether the object's attributes may be read, all of them. */
export function mayReadAll(descriptor: Descriptor, subject: Subject): boolean {
  const entries = applying(descriptor, subject)
  if (entries === 'everything') return true
  const deciding = entries.find(({ mask, objectType }) => objectType === undefined && (mask & accessMask.readProperty) !== 0)
  return deciding?.kind === 'allow'
}

/** The entries that are about this subject and this object. No list at all allows everything ([MS-DTYP] 2.4.6). */
function applying({ control, dacl }: Descriptor, { sids, objectSid }: Subject): readonly Ace[] | 'everything' {
  if (dacl === undefined || (control & controlBit.daclPresent) === 0) return 'everything'
  const own = objectSid !== undefined && sids.some((sid) => sid.equals(objectSid))
  const carried = [...sids, ...everybody, ...(own ? [self] : [])]
  return dacl.aces.flatMap((bytes) => {
    const ace = viewAce(bytes)
    if (ace === undefined || ace === 'malformed' || (ace.flags & aceFlag.inheritOnly) !== 0) return []
    return carried.some((sid) => sid.equals(ace.sid)) ? [ace] : []
  })
}

function decide(entries: readonly Ace[], { mask, identifier, propertySet }: Right, objectClass: Buffer): boolean {
  const named = mask === accessMask.writeProperty ? [identifier, propertySet, objectClass] : [identifier]
  const about = ({ objectType }: Ace) => objectType === undefined || named.some((guid) => guid?.equals(objectType))
  return entries.find((ace) => (ace.mask & mask) !== 0 && about(ace))?.kind === 'allow'
}

/** What an object of this class directly below gets from the entries of its container. */
export function inheritedAces(aces: readonly Buffer[], objectClass: Buffer): Buffer[] {
  return aces.flatMap((bytes) => {
    const flags = bytes.readUInt8(1)
    if ((flags & aceFlag.containerInherit) === 0) return []
    const ace = viewAce(bytes)
    const forAnother = typeof ace === 'object' && ace.inheritedObjectType !== undefined && !ace.inheritedObjectType.equals(objectClass)
    const once = (flags & aceFlag.noPropagate) !== 0
    if (forAnother && once) return []
    const kept = once ? flags & ~(aceFlag.containerInherit | aceFlag.noPropagate | aceFlag.inheritOnly) : flags & ~aceFlag.inheritOnly
    const copy = Buffer.from(bytes)
    copy.writeUInt8(kept | aceFlag.inherited | (forAnother ? aceFlag.inheritOnly : 0), 1)
    return [copy]
  })
}

/** The list of an object below: its own entries, then what it inherits, unless its descriptor is protected. */
export function effectiveAces(own: readonly Buffer[], container: readonly Buffer[], objectClass: Buffer): Buffer[] {
  return [...own.filter((ace) => !isInherited(ace)), ...inheritedAces(container, objectClass)]
}

/** What an ordinary new object of this class would allow below the one with this descriptor. */
export function rightsBelow(descriptor: Descriptor, { sids }: Subject, objectClass: Buffer = classes.user): Record<FourRight, boolean> {
  if (descriptor.dacl === undefined) return rightsOf(descriptor, { sids }, objectClass)
  const dacl = { ...descriptor.dacl, aces: inheritedAces(descriptor.dacl.aces, objectClass) }
  return rightsOf({ ...descriptor, dacl }, { sids }, objectClass)
}

/** Inheritance is blocked: AdminSDHolder's descriptor replaced it, or an administrator said so ([MS-DTYP] 2.4.6, PD). */
export const blocksInheritance = ({ control }: Descriptor): boolean => (control & controlBit.daclProtected) !== 0
