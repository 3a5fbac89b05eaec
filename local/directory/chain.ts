/**
 * LDAP_MATCHING_RULE_TRANSITIVE_EVAL ([MS-ADTS] 3.1.1.3.4.4.3), for group membership: through any number of groups.
 *
 * A filter with it is resolved once per search, to the names of those it holds for, and then asked entry by entry like any
 * other. Only stored links are walked, so a primary group counts for nothing here, as in Active Directory.
 */
import { keyOfText } from './dn.ts'
import { type Entry, nameOf, type Tree } from './entries.ts'
import type { Filter } from './filter.ts'
import { directGroups } from './membership.ts'

const transitive = '1.2.840.113556.1.4.1941'

export function resolveChains(filter: Filter, tree: Tree): Filter {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return { kind: filter.kind, filters: filter.filters.map((inner) => resolveChains(inner, tree)) }
    case 'not':
      return { kind: 'not', filter: resolveChains(filter.filter, tree) }
    case 'rule':
      return filter.rule === transitive ? { kind: 'named', names: linked(filter, tree) } : filter
    default:
      return filter
  }
}

/** `(memberOf:…:=group)` holds for members, `(member:…:=anybody)` for groups; other links are not walked here. */
function linked({ name, value }: Filter & { kind: 'rule' }, tree: Tree): Set<string> {
  const base = tree.find(value.toString('utf8'))
  if (base.kind !== 'entry') return new Set()
  const link = name.toLowerCase()
  const step = link === 'memberof' ? membersOf : link === 'member' ? groupsAround : undefined
  return step === undefined ? new Set() : walk(base.entry, (entry) => step(tree, entry))
}

/** A Set is walked in the order of insertion, also over what is added while walking: each entry once. */
function walk(start: Entry, step: (entry: Entry) => readonly Entry[]): Set<string> {
  const found = new Set(step(start))
  for (const entry of found) for (const next of step(entry)) found.add(next)
  return new Set([...found].map((entry) => nameOf(entry).toLowerCase()))
}

const membersOf = (tree: Tree, group: Entry): Entry[] =>
  group.attributes.texts('member').flatMap((name) => {
    const member = keyOfText(name) === undefined ? undefined : tree.find(name)
    return member?.kind === 'entry' ? [member.entry] : []
  })

const groupsAround = (tree: Tree, entry: Entry): Entry[] => directGroups(tree, entry)
