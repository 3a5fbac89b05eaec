/**
 * Is this the account's password? One bind answers, on a connection of its own (docs/protocol.md, Redelivery).
 *
 * Every wrong attempt costs a lock-out count, and on Windows the password before the last one may still pass for up to an
 * hour (OldPasswordAllowedPeriod): ask only when pwdLastSet says that the password changed, and once.
 */
import { isFault } from '../../shared/fault.ts'
import type { Secret } from '../../shared/secret.ts'
import type { User } from './account.ts'
import { type ConnectionOptions, tryBind } from './connection.ts'
import type { Pdc } from './pdc.ts'
import { fileTimeToMs, guidDn, integerOf, readBase, readServerNow, required } from './rows.ts'

export type Proof = 'right' | 'wrong' | 'unsure'

/**
 * `data` of a refused bind: a Windows error code. All but 52e are given only after the password was found right. 775
 * (locked out) is given without looking at it, and 525 (no such user) and the rest tell nothing.
 */
const proofs: Readonly<Record<string, Proof>> = {
  '52e': 'wrong', // ERROR_LOGON_FAILURE
  '530': 'right', // ERROR_INVALID_LOGON_HOURS
  '531': 'right', // ERROR_INVALID_WORKSTATION
  '532': 'right', // ERROR_PASSWORD_EXPIRED
  '533': 'right', // ERROR_ACCOUNT_DISABLED
  '569': 'right', // ERROR_LOGON_TYPE_NOT_GRANTED
  '701': 'right', // ERROR_ACCOUNT_EXPIRED
  '773': 'right', // ERROR_PASSWORD_MUST_CHANGE
}

export async function provePassword(pdc: Pdc, user: User, password: Secret, options: ConnectionOptions): Promise<Proof> {
  // A bind with a name and no password succeeds without proving anything (RFC 4513 section 5.1.2).
  if (password.use((value) => value.length === 0)) return 'unsure'
  try {
    const refusal = await tryBind(pdc.endpoint, { dn: user.dn, password }, options)
    if (!refusal) return 'right'
    return refusal.ldapCode === 49 && refusal.bindData !== undefined ? (proofs[refusal.bindData] ?? 'unsure') : 'unsure'
  } catch (error) {
    if (isFault(error, 'DIRECTORY_UNAVAILABLE')) return 'unsure'
    throw error
  }
}

/** When the password was last set, and what the same server's clock says. `pwdLastSetMs` is undefined for "must change" (0). */
export interface PasswordState {
  pwdLastSet: bigint
  pwdLastSetMs: number | undefined
  serverNow: number
}

export async function passwordState({ connection }: Pdc, user: User): Promise<PasswordState> {
  const pwdLastSet = required(integerOf(await readBase(connection, guidDn(user.guid), ['pwdLastSet']), 'pwdLastSet'), 'pwdLastSet')
  const serverNow = await readServerNow(connection)
  return { pwdLastSet, pwdLastSetMs: pwdLastSet > 0n ? fileTimeToMs(pwdLastSet) : undefined, serverNow }
}
