/**
 * The four permissions password writeback needs, as data: what each is called by each tool, its identifier, its place in a mask.
 *
 * Identifiers: [MS-ADTS] 5.1.3.2.1 (User-Force-Change-Password, User-Change-Password), [MS-ADA1] lockoutTime and [MS-ADA3]
 * pwdLastSet (schemaIDGUID); pwdLastSet belongs to the property set User Account Restrictions, lockoutTime to none.
 */
import { type Ace, accessMask, aceFlag, encodeAce } from './ace.ts'
import { guidBytes, guidText, sidText } from './identifiers.ts'

export const fourRights = ['resetPassword', 'changePassword', 'lockoutTime', 'pwdLastSet'] as const
export type FourRight = (typeof fourRights)[number]

export interface Right {
  /** As the administrative tools call it. */
  title: string
  /** dsacls: letters, and the name it knows. */
  dsacls: string
  mask: number
  identifier: Buffer
  propertySet?: Buffer
}

export const rights: Readonly<Record<FourRight, Right>> = {
  resetPassword: {
    title: 'Reset Password',
    dsacls: 'CA;Reset Password',
    mask: accessMask.controlAccess,
    identifier: guidBytes('00299570-246d-11d0-a768-00aa006e0529'),
  },
  changePassword: {
    title: 'Change Password',
    dsacls: 'CA;Change Password',
    mask: accessMask.controlAccess,
    identifier: guidBytes('ab721a53-1e2f-11d0-9819-00aa0040529b'),
  },
  lockoutTime: {
    title: 'Write lockoutTime',
    dsacls: 'WP;lockoutTime',
    mask: accessMask.writeProperty,
    identifier: guidBytes('28630ebf-41d5-11d1-a9c1-0000f80367c1'),
  },
  pwdLastSet: {
    title: 'Write pwdLastSet',
    dsacls: 'WP;pwdLastSet',
    mask: accessMask.writeProperty,
    identifier: guidBytes('bf967a0a-0de6-11d0-a285-00aa003049e2'),
    propertySet: guidBytes('4c164200-20c0-11d0-a768-00aa006e0529'),
  },
}

/** schemaIDGUID of classes. */
export const classes = { user: guidBytes('bf967aba-0de6-11d0-a285-00aa003049e2') } as const

/** For objects below, not for the one that gets it. */
const forDescendants = aceFlag.containerInherit | aceFlag.inheritOnly

const rightAce = (right: FourRight, sid: Buffer): Ace => ({
  kind: 'allow',
  flags: forDescendants,
  mask: rights[right].mask,
  objectType: rights[right].identifier,
  inheritedObjectType: classes.user,
  sid,
})

export interface Entry {
  title: string
  ace: Buffer
  /** In SDDL ([MS-DTYP] 2.5.1.1), `sid` as it was given. */
  sddl: (sid: string) => string
}

/** Lets `sid` use one right on all users below the object that gets this. */
export const rightEntry = (right: FourRight, sid: Buffer): Entry => ({
  title: rights[right].title,
  ace: encodeAce(rightAce(right, sid)),
  sddl: rightSddl(right),
})

export const fourEntries = (sid: Buffer): Entry[] => fourRights.map((right) => rightEntry(right, sid))

const rightSddl = (right: FourRight) => (sid: string) => {
  const { mask, identifier } = rights[right]
  return `(OA;CIIO;${mask === accessMask.controlAccess ? 'CR' : 'WP'};${guidText(identifier)};${guidText(classes.user)};${sid})`
}

/** Read, on the Password Settings Container and the fine-grained policies in it. */
export const policyEntry = (sid: Buffer): Entry => ({
  title: 'Read',
  ace: encodeAce({
    kind: 'allow',
    flags: aceFlag.containerInherit,
    mask: accessMask.genericRead,
    objectType: undefined,
    inheritedObjectType: undefined,
    sid,
  }),
  sddl: (text) => `(A;CI;LCRPLORC;;;${text})`,
})

export const sddlOf = ({ sddl }: Entry, sid: Buffer): string => sddl(sidText(sid))
