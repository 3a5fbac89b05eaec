/**
 * Simple bind (RFC 4513 §5.1; [MS-ADTS] 5.1.1.1.1): who may come in, and which of Active Directory's reasons a refusal gives.
 *
 * The order decides what a caller can learn: a locked account says 775 to any password, every other reason needs the right
 * one, and an unknown name looks exactly like a wrong password.
 */
import { countBadPassword, hasFlag, isAccountExpired, isLocked, isPasswordExpired, mustChangePassword, rememberLogon } from './account.ts'
import type { RequestOf } from './codec.ts'
import { passwordAge } from './credential.ts'
import { type Domain, dnsDomain } from './domain.ts'
import type { Entry } from './entries.ts'
import { type LogonError, logonFailure, type Result, refusals, success } from './result.ts'
import { accountFlag } from './schema.ts'

export interface BindAnswer {
  result: Result
  /** Who the connection acts for from now on; undefined is anonymous. A failed bind leaves it anonymous (RFC 4513 §4). */
  user: Entry | undefined
}

export function bind(domain: Domain, request: RequestOf<'bind'>): BindAnswer {
  if (request.version !== 3) return { result: refusals.unsupportedVersion, user: undefined }
  if (request.password === undefined) return { result: refusals.saslNotSupported, user: undefined }
  if (request.name === '' && request.password.length === 0) return { result: success, user: undefined }
  const user = findUser(domain, request.name)
  const failure = user === undefined ? '52e' : logon(domain, user, request.password.toString('utf8'))
  return failure === undefined ? { result: success, user } : { result: logonFailure(failure), user: undefined }
}

/** By DN, by userPrincipalName (or sAMAccountName at the domain's DNS name), or as DOMAIN\name: [MS-ADTS] 5.1.1.1.1. */
function findUser(domain: Domain, name: string): Entry | undefined {
  const [netbios, account] = name.split('\\')
  const [local, realm] = name.split('@')
  const byAttribute = (attribute: string, value: string) =>
    [...domain.tree.ofClass('user')].find((user) => user.attributes.text(attribute)?.toLowerCase() === value.toLowerCase())
  const byDn = domain.tree.find(name)
  if (byDn.kind === 'entry') return byDn.entry.credential === undefined ? undefined : byDn.entry
  if (account !== undefined && netbios?.toLowerCase() === domain.netbiosName.toLowerCase()) return byAttribute('sAMAccountName', account)
  const byUpn = byAttribute('userPrincipalName', name)
  if (byUpn !== undefined || realm?.toLowerCase() !== dnsDomain(domain).toLowerCase()) return byUpn
  return byAttribute('sAMAccountName', local ?? '')
}

function logon(domain: Domain, user: Entry, password: string): LogonError | undefined {
  if (isLocked(domain, user)) return '775'
  const age = user.credential === undefined ? undefined : passwordAge(user.credential, password)
  if (age !== 0) {
    const forgiven = domain.forgivesRecentPasswords && age !== undefined && age <= 2
    if (!forgiven) countBadPassword(domain, user)
    return '52e'
  }
  const refused = restriction(domain, user)
  if (refused === undefined) rememberLogon(domain, user)
  return refused
}

/** Restrictions that are told only to who knows the password. */
function restriction(domain: Domain, user: Entry): LogonError | undefined {
  if (hasFlag(user, accountFlag.disabled)) return '533'
  if (isAccountExpired(domain, user)) return '701'
  if (!mayLogOnNow(domain, user)) return '530'
  if (mustChangePassword(user)) return '773'
  return isPasswordExpired(domain, user) ? '532' : undefined
}

/** logonHours: one bit per hour of the week in UTC, from Sunday midnight ([MS-SAMR] 2.2.6.5). */
function mayLogOnNow(domain: Domain, user: Entry): boolean {
  const hours = user.attributes.values('logonHours')[0]
  if (hours?.length !== 21) return true
  const now = new Date(domain.clock.now())
  const hour = now.getUTCDay() * 24 + now.getUTCHours()
  return (((hours[hour >> 3] ?? 0) >> (hour & 7)) & 1) === 1
}
