/**
 * From a request's two anchors to the one account: the synchronization engine's way, walked on demand.
 *
 *   cloud object ── source anchor ── metaverse object ── rule ── connector-space object (an account in a forest)
 *
 * A link that is known costs one read, which holds it against the rule again; so does an account whose anchor was made from
 * its objectGUID. Otherwise every enabled rule is searched, all at once. Where no account is found, the reason is one of the
 * specification's four conditions (explain.ts), asked for only then.
 */
import type { User } from '../directory/account.ts'
import { byGuid, type ConnectorSpaceObject, carriers, type Domains, owner } from './connector-space.ts'
import { explain, type NotFound } from './explain.ts'
import type { Links } from './links.ts'
import { join } from './metaverse.ts'
import type { Rule } from './rules.ts'

export type Located = { kind: 'user'; user: User } | { kind: 'ambiguousUser' } | NotFound

export interface FindDeps {
  rules: readonly Rule[]
  domains: Domains
  links: Pick<Links, 'find' | 'keep' | 'forget'>
}

/** `cloudAnchor`: 16 bytes, the cloud object's id. */
export async function find(sourceAnchor: string, cloudAnchor: Buffer | undefined, deps: FindDeps): Promise<Located> {
  const enabled = deps.rules.filter(({ enabled }) => enabled)
  const known = await knownLink(sourceAnchor, enabled, deps)
  if (known) return linked(known, cloudAnchor)
  const joined = join(await searchAll(sourceAnchor, enabled, deps.domains))
  if (joined.kind === 'ambiguous') return { kind: 'ambiguousUser' }
  if (joined.kind === 'none') return explain(sourceAnchor, deps)
  const { rule, user } = joined.object
  deps.links.keep({ sourceAnchor, cloudAnchor, rule: rule.name, guid: user.guid })
  return linked(joined.object, cloudAnchor)
}

/** Moved out of scope, deleted, given another anchor, its rule gone: then it is no link any more. */
async function knownLink(
  sourceAnchor: string,
  enabled: readonly Rule[],
  { domains, links }: FindDeps,
): Promise<ConnectorSpaceObject | undefined> {
  const link = links.find(sourceAnchor)
  const rule = link && enabled.find(({ name }) => name === link.rule)
  const object = link && rule && (await byGuid(rule, link.guid, sourceAnchor, domains))
  if (link && !object) links.forget(sourceAnchor)
  return object
}

/**
 * The owner of the objectGUID first; then only the rules that could still outdo or equal what was found. A forest that
 * cannot be asked matters only if its rule could.
 */
async function searchAll(sourceAnchor: string, enabled: readonly Rule[], domains: Domains): Promise<ConnectorSpaceObject[]> {
  const asked = enabled.map((rule) => ({ rule, owner: owner(rule, sourceAnchor, domains) }))
  const answers = await Promise.allSettled(asked.map(({ owner }) => owner))
  const found = answers.flatMap((answer) => (answer.status === 'fulfilled' && answer.value ? [answer.value] : []))
  const best = Math.min(...found.map(({ rule }) => rule.precedence))
  const open = asked.filter(({ rule }) => !found.some((object) => object.rule === rule) && rule.precedence <= best)
  const others = await Promise.all(open.map(({ rule, owner }) => owner.then(() => carriers(rule, sourceAnchor, domains))))
  return [...found, ...others.flat()]
}

/** The last link, to the cloud object: where the account names one, it must be the one that asks. */
function linked({ user }: ConnectorSpaceObject, cloudAnchor: Buffer | undefined): Located {
  const named = user.cloudObject?.replaceAll('-', '')
  if (named !== undefined && cloudAnchor !== undefined && named !== cloudAnchor.toString('hex'))
    return { kind: 'notLinked', condition: 'cloud' }
  return { kind: 'user', user }
}
