/**
 * The state of one account as attributes tell it: locked, disabled, expired, and the count of bad passwords.
 *
 * The rules of [MS-SAMR] (3.1.1.8.3, lockoutTime): a lock ends by itself after the lock-out duration although `lockoutTime`
 * stays; the count starts again when the last bad password is older than the observation window.
 */
import { type Domain, domainPolicy } from './domain.ts'
import type { Entry } from './entries.ts'
import { filetime, filetimeMs, neverFiletime } from './identifiers.ts'
import { accountFlag } from './schema.ts'

export const hasFlag = (user: Entry, flag: number): boolean => (user.attributes.number('userAccountControl') & flag) !== 0

export function isLocked(domain: Domain, user: Entry): boolean {
  const lockedAt = user.attributes.integer('lockoutTime') ?? 0n
  return lockedAt !== 0n && filetimeMs(lockedAt) + domainPolicy(domain, user).lockoutMs > domain.clock.now()
}

/** 0 and the greatest number both mean never ([MS-ADA1], accountExpires). */
export function isAccountExpired(domain: Domain, user: Entry): boolean {
  const expires = user.attributes.integer('accountExpires') ?? 0n
  return expires !== 0n && expires !== neverFiletime && filetimeMs(expires) <= domain.clock.now()
}

export const mustChangePassword = (user: Entry): boolean => (user.attributes.integer('pwdLastSet') ?? 0n) === 0n

/** When the password expires; Infinity for never. [MS-ADTS] 3.1.1.4.5, msDS-UserPasswordExpiryTimeComputed. */
export function passwordExpiresAtMs(domain: Domain, user: Entry): number {
  if (hasFlag(user, accountFlag.passwordNeverExpires) || hasFlag(user, accountFlag.smartCardRequired)) return Number.POSITIVE_INFINITY
  const set = user.attributes.integer('pwdLastSet') ?? 0n
  return set === 0n ? Number.NEGATIVE_INFINITY : filetimeMs(set) + domainPolicy(domain, user).maxAgeMs
}

export const isPasswordExpired = (domain: Domain, user: Entry): boolean => passwordExpiresAtMs(domain, user) <= domain.clock.now()

export function isTooYoungToChange(domain: Domain, user: Entry): boolean {
  const { minAgeMs } = domainPolicy(domain, user)
  // A password that must be changed (pwdLastSet 0) may be changed at once.
  return (
    minAgeMs > 0 && !mustChangePassword(user) && filetimeMs(user.attributes.integer('pwdLastSet') ?? 0n) + minAgeMs > domain.clock.now()
  )
}

/** The count as of now: an old one counts for nothing. */
export function badPasswords(domain: Domain, user: Entry): number {
  const lastMs = filetimeMs(user.attributes.integer('badPasswordTime') ?? 0n)
  const { lockoutWindowMs } = domainPolicy(domain, user)
  return lastMs + lockoutWindowMs > domain.clock.now() ? user.attributes.number('badPwdCount') : 0
}

/** Counts a wrong password, from a bind or from a change, and locks at the threshold. */
export function countBadPassword(domain: Domain, user: Entry): void {
  const count = badPasswords(domain, user) + 1
  const { lockoutThreshold } = domainPolicy(domain, user)
  const now = filetime(domain.clock.now())
  user.attributes.set('badPwdCount', count)
  user.attributes.set('badPasswordTime', now)
  if (lockoutThreshold > 0 && count >= lockoutThreshold) user.attributes.set('lockoutTime', now)
}

export function rememberLogon(domain: Domain, user: Entry): void {
  user.attributes.set('badPwdCount', 0)
  user.attributes.set('lastLogon', filetime(domain.clock.now()))
  // A lock that ended by itself is cleared by the next good logon.
  if (user.attributes.integer('lockoutTime') !== undefined) user.attributes.set('lockoutTime', 0)
}
