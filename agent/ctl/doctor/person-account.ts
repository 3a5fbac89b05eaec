/**
 * What is refused before a write, for one account that was read: each cause its own line, where a request stops at the first
 * (agent/directory/diagnosis.ts decides there, and here too).
 */
import type { Clock } from '../../../shared/clock.ts'
import { faultWord } from '../../../shared/fault.ts'
import { accountFlags, type User } from '../../directory/account.ts'
import { hasExpired, tooYoung } from '../../directory/diagnosis.ts'
import type { ForestSettings } from '../../directory/directory.ts'
import type { Pdc } from '../../directory/pdc.ts'
import { keepPolicies, type Policy } from '../../directory/policy.ts'
import { type CheckId, type Finding, failed, passed, skipped, warned } from './checks.ts'
import { type Guarded, readGuarded, sidsOf, titles } from './subject.ts'

export interface Served {
  forest: ForestSettings
  /** DNS name, lower case. */
  domain: string
  pdc: Pdc
}

export async function checkAccount(name: string, user: User, { forest, pdc }: Served, clock: Clock): Promise<Finding[]> {
  const isSet = (flag: number) => (user.accountControl & flag) !== 0
  const unless = (check: CheckId, wrong: boolean, text: string, otherwise: string) =>
    wrong ? failed(check, name, text) : passed(check, name, otherwise)
  const policy = await keepPolicies(clock).of(pdc, user)
  return [
    unless('person-protected', user.protected, 'a protected account: its password is never set', 'an ordinary account'),
    unless('person-disabled', isSet(accountFlags.disabled), 'the account is disabled', 'enabled'),
    unless('person-expired', hasExpired(user), 'the account has expired', 'not expired'),
    unless('person-smart-card', isSet(accountFlags.smartCardRequired), 'a smart card is required', 'not required'),
    user.lockedOut ? warned('person-locked', name, 'locked out') : passed('person-locked', name, 'not locked out'),
    judgeAge(name, user, policy),
    await checkRights(name, user, forest.bindDn, pdc),
    judgePolicy(name, user, policy),
  ]
}

function judgeAge(name: string, user: User, policy: Policy | undefined): Finding {
  if (!policy) return skipped('person-minimum-age', name, 'its rules cannot be read: the directory decides')
  const young = tooYoung(user, policy)
  if (young?.kind !== 'policy.minAge') return passed('person-minimum-age', name, `old enough (${policy.minAgeMinutes} min)`)
  return failed('person-minimum-age', name, `too young until ${new Date(young.retryAt).toISOString()}`)
}

function judgePolicy(name: string, { policyObject }: User, policy: Policy | undefined): Finding {
  const whose = policyObject ?? "the domain's"
  if (!policy) return warned('person-policy', name, `${whose}: cannot be read`)
  const { minLength, historyLength, complexity, minAgeMinutes } = policy
  const rules = `length ${minLength}, history ${historyLength}, complexity ${complexity ? 'on' : 'off'}, minimum age ${minAgeMinutes} min`
  return passed('person-policy', name, `${whose}: ${rules}`)
}

export async function checkRights(
  name: string,
  user: Pick<User, 'guid' | 'protected'>,
  bindDn: string,
  { connection }: Served['pdc'],
): Promise<Finding> {
  if (user.protected) return skipped('person-rights', name, 'a protected account')
  try {
    return judgeRights(name, await readGuarded(connection, user.guid, await sidsOf(connection, bindDn)))
  } catch (error) {
    return skipped('person-rights', name, `permissions cannot be read (${faultWord(error)})`)
  }
}

function judgeRights(name: string, { missing, blocksInheritance }: Guarded): Finding {
  if (missing.length === 0) return passed('person-rights', name, 'all four')
  const text = `missing: ${titles(missing)}${blocksInheritance ? '; inheritance is blocked on this object' : ''}`
  const changeAlone = missing.every((right) => right === 'changePassword')
  return changeAlone
    ? warned('person-rights', name, `${text} (a reset works without)`, 'nothing, if this person shall not change the password')
    : failed('person-rights', name, text)
}
