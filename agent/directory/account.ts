/**
 * One account of a person as the directory has it: read in one base search, everything that is decided about it at once.
 *
 * `tokenGroups` is computed for base searches only, so an account that was found by a filter is read once more by its
 * objectGUID. A filter is built from bytes or parsed from a rule, never from what a person typed.
 * Source: [MS-ADTS] 3.1.1.4.5.19 (tokenGroups), 2.2.16 (userAccountControl), 3.1.1.3.1.2.4 (<GUID=…>).
 */
import { AndFilter, EqualityFilter, type Filter, FilterParser } from 'ldapts'
import { Fault } from '../../shared/fault.ts'
import type { Connection } from './connection.ts'
import { isProtectedSid } from './protected.ts'
import { allOf, bytesOf, findBase, guidDn, integerOf, type Row, readSub, required, textOf } from './rows.ts'

/** How a rule looks at accounts: which attribute is the source anchor, and what else they must fit (RFC 4515). */
export interface View {
  anchor: string
  filter?: string | undefined
}

export interface User {
  /** DNS name of its domain, lower case: where it is written. */
  domain: string
  /** objectGUID, 16 bytes: what every later operation names the account by. */
  guid: Buffer
  /** Never logged. */
  dn: string
  /** The source anchor it goes by, in the view it was read with; undefined if it has none. */
  anchor: string | undefined
  /** objectId of the cloud object that hybrid tools wrote down here (msDS-ExternalDirectoryObjectId), lower case. */
  cloudObject: string | undefined
  accountName: string
  displayName: string
  /** FILETIME; 0 = must change at next sign-in. */
  pwdLastSet: bigint
  /** userAccountControl, see accountFlags. */
  accountControl: number
  /** FILETIME; 0 and the greatest 64-bit number mean never. */
  accountExpires: bigint
  lockedOut: boolean
  /** Wrong attempts, and the FILETIME of the last one; the count starts anew after the observation window. */
  badPwdCount: number
  badPasswordTime: bigint
  /** A member of a protected group, or marked as one. */
  protected: boolean
  /** DN of the fine-grained policy that applies instead of the domain's. */
  policyObject?: string
  /** The directory's clock, ms. */
  serverNow: number
}

/** userAccountControl; `lockout` shows only in msDS-User-Account-Control-Computed. */
export const accountFlags = { disabled: 0x2, lockout: 0x10, smartCardRequired: 0x40000 } as const

export const consistencyGuid = 'mS-DS-ConsistencyGuid'
export const objectGuid = 'objectGUID'
const attributes = [
  objectGuid,
  consistencyGuid,
  'msDS-ExternalDirectoryObjectId',
  'objectSid',
  'distinguishedName',
  'sAMAccountName',
  'displayName',
  'pwdLastSet',
  'userAccountControl',
  'msDS-User-Account-Control-Computed',
  'accountExpires',
  'badPwdCount',
  'badPasswordTime',
  'adminCount',
  'msDS-ResultantPSO',
  'tokenGroups',
]

export type ReadAccount = Omit<User, 'domain' | 'serverNow'>

/** The account with this objectGUID, if it is there, is a person's and fits the view. One read. */
export async function readAccount(connection: Connection, guid: Buffer, view: View): Promise<ReadAccount | undefined> {
  const row = await findBase(connection, guidDn(guid), personWith(view), [...new Set([...attributes, view.anchor])])
  return row && toAccount(row, view)
}

/** Every account below `baseDn` that carries `anchor` in the view's attribute, by its objectGUID. */
export async function searchAccounts(connection: Connection, baseDn: string, anchor: string, view: View): Promise<Buffer[]> {
  const value = isGuid(view) ? parseGuidAnchor(anchor) : anchor
  if (value === undefined || value.length === 0) return []
  const rows = await readSub(connection, baseDn, personWith(view, equal(view.anchor, value)), [objectGuid])
  return rows.map(guidOf)
}

