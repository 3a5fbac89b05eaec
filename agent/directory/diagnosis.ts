/**
 * From what is known to an outcome: why the directory refused a password, and who is refused before anything is sent.
 *
 * One code, 0000052D, stands for every password rule. The rules are judged here in a fixed order by what was read about the
 * account and its policy; nothing is asked of the directory after a refusal, which could only hide its cause.
 */
import type { AgentOutcome } from '../../shared/outcome-code.ts'
import type { Secret } from '../../shared/secret.ts'
import { accountFlags, type User } from './account.ts'
import { containsName, isComplex } from './complexity.ts'
import type { Policy } from './policy.ts'
import { causeOf, type Refusal } from './refusal.ts'
import { fileTimeToMs } from './rows.ts'

export function diagnose(password: Secret, user: User, policy: Policy | undefined, refusal: Refusal): AgentOutcome {
  const cause = causeOf(refusal)
  return cause === 'passwordPolicy' ? judge(password, user, policy) : { kind: cause }
}

/** Which rule a password refused by policy has broken. Without a readable policy no rule can be named: `policy.filter`. */
export function judge(password: Secret, user: User, policy: Policy | undefined): AgentOutcome {
  if (!policy) return { kind: 'policy.filter' }
  const text = password.use((value) => value.toString('utf8'))
  // Counted in UTF-16 units, as Windows does.
  if (text.length < policy.minLength) return { kind: 'policy.length', minLength: policy.minLength }
  if (policy.complexity && !isComplex(text)) return { kind: 'policy.complexity' }
  if (policy.complexity && containsName(text, user.accountName, user.displayName)) return { kind: 'policy.containsName' }
  const young = tooYoung(user, policy)
  if (young) return young
  // Passwords of the past cannot be read: what is left is history, or a password filter where there is no history.
  return policy.historyLength > 0 ? { kind: 'policy.history', historyLength: policy.historyLength } : { kind: 'policy.filter' }
}

/**
 * Why this account's password may not be set now, whatever the password; undefined if it may. Minimum age is judged here
 * because servers differ: with the hints Samba enforces it on a reset, Windows documents history only.
 */
export function eligibility(user: User, policy: Policy | undefined): AgentOutcome | undefined {
  if (user.accountControl & accountFlags.disabled) return { kind: 'accountDisabled' }
  if (hasExpired(user)) return { kind: 'accountExpired' }
  if (user.accountControl & accountFlags.smartCardRequired) return { kind: 'smartCardRequired' }
  return policy && tooYoung(user, policy)
}

/** What is assumed where the rules cannot be read: a careful domain. */
const assumed = { lockoutThreshold: 3, lockoutWindowMs: Number.POSITIVE_INFINITY }

/**
 * A change forwards an old password that may be wrong, and each wrong one counts. The last attempts before the lock-out are the
 * person's own: whoever guesses through this product cannot lock anybody out of their desk.
 */
export function nearLockOut({ badPwdCount, badPasswordTime, serverNow }: User, policy: Policy | undefined): boolean {
  const { lockoutThreshold, lockoutWindowMs } = policy ?? assumed
  if (lockoutThreshold === 0) return false
  const counts = serverNow - fileTimeToMs(badPasswordTime) < lockoutWindowMs ? badPwdCount : 0
  return counts + 1 >= lockoutThreshold - 1
}

const neverExpires = 2n ** 63n - 1n
export const hasExpired = ({ accountExpires, serverNow }: User): boolean =>
  accountExpires > 0n && accountExpires < neverExpires && fileTimeToMs(accountExpires) <= serverNow

/** pwdLastSet = 0 ("must change") has no age. */
export function tooYoung({ pwdLastSet, serverNow }: User, { minAgeMs }: Policy): AgentOutcome | undefined {
  if (pwdLastSet <= 0n || minAgeMs === 0) return undefined
  const retryAt = fileTimeToMs(pwdLastSet) + minAgeMs
  return retryAt > serverNow ? { kind: 'policy.minAge', retryAt } : undefined
}
