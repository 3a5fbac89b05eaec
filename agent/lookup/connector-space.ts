/**
 * The connector space of one rule, filled on demand: the accounts in its scope that go by a source anchor.
 *
 * An account that an objectGUID names is read directly, in one read. Only where that is not the account meant is
 * `mS-DS-ConsistencyGuid` searched for, which neither Samba nor, as far as known, Windows indexes (docs/decisions/0005).
 */
import { isGuid, parseGuidAnchor, type User } from '../directory/account.ts'
import type { Domain } from '../directory/domain.ts'
import { isBelow } from './dn.ts'
import { domainOfRule, type Rule } from './rules.ts'

/** An account in scope, and the rule that says so: the link from here to the metaverse. */
export interface ConnectorSpaceObject {
  rule: Rule
  user: User
}

export type Domains = ReadonlyMap<string, Pick<Domain, 'read' | 'search'>>

/** The account with this objectGUID, if it is in the rule's scope and goes by this anchor. One read. */
export async function byGuid(rule: Rule, guid: Buffer, anchor: string, domains: Domains): Promise<ConnectorSpaceObject | undefined> {
  const user = await domains.get(domainOfRule(rule))?.read(guid, rule)
  return user && user.anchor === anchor && isBelow(user.dn, rule.baseDn) ? { rule, user } : undefined
}

/** The owner of the objectGUID that the anchor was made from, if that is the one. */
export async function owner(rule: Rule, anchor: string, domains: Domains): Promise<ConnectorSpaceObject | undefined> {
  const guid = isGuid(rule) ? parseGuidAnchor(anchor) : undefined
  return guid && (await byGuid(rule, guid, anchor, domains))
}

/** Everybody else who carries the anchor. */
export async function carriers(rule: Rule, anchor: string, domains: Domains): Promise<ConnectorSpaceObject[]> {
  const guids = (await domains.get(domainOfRule(rule))?.search(rule.baseDn, anchor, rule)) ?? []
  const objects = await Promise.all(guids.map((guid) => byGuid(rule, guid, anchor, domains)))
  return objects.filter((object) => object !== undefined)
}