/** Both are 16 bytes, and the anchor is their base64. */
export const isGuid = ({ anchor }: View): boolean =>
  [consistencyGuid, objectGuid].some((name) => name.toLowerCase() === anchor.toLowerCase())

const guidBytes = 16

/** What every later operation names the entry by. */
export function guidOf(row: Row): Buffer {
  const guid = bytesOf(row, objectGuid)
  return required(guid?.length === guidBytes ? guid : undefined, objectGuid)
}

/** One spelling only: what encodes back to the same text. */
export function parseGuidAnchor(anchor: string): Buffer | undefined {
  const bytes = Buffer.from(anchor, 'base64')
  return bytes.length === guidBytes && bytes.toString('base64') === anchor ? bytes : undefined
}

/** A filter of a rule. SETTINGS_INVALID if it is none. */
export function parseFilter(text: string): Filter {
  try {
    return FilterParser.parseString(text)
  } catch {
    throw new Fault('SETTINGS_INVALID', `a filter of ${text.length} characters is not one of RFC 4515`, { permanent: true })
  }
}

/** ldapts takes bytes for a value; its type says text only. */
export const equal = (attribute: string, value: string | Buffer) => new EqualityFilter({ attribute, value: value as string })

/** A computer is a user by objectClass and a contact a person by objectCategory: only both together mean an account of a person. */
export function personWith({ filter }: View, ...more: Filter[]): Filter {
  const own = filter === undefined ? [] : [parseFilter(filter)]
  return new AndFilter({ filters: [equal('objectCategory', 'person'), equal('objectClass', 'user'), ...own, ...more] })
}

function toAccount(row: Row, view: View): ReadAccount {
  const untouchable = isProtected(row)
  // What may not be touched may not be readable either, and need not be.
  const integer = (name: string) => (untouchable ? (integerOf(row, name) ?? 0n) : required(integerOf(row, name), name))
  const guid = guidOf(row)
  const policyObject = textOf(row, 'msDS-ResultantPSO')
  return {
    guid,
    dn: required(textOf(row, 'distinguishedName'), 'distinguishedName'),
    anchor: anchorOf(row, guid, view),
    cloudObject: /^User_([0-9a-f-]{36})$/i.exec(textOf(row, 'msDS-ExternalDirectoryObjectId') ?? '')?.[1]?.toLowerCase(),
    accountName: required(textOf(row, 'sAMAccountName'), 'sAMAccountName'),
    displayName: textOf(row, 'displayName') ?? '',
    pwdLastSet: integer('pwdLastSet'),
    accountControl: Number(integer('userAccountControl')),
    accountExpires: integerOf(row, 'accountExpires') ?? 0n,
    lockedOut: (Number(integerOf(row, 'msDS-User-Account-Control-Computed') ?? 0n) & accountFlags.lockout) !== 0,
    badPwdCount: Number(integerOf(row, 'badPwdCount') ?? 0n),
    badPasswordTime: integerOf(row, 'badPasswordTime') ?? 0n,
    protected: untouchable,
    ...(policyObject !== undefined && { policyObject }),
  }
}

/**
 * mS-DS-ConsistencyGuid stands for itself, or for the objectGUID while it is empty: the rule of Microsoft Entra Connect
 * ("Using ms-DS-ConsistencyGuid as sourceAnchor"). An account that carries another one does not go by its objectGUID.
 */
export function anchorOf(row: Row, guid: Buffer, view: View): string | undefined {
  if (!isGuid(view)) return textOf(row, view.anchor)
  const own = view.anchor.toLowerCase() === objectGuid.toLowerCase() ? guid : (bytesOf(row, consistencyGuid) ?? guid)
  return own.toString('base64')
}

function isProtected(row: Row): boolean {
  if ((integerOf(row, 'adminCount') ?? 0n) > 0n || isProtectedSid(required(bytesOf(row, 'objectSid'), 'objectSid'))) return true
  const groups = allOf(row, 'tokenGroups')
  // Everybody has a primary group: an empty list is one that may not be read, and must not pass for "in no group".
  required(groups[0], 'tokenGroups')
  return groups.some(isProtectedSid)
}
