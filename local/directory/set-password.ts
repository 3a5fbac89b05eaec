/**
 * Writing `unicodePwd` ([MS-ADTS] 3.1.1.3.1.5.1): one `replace` is a reset, one `delete` with one `add` is a change.
 *
 * A reset skips history and minimum age unless the policy-hints control asks for them; a change never skips them and needs
 * the old password. Judged in Samba's order: lock, old password, age, the text itself, history. Nothing is written here:
 * the caller commits the verdict together with the rest of the modify.
 */
import { countBadPassword, isLocked, isTooYoungToChange } from './account.ts'
import type { Attributes } from './attributes.ts'
import type { Change } from './codec.ts'
import { passwordAge } from './credential.ts'
import { type Domain, domainPolicy } from './domain.ts'
import type { Entry } from './entries.ts'
import { brokenRule, parseQuoted } from './password.ts'
import { type PasswordRule, passwordRestriction, type Result, refusals } from './result.ts'
import { mayChange, mayReset } from './rights.ts'

export type PasswordWrite = { kind: 'reset'; password: string } | { kind: 'change'; oldPassword: string; password: string }

export const isPasswordChange = (change: Change): boolean => change.name.toLowerCase() === 'unicodepwd'

/** What the changes of one modify ask for; undefined when they are not one well-formed reset or change. */
export function parsePasswordWrite(changes: readonly Change[]): PasswordWrite | undefined {
  const passwordOf = (operation: Change['operation']): string | undefined => {
    const [first, ...more] = changes.filter((change) => change.operation === operation)
    const value = more.length === 0 && first?.values.length === 1 ? first.values[0] : undefined
    return value === undefined ? undefined : parseQuoted(value)
  }
  if (changes.length === 1) {
    const password = passwordOf('replace')
    return password === undefined ? undefined : { kind: 'reset', password }
  }
  const oldPassword = passwordOf('delete')
  const password = passwordOf('add')
  return changes.length === 2 && oldPassword !== undefined && password !== undefined ? { kind: 'change', oldPassword, password } : undefined
}

export interface WriteConditions {
  encrypted: boolean
  policyHints: boolean
  /** The same modify sets pwdLastSet to 0. */
  demandsChange: boolean
}

/** Undefined when the write may be done. A wrong old password is counted even though nothing is written. */
export function judgePasswordWrite(
  domain: Domain,
  actor: Entry,
  user: Entry,
  write: PasswordWrite,
  conditions: WriteConditions,
): Result | undefined {
  if (user.credential === undefined) return refusals.noPasswordHere
  const allowed = write.kind === 'reset' ? mayReset(domain, actor, user) : mayChange(domain, actor, user)
  if (!allowed) return write.kind === 'reset' ? refusals.accessDenied : refusals.mayNotChange
  if (!conditions.encrypted) return refusals.clearPort
  if (write.kind === 'change') {
    if (isLocked(domain, user)) return refusals.changeWhileLocked
    if (passwordAge(user.credential, write.oldPassword) !== 0) {
      countBadPassword(domain, user)
      return refusals.wrongPassword
    }
  }
  const rule = brokenByWrite(domain, user, write, conditions)
  return rule === undefined ? undefined : passwordRestriction(rule, write.kind)
}

function brokenByWrite(domain: Domain, user: Entry, write: PasswordWrite, conditions: WriteConditions): PasswordRule | undefined {
  const obeysHistory = write.kind === 'change' || conditions.policyHints
  // Samba 4.24 judges the age against the new pwdLastSet of the same modify, so hints together with 0 never succeed.
  if (obeysHistory && (isTooYoungToChange(domain, user) || (conditions.policyHints && conditions.demandsChange))) return 'minAge'
  const policy = domainPolicy(domain, user)
  const quality = brokenRule(write.password, user.attributes, policy, domain.bannedSubstrings)
  if (quality !== undefined) return quality
  const age = user.credential === undefined ? undefined : passwordAge(user.credential, write.password)
  return obeysHistory && age !== undefined && age < policy.historyLength ? 'history' : undefined
}

/** For an account that is just being made: no rights, no history, no age. */
export function judgeFirstPassword(domain: Domain, user: Entry, attributes: Attributes, password: string): Result | undefined {
  const rule = brokenRule(password, attributes, domainPolicy(domain, user), domain.bannedSubstrings)
  return rule === undefined ? undefined : passwordRestriction(rule, 'reset')
}
