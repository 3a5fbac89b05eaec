/**
 * Why no account was found: which of the specification's four conditions does not hold, or that there is none at all.
 *
 * - connectorSpace: there is an account, but in no rule's scope (moved out, filtered out);
 * - rule: only rules that are switched off hold it;
 * - metaverse: a rule holds it, but it goes by another anchor now;
 * - cloud: the account names another cloud object (find.ts).
 * Asked for only after a look-up that found nothing, and never decides about a write.
 */
import type { LinkCondition } from '../../shared/outcome.ts'
import { consistencyGuid, isGuid, parseGuidAnchor, type User } from '../directory/account.ts'
import type { Domains } from './connector-space.ts'
import { isBelow } from './dn.ts'
import { domainOfRule, type Rule } from './rules.ts'

export type NotFound = { kind: 'userNotFound' } | { kind: 'notLinked'; condition: LinkCondition }

interface Deps {
  rules: readonly Rule[]
  domains: Domains
}
type Finding = 'metaverse' | 'rule' | 'connectorSpace'

/** The one that is nearest to a link comes first. */
const nearest: readonly Finding[] = ['metaverse', 'rule', 'connectorSpace']

export async function explain(sourceAnchor: string, deps: Deps): Promise<NotFound> {
  const findings = (await Promise.all(viewsOf(deps.rules).map((rule) => lookWider(sourceAnchor, rule, deps)))).flat()
  const condition = nearest.find((each) => findings.includes(each))
  return condition === undefined ? { kind: 'userNotFound' } : { kind: 'notLinked', condition }
}

/** Each domain once for each kind of anchor, whatever the number of rules. */
function viewsOf(rules: readonly Rule[]): Rule[] {
  return [...new Map(rules.map((rule) => [`${domainOfRule(rule)} ${rule.anchor.toLowerCase()}`, rule])).values()]
}

/** The whole domain, without the rules' filters. */
async function lookWider(sourceAnchor: string, rule: Rule, deps: Deps): Promise<Finding[]> {
  const name = domainOfRule(rule)
  const domain = deps.domains.get(name)
  if (!domain) return []
  const guid = isGuid(rule) ? parseGuidAnchor(sourceAnchor) : undefined
  const view = { anchor: rule.anchor }
  const head = name.split('.').map((label) => `DC=${label}`)
  const carriers =
    isGuid(rule) && rule.anchor.toLowerCase() !== consistencyGuid.toLowerCase()
      ? []
      : await domain.search(head.join(','), sourceAnchor, view)
  const users = await Promise.all([...(guid ? [guid] : []), ...carriers].map((each) => domain.read(each, view)))
  return Promise.all(users.filter((user) => user !== undefined).map((user) => findingOf(user, sourceAnchor, deps)))
}

async function findingOf(user: User, sourceAnchor: string, { rules, domains }: Deps): Promise<Finding> {
  const around = rules.filter((rule) => domainOfRule(rule) === user.domain && isBelow(user.dn, rule.baseDn))
  const holding = (
    await Promise.all(around.map(async (rule) => ((await domains.get(user.domain)?.read(user.guid, rule)) ? [rule] : [])))
  ).flat()
  if (user.anchor !== sourceAnchor) return holding.some(({ enabled }) => enabled) ? 'metaverse' : 'connectorSpace'
  return holding.length > 0 ? 'rule' : 'connectorSpace'
}
