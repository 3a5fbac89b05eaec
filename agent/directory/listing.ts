/**
 * Everybody in the scope of one rule, page by page, for reports: the same filter, anchor and protection as in account.ts, which
 * reads one account for the moment a password is set.
 *
 * Two readings: by which anchor each account goes, and later, when all anchors are known, what a report says about it.
 */
import { accountFlags, anchorOf, consistencyGuid, guidOf, isGuid, objectGuid, personWith, type View } from './account.ts'
import type { Connection } from './connection.ts'
import { readPages } from './pages.ts'
import { type ProtectedBy, protectionAttributes } from './protected-members.ts'
import { fileTimeToMs, integerOf, type Row, required, textOf } from './rows.ts'

export interface ListedAnchor {
  /** objectGUID, 16 bytes. */
  guid: Buffer
  /** undefined: it has none. */
  anchor: string | undefined
  /** The anchor was made from this account's own objectGUID. */
  isOwner: boolean
}

export interface ListedAccount extends ListedAnchor {
  dn: string
  accountName: string
  principalName: string
  /** What protects it, if anything does. */
  protectedBy: string | undefined
  disabled: boolean
  smartCardRequired: boolean
  /** ms since the epoch; undefined: never. */
  expiresAtMs: number | undefined
}

export interface Scope extends View {
  baseDn: string
}

const anchorAttributes = [objectGuid, consistencyGuid]
const accountAttributes = [
  'distinguishedName',
  'sAMAccountName',
  'userPrincipalName',
  'userAccountControl',
  'accountExpires',
  ...protectionAttributes,
]

export async function* listAnchors(connection: Connection, scope: Scope): AsyncGenerator<ListedAnchor[], void, undefined> {
  const attributes = [...new Set([...anchorAttributes, scope.anchor])]
  for await (const page of readPages(connection, scope.baseDn, personWith(scope), attributes)) yield page.map((row) => toAnchor(row, scope))
}

export async function* listAccounts(
  connection: Connection,
  scope: Scope,
  protectedBy: ProtectedBy,
): AsyncGenerator<ListedAccount[], void, undefined> {
  const attributes = [...new Set([...anchorAttributes, scope.anchor, ...accountAttributes])]
  for await (const page of readPages(connection, scope.baseDn, personWith(scope), attributes)) {
    yield page.map((row) => ({ ...toAnchor(row, scope), ...toAccount(row), protectedBy: protectedBy(row) }))
  }
}

function toAnchor(row: Row, view: View): ListedAnchor {
  const guid = guidOf(row)
  const anchor = anchorOf(row, guid, view)
  return { guid, anchor, isOwner: isGuid(view) && anchor === guid.toString('base64') }
}

function toAccount(row: Row): Omit<ListedAccount, keyof ListedAnchor | 'protectedBy'> {
  const control = Number(required(integerOf(row, 'userAccountControl'), 'userAccountControl'))
  return {
    dn: required(textOf(row, 'distinguishedName'), 'distinguishedName'),
    accountName: textOf(row, 'sAMAccountName') ?? '',
    principalName: textOf(row, 'userPrincipalName') ?? '',
    disabled: (control & accountFlags.disabled) !== 0,
    smartCardRequired: (control & accountFlags.smartCardRequired) !== 0,
    expiresAtMs: expiryOf(integerOf(row, 'accountExpires') ?? 0n),
  }
}

/** 0 and the greatest 64-bit number mean never ([MS-ADA1] accountExpires). */
const never = 0x7fff_ffff_ffff_ffffn

const expiryOf = (fileTime: bigint): number | undefined => (fileTime === 0n || fileTime >= never ? undefined : fileTimeToMs(fileTime))
