/**
 * The same change as text for the tools an administrator has: dsacls, PowerShell's ActiveDirectory module, SDDL.
 *
 * What was typed goes into commands that will be run: it is quoted as each tool quotes. `cmd` has no escape for `"` and expands
 * `%…%` even in quotes, so a DN carries them as hex pairs (RFC 4514 section 2.4). PowerShell ends a string at any of five
 * apostrophes and takes each doubled for itself.
 */

import { accessMask } from './ace.ts'
import { classes, type Entry, fourRights, rights } from './four-rights.ts'
import { guidText, sidText } from './identifiers.ts'
import type { Account, Place } from './principal.ts'

export interface Change {
  account: Account
  place: Place
  revoke: boolean
  /** Where to give read on the fine-grained policies, if wished. */
  policies: string | undefined
}

const forCmd = (dn: string): string => `"${dn.replaceAll(/\\?"/g, '\\22').replaceAll('%', '\\25')}"`
const forPowerShell = (text: string): string => `'${text.replaceAll(/['\u2018\u2019\u201a\u201b]/g, '$&$&')}'`

const unknown = { name: 'DOMAIN\\account', sid: 'SID-OF-THE-ACCOUNT' } as const

/** dsacls resolves names alone: `name@domain` is one that every account has. */
function dsaclsName({ given, accountName }: Account, { domainHead }: Place): string {
  if (accountName === undefined) return unknown.name
  if (given.includes('\\')) return given
  return `${accountName}@${[...domainHead.matchAll(/DC=([^,]+)/gi)].map(([, label = '']) => label.trim()).join('.')}`
}

export function dsacls({ account, place, revoke, policies }: Change): string[] {
  const name = dsaclsName(account, place)
  if (revoke) return ['dsacls takes away all entries of an account at once (/R), never single ones: use PowerShell.']
  return [
    ...fourRights.map((right) => `dsacls ${forCmd(place.dn)} /I:S /G "${name}:${rights[right].dsacls};user"`),
    ...(policies === undefined ? [] : [`dsacls ${forCmd(policies)} /I:T /G "${name}:GR"`]),
  ]
}

function powerShellSid({ sid, given, accountName }: Account): string {
  if (sid !== undefined) return `[System.Security.Principal.SecurityIdentifier]::new('${sidText(sid)}')`
  if (accountName === undefined) return `(Get-ADObject -Identity ${forPowerShell(given)} -Properties objectSid).objectSid`
  return `[System.Security.Principal.NTAccount]::new(${forPowerShell(accountName)}).Translate([System.Security.Principal.SecurityIdentifier])`
}

export function powerShell({ account, place, revoke, policies }: Change): string[] {
  const rule = '[System.DirectoryServices.ActiveDirectoryAccessRule]::new'
  const apply = revoke ? 'RemoveAccessRuleSpecific' : 'AddAccessRule'
  const user = `[guid]'${guidText(classes.user)}'`
  const four = fourRights.map((right) => {
    const { mask, identifier, title } = rights[right]
    const kind = mask === accessMask.controlAccess ? 'ExtendedRight' : 'WriteProperty'
    return `$acl.${apply}(${rule}($sid, '${kind}', 'Allow', [guid]'${guidText(identifier)}', 'Descendents', ${user})) # ${title}`
  })
  const onPath = (dn: string, rules: readonly string[]) => [
    `$path = ${forPowerShell(`AD:\\${dn}`)}`,
    '$acl = Get-Acl -LiteralPath $path',
    ...rules,
    'Set-Acl -LiteralPath $path -AclObject $acl',
  ]
  const read = `$acl.${apply}(${rule}($sid, 'GenericRead', 'Allow', 'All')) # Read`
  const rest = policies === undefined ? [] : onPath(policies, [read])
  return ['Import-Module ActiveDirectory', `$sid = ${powerShellSid(account)}`, ...onPath(place.dn, four), ...rest]
}

export const sddl = ({ sid }: Account, entries: readonly Entry[]): string[] =>
  entries.map((entry) => entry.sddl(sid === undefined ? unknown.sid : sidText(sid)))
