/**
 * Access rights as Active Directory keeps them: entries put in front of the list (DACL) of one object's security descriptor.
 *
 * Bytes: [MS-DTYP] 2.4.6 SECURITY_DESCRIPTOR (self-relative), 2.4.5 ACL, 2.4.4.3 and 2.4.4.4 object ACEs. Only the list is
 * read and written (SD_FLAGS = 4), so owner and group stay as they are.
 */
import { BerWriter, Control } from 'ldapts'
import type { DelegableRight } from '../directory/delegation.ts'
import { guidOctets } from '../directory/identifiers.ts'

const guids = {
  resetPassword: '00299570-246d-11d0-a768-00aa006e0529',
  changePassword: 'ab721a53-1e2f-11d0-9819-00aa0040529b',
  lockoutTime: '28630ebf-41d5-11d1-a9c1-0000f80367c1',
  pwdLastSet: 'bf967a0a-0de6-11d0-a285-00aa003049e2',
  user: 'bf967aba-0de6-11d0-a285-00aa003049e2',
} as const

const aceType = { allow: 0, allowObject: 5, denyObject: 6 } as const
const mask = {
  listChildren: 0x4,
  readProperty: 0x10,
  writeProperty: 0x20,
  listObject: 0x80,
  controlAccess: 0x100,
  readControl: 0x20000,
} as const
/** For objects below (container inherit), and not for this one (inherit only). */
const forDescendants = 0x02 | 0x08

export const everyone = Buffer.from('010100000000000100000000', 'hex')
export const principalSelf = Buffer.from('01010000000000050a000000', 'hex')

const maskOf = (right: DelegableRight): number =>
  right === 'lockoutTime' || right === 'pwdLastSet' ? mask.writeProperty : mask.controlAccess

/** Lets `sid` use one right on all users below the object that gets it. */
export const allowOnUsersBelow = (right: DelegableRight, sid: Buffer): Buffer =>
  objectAce(aceType.allowObject, forDescendants, maskOf(right), [guids[right], guids.user], sid)

/** "User cannot change password", as the administrative tools write it: for Everyone and for Self. */
export const cannotChangePassword = (): Buffer[] =>
  [everyone, principalSelf].map((sid) => objectAce(aceType.denyObject, 0, mask.controlAccess, [guids.changePassword], sid))

/** Lets `sid` see one object and read all of it. */
export function allowReading(sid: Buffer): Buffer {
  const ace = Buffer.concat([Buffer.alloc(8), sid])
  ace.writeUInt8(aceType.allow, 0)
  ace.writeUInt16LE(ace.length, 2)
  ace.writeUInt32LE(mask.listChildren | mask.readProperty | mask.listObject | mask.readControl, 4)
  return ace
}

/** INHERITED_ACE: it stands here because it was granted above ([MS-DTYP] 2.4.4.1). */
export const isInherited = (ace: Buffer): boolean => (ace.readUInt8(1) & 0x10) !== 0

/** One identifier: what the right is about; two: also which class inherits it. */
function objectAce(type: number, flags: number, rights: number, identifiers: readonly string[], sid: Buffer): Buffer {
  const ace = Buffer.concat([Buffer.alloc(12), ...identifiers.map((guid) => guidOctets(guid) ?? Buffer.alloc(16)), sid])
  ace.writeUInt8(type, 0)
  ace.writeUInt8(flags, 1)
  ace.writeUInt16LE(ace.length, 2)
  ace.writeUInt32LE(rights, 4)
  ace.writeUInt32LE(2 ** identifiers.length - 1, 8)
  return ace
}

const headerLength = 20
const daclOffsetAt = 16

/** SE_DACL_PROTECTED: this list takes nothing from above ([MS-DTYP] 2.4.6). */
export function withoutInheritance(descriptor: Buffer): Buffer {
  const edited = Buffer.from(descriptor)
  edited.writeUInt16LE(edited.readUInt16LE(2) | 0x1000, 2)
  return editAces(edited, (aces) => aces.filter((ace) => !isInherited(ace)))
}

/** A descriptor whose list holds what `edit` makes of the entries of this one. */
export function editAces(descriptor: Buffer, edit: (aces: readonly Buffer[]) => readonly Buffer[]): Buffer {
  const acl = descriptor.subarray(descriptor.readUInt32LE(daclOffsetAt))
  const aces: Buffer[] = []
  for (let at = 8; aces.length < acl.readUInt16LE(4); ) {
    const ace = acl.subarray(at, at + acl.readUInt16LE(at + 2))
    aces.push(ace)
    at += ace.length
  }
  const edited = edit(aces)
  const body = Buffer.concat([acl.subarray(0, 8), ...edited])
  body.writeUInt8(4, 0) // ACL_REVISION_DS: object entries are inside
  body.writeUInt16LE(body.length, 2)
  body.writeUInt16LE(edited.length, 4)
  const header = Buffer.from(descriptor.subarray(0, headerLength))
  for (const offsetAt of [4, 8, 12]) header.writeUInt32LE(0, offsetAt) // owner, group and SACL are not sent
  header.writeUInt32LE(headerLength, daclOffsetAt)
  return Buffer.concat([header, body])
}

/** The SID is the last thing in an entry. */
export const isAbout = (ace: Buffer, sid: Buffer): boolean => ace.subarray(-sid.length).equals(sid)

/** LDAP_SERVER_SD_FLAGS: SEQUENCE { INTEGER }, 4 = the DACL alone ([MS-ADTS] 3.1.1.3.4.1.11). */
export class DaclOnly extends Control {
  constructor() {
    super('1.2.840.113556.1.4.801', { critical: true })
  }

  protected override writeControl(writer: BerWriter): void {
    const value = new BerWriter()
    value.startSequence()
    value.writeInt(4)
    value.endSequence()
    writer.writeBuffer(value.buffer, 0x04)
  }
}
