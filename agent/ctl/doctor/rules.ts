/**
 * One synchronization rule: its base, the four permissions there, and a sample of the people below.
 *
 * People are measured by what their base gives: a right that is missing there is one line, not one for everybody. Protected
 * accounts are passed over, since their passwords are never set; "user cannot change password" is no missing right.
 */
import { faultWord } from '../../../shared/fault.ts'
import type { Connection } from '../../directory/connection.ts'
import { samplePeople } from '../../directory/people.ts'
import { isProtectedSid } from '../../directory/protected.ts'
import { readBase } from '../../directory/rows.ts'
import { domainOfRule, type Rule } from '../../lookup/rules.ts'
import { rightsBelow } from '../access.ts'
import { isNoSuchObject } from '../explain.ts'
import type { FourRight } from '../four-rights.ts'
import { type CheckId, type Finding, failed, passed, skipped, warned } from './checks.ts'
import { type Guarded, missingIn, readDescriptor, readGuarded, sidsOf, titles } from './subject.ts'

export const ruleChecks: readonly CheckId[] = ['rule-base', 'rights', 'rights-people', 'inheritance', 'admin-count']
const withoutBase = ruleChecks.slice(1)

export async function checkServiceAccount(connection: Connection, forest: string, bindDn: string): Promise<[Finding, Buffer[]]> {
  try {
    const sids = await sidsOf(connection, bindDn)
    if (!sids.some(isProtectedSid)) return [passed('service-account', forest, 'an ordinary account'), sids]
    return [warned('service-account', forest, 'it is in a protected group'), sids]
  } catch (error) {
    return [skipped('service-account', forest, `its groups cannot be read here (${faultWord(error)})`), []]
  }
}

export async function checkRule(
  connection: Connection | undefined,
  rule: Rule,
  sids: readonly Buffer[],
  count: number,
): Promise<Finding[]> {
  const { name, baseDn } = rule
  const nothing = (checks: readonly CheckId[], why: string) => checks.map((check) => skipped(check, name, why))
  if (!rule.enabled) return nothing(ruleChecks, 'the rule is switched off')
  if (!connection) return nothing(ruleChecks, `no controller of ${domainOfRule(rule)} could be asked`)
  try {
    await readBase(connection, baseDn, ['objectClass'])
  } catch (error) {
    const text = isNoSuchObject(error) ? 'is not there, or may not be seen' : `cannot be read (${faultWord(error)})`
    return [failed('rule-base', name, `${baseDn} ${text}`), ...nothing(withoutBase, 'rule-base failed')]
  }
  const there = passed('rule-base', name, baseDn)
  if (sids.length === 0) return [there, ...nothing(withoutBase, 'the groups of the service account are not known')]
  try {
    return [there, ...(await checkRights(connection, rule, sids, count))]
  } catch (error) {
    return [there, failed('rights', name, `permissions cannot be read (${faultWord(error)})`), ...nothing(withoutBase.slice(1), 'as above')]
  }
}

async function checkRights(connection: Connection, rule: Rule, sids: readonly Buffer[], count: number): Promise<Finding[]> {
  const atBase = missingIn(rightsBelow(await readDescriptor(connection, rule.baseDn), { sids }))
  const guids = await samplePeople(connection, rule.baseDn, rule, count)
  const people = await Promise.all(guids.map((guid) => readGuarded(connection, guid, sids)))
  const ordinary = people.filter(({ inProtectedGroup, marked }) => !inProtectedGroup && !marked)
  return [judgeBase(rule, atBase, ordinary), ...judgePeople(rule, atBase, ordinary), judgeMarks(rule, people)]
}

/** Everyone may change a password by default, and "user cannot change password" denies it to Everyone: it tells nothing here. */
const telling = (right: FourRight): boolean => right !== 'changePassword'

/** Granted on units further down, the base itself has none of them: the people decide then. */
function judgeBase({ name }: Rule, atBase: readonly FourRight[], ordinary: readonly Guarded[]): Finding {
  if (atBase.length === 0) return passed('rights', name, 'all four are inherited from the base')
  const text = `not inherited from the base: ${titles(atBase)}`
  const without = ordinary.filter(({ missing }) => atBase.some((right) => telling(right) && missing.includes(right)))
  if (ordinary.length === 0) return failed('rights', name, text)
  if (without.length > 0)
    return failed('rights', name, `${text}; ${without.length} of ${ordinary.length} people lack them: ${namesOf(without)}`)
  return warned(
    'rights',
    name,
    `${text}; the people in the sample have them otherwise`,
    'nothing, if every unit with people was granted them',
  )
}

function judgePeople({ name }: Rule, atBase: readonly FourRight[], ordinary: readonly Guarded[]): Finding[] {
  if (ordinary.length === 0) return [passed('rights-people', name, 'nobody to look at'), passed('inheritance', name, 'nobody to look at')]
  const less = ordinary.filter(({ missing }) => missing.some((right) => telling(right) && !atBase.includes(right)))
  const blocked = less.filter((each) => each.blocksInheritance)
  const denied = less.filter((each) => !each.blocksInheritance)
  const of = `of ${ordinary.length}`
  return [
    denied.length === 0
      ? passed('rights-people', name, `${ordinary.length} people looked at`)
      : failed('rights-people', name, `${denied.length} ${of} have less than the base gives: ${namesOf(denied)}`),
    blocked.length === 0
      ? passed('inheritance', name, `${ordinary.length} people looked at`)
      : failed('inheritance', name, `${blocked.length} ${of} inherit nothing: ${namesOf(blocked)}`),
  ]
}

function judgeMarks({ name }: Rule, people: readonly Guarded[]): Finding {
  const left = people.filter(({ marked, inProtectedGroup }) => marked && !inProtectedGroup)
  const known = people.filter(({ inProtectedGroup }) => inProtectedGroup).length
  return left.length === 0
    ? passed('admin-count', name, `${known} of ${people.length} are protected accounts`)
    : warned('admin-count', name, `${left.length} of ${people.length} are in no protected group any more: ${namesOf(left)}`)
}

const shown = 3
const namesOf = (people: readonly Guarded[]): string =>
  [...people.slice(0, shown).map(({ dn }) => dn), ...(people.length > shown ? ['…'] : [])].join('; ')
