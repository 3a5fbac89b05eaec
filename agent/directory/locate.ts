/**
 * Finds the one account a source anchor names, and reads in the same search everything that is decided about it.
 *
 * The source anchor of an account is its mS-DS-ConsistencyGuid, or its objectGUID while that is empty (the rule of Microsoft
 * Entra Connect, "Using ms-DS-ConsistencyGuid as sourceAnchor"); it travels as base64 of 16 bytes. Any other text names
 * nobody: anchors of other kinds come with the synchronization rules. The filter is built from bytes, never from text.
 */
import { AndFilter, EqualityFilter } from 'ldapts'
import type { Connection } from './connection.ts'
import { bytesOf, integerOf, type Row, readServerNow, readSub, required, textOf } from './rows.ts'

export interface User {
  /** objectGUID, 16 bytes: what every later operation names the account by. */
  guid: Buffer
  /** objectSid in its binary form. */
  sid: Buffer
  /** Never logged. */
  dn: string
  accountName: string
  displayName: string
  /** FILETIME; 0 = must change at next sign-in. */
  pwdLastSet: bigint
  /** userAccountControl, see accountFlags. */
  accountControl: number
  /** FILETIME; 0 and the greatest 64-bit number mean never. */
  accountExpires: bigint
  lockedOut: boolean
  adminCount: bigint
  /** DN of the fine-grained policy that applies instead of the domain's. */
  policyObject?: string
  /** The directory's clock, ms. */
  serverNow: number
}

export type Located = { kind: 'user'; user: User } | { kind: 'userNotFound' } | { kind: 'ambiguousUser' }

/** userAccountControl ([MS-ADTS] 2.2.16); `lockout` shows only in msDS-User-Account-Control-Computed. */
export const accountFlags = { disabled: 0x2, lockout: 0x10, smartCardRequired: 0x40000 } as const

const anchorBytes = 16
const attributes = [
  'objectGUID',
  'mS-DS-ConsistencyGuid',
  'objectSid',
  'distinguishedName',
  'sAMAccountName',
  'displayName',
  'pwdLastSet',
  'userAccountControl',
  'msDS-User-Account-Control-Computed',
  'accountExpires',
  'adminCount',
  'msDS-ResultantPSO',
]

export async function locate(connection: Connection, baseDn: string, sourceAnchor: string): Promise<Located> {
  const anchor = parseAnchor(sourceAnchor)
  if (!anchor) return { kind: 'userNotFound' }
  const claimants = await claimantsOf(connection, baseDn, anchor)
  const [only] = claimants
  if (!only) return { kind: 'userNotFound' }
  // Two accounts with one anchor: choosing would be guessing whose password to set.
  if (claimants.length > 1) return { kind: 'ambiguousUser' }
  return { kind: 'user', user: toUser(only, await readServerNow(connection)) }
}

/**
 * The account the anchor was made from, if it is here and still goes by it, else whoever carries it as ConsistencyGuid.
 *
 * Two searches, because only objectGUID is indexed: the other one reads every account below `baseDn` (measured on Samba: 5 ms
 * with 140 accounts, 10 ms with 640). Who copies the anchor of an account that is here gains nothing: its owner is found.
 */
async function claimantsOf(connection: Connection, baseDn: string, anchor: Buffer): Promise<Row[]> {
  const goesBy = (row: Row) => anchorOf(row).equals(anchor)
  const owner = (await readSub(connection, baseDn, personWith('objectGUID', anchor), attributes)).filter(goesBy)
  if (owner.length > 0) return owner
  return (await readSub(connection, baseDn, personWith('mS-DS-ConsistencyGuid', anchor), attributes)).filter(goesBy)
}

/** One spelling only: what encodes back to the same text. */
export function parseAnchor(sourceAnchor: string): Buffer | undefined {
  const anchor = Buffer.from(sourceAnchor, 'base64')
  return anchor.length === anchorBytes && anchor.toString('base64') === sourceAnchor ? anchor : undefined
}

/** A computer is a user by objectClass and a contact a person by objectCategory: only both together mean an account of a person. */
const personWith = (attribute: 'objectGUID' | 'mS-DS-ConsistencyGuid', anchor: Buffer) =>
  new AndFilter({
    filters: [
      new EqualityFilter({ attribute: 'objectCategory', value: 'person' }),
      new EqualityFilter({ attribute: 'objectClass', value: 'user' }),
      new EqualityFilter({ attribute, value: anchor }),
    ],
  })

/** An account found by its objectGUID that carries another ConsistencyGuid is not the one meant. */
const anchorOf = (row: Row): Buffer => bytesOf(row, 'mS-DS-ConsistencyGuid') ?? required(bytesOf(row, 'objectGUID'), 'objectGUID')

function toUser(row: Row, serverNow: number): User {
  const integer = (name: string) => required(integerOf(row, name), name)
  const policyObject = textOf(row, 'msDS-ResultantPSO')
  return {
    guid: required(bytesOf(row, 'objectGUID'), 'objectGUID'),
    sid: required(bytesOf(row, 'objectSid'), 'objectSid'),
    dn: required(textOf(row, 'distinguishedName'), 'distinguishedName'),
    accountName: required(textOf(row, 'sAMAccountName'), 'sAMAccountName'),
    displayName: textOf(row, 'displayName') ?? '',
    pwdLastSet: integer('pwdLastSet'),
    accountControl: Number(integer('userAccountControl')),
    accountExpires: integerOf(row, 'accountExpires') ?? 0n,
    lockedOut: (Number(integerOf(row, 'msDS-User-Account-Control-Computed') ?? 0n) & accountFlags.lockout) !== 0,
    adminCount: integerOf(row, 'adminCount') ?? 0n,
    ...(policyObject !== undefined && { policyObject }),
    serverNow,
  }
}
