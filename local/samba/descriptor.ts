/**
 * Access rights as Active Directory keeps them: entries put in front of the list (DACL) of one object's security descriptor.
 *
 * The bytes are those of the product (agent/ctl): what it writes wrongly, Samba refuses here. Only the list is read and written
 * (SD_FLAGS = 4), so owner and group stay as they are.
 */
import { BerWriter, Control } from 'ldapts'
import { accessMask, encodeAce, isInherited } from '../../agent/ctl/ace.ts'
import { controlBit, decodeDescriptor, encodeDescriptor, withAces } from '../../agent/ctl/descriptor.ts'
import { rightEntry, rights } from '../../agent/ctl/four-rights.ts'
import type { DelegableRight } from '../directory/delegation.ts'

export const everyone = Buffer.from('010100000000000100000000', 'hex')
export const principalSelf = Buffer.from('01010000000000050a000000', 'hex')

/** Lets `sid` use one right on all users below the object that gets it. */
export const allowOnUsersBelow = (right: DelegableRight, sid: Buffer): Buffer => rightEntry(right, sid).ace

/** "User cannot change password", as the administrative tools write it: for Everyone and for Self. */
export const cannotChangePassword = (): Buffer[] =>
  [everyone, principalSelf].map((sid) =>
    encodeAce({
      kind: 'deny',
      flags: 0,
      mask: accessMask.controlAccess,
      objectType: rights.changePassword.identifier,
      inheritedObjectType: undefined,
      sid,
    }),
  )

/** Lets `sid` see one object and read all of it. */
export const allowReading = (sid: Buffer): Buffer =>
  encodeAce({ kind: 'allow', flags: 0, mask: accessMask.genericRead, objectType: undefined, inheritedObjectType: undefined, sid })

/** SE_DACL_PROTECTED: this list takes nothing from above ([MS-DTYP] 2.4.6). */
export function withoutInheritance(descriptor: Buffer): Buffer {
  const decoded = decodeDescriptor(descriptor)
  const own = (decoded.dacl?.aces ?? []).filter((ace) => !isInherited(ace))
  return encodeDescriptor(withAces({ ...decoded, control: decoded.control | controlBit.daclProtected }, own))
}

/** A descriptor whose list holds what `edit` makes of the entries of this one. */
export function editAces(descriptor: Buffer, edit: (aces: readonly Buffer[]) => readonly Buffer[]): Buffer {
  const decoded = decodeDescriptor(descriptor)
  return encodeDescriptor(withAces(decoded, edit(decoded.dacl?.aces ?? [])))
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
