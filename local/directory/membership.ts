/**
 * Who is in which group, through any number of groups, the primary group included ([MS-ADTS] 3.1.1.4.5.19, tokenGroups).
 *
 * Only `member` is stored; `memberOf` is read from it. The primary group is known by its RID and never listed in `member`.
 */
import { type Entry, nameOf, type Tree } from './entries.ts'
import { sidOctets, sidText } from './identifiers.ts'

/** Groups that have this entry as a direct member (without the primary group, as in `memberOf`). */
export function directGroups(tree: Tree, member: Entry): Entry[] {
  const name = nameOf(member).toLowerCase()
  return [...tree.ofClass('group')].filter((group) => group.attributes.texts('member').some((held) => held.toLowerCase() === name))
}

export function primaryGroup(tree: Tree, user: Entry): Entry | undefined {
  const own = sidOf(user)
  const rid = user.attributes.text('primaryGroupID')
  if (own === undefined || rid === undefined) return undefined
  const wanted = sidOctets(own.replace(/-\d+$/, `-${rid}`))
  return [...tree.ofClass('group')].find((group) => wanted !== undefined && group.attributes.values('objectSid')[0]?.equals(wanted))
}

/** Every group the user belongs to, directly or through others; each once. */
export function groupsOf(tree: Tree, user: Entry): Entry[] {
  const primary = primaryGroup(tree, user)
  const found = new Set<Entry>(primary === undefined ? [] : [primary])
  for (const group of directGroups(tree, user)) found.add(group)
  // A Set is walked in the order of insertion, also over what is added while walking.
  for (const group of found) for (const outer of directGroups(tree, group)) found.add(outer)
  return [...found]
}

export function sidOf(entry: Entry): string | undefined {
  const octets = entry.attributes.values('objectSid')[0]
  return octets === undefined ? undefined : sidText(octets)
}

/** BUILTIN\Administrators and, in every domain, Domain Admins (512) and Enterprise Admins (519): [MS-DTYP] 2.4.2.4. */
export function isAdministrator(tree: Tree, user: Entry): boolean {
  return groupsOf(tree, user).some((group) => /^S-1-5-(32-544|21-.*-(512|519))$/.test(sidOf(group) ?? ''))
}
