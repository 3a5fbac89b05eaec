/**
 * Modify DN (RFC 4511 §4.9, [MS-ADTS] 3.1.1.5.4): an entry gets another name, another place, or both, and stays itself: its
 * GUID, SID, password and memberships go with it. For administrators.
 *
 * Values that name the entry (`member`, `manager`, …) follow, as links do in Active Directory; so do those below it.
 */

import type { RequestOf } from './codec.ts'
import { type Dn, dnKey, isWithin, parseDn } from './dn.ts'
import { type Domain, touch } from './domain.ts'
import { type Entry, nameOf } from './entries.ts'
import { missing } from './modify.ts'
import { type Result, refusals, success } from './result.ts'
import { mayAdminister } from './rights.ts'
import { attributeKind } from './schema.ts'

export function rename(domain: Domain, actor: Entry, request: RequestOf<'rename'>): Result {
  const base = domain.tree.find(request.dn)
  if (base.kind !== 'entry') return missing(base)
  const { entry } = base
  const [rdn, ...more] = parseDn(request.rdn) ?? []
  const superior = request.superior === undefined ? entry.dn.slice(1) : parseDn(request.superior)
  if (rdn === undefined || more.length > 0 || rdn.type !== entry.dn[0]?.type || superior === undefined) return refusals.badName
  if (domain.tree.get(superior) === undefined) return refusals.parentNotFound
  if (!mayAdminister(domain, actor)) return refusals.accessDenied
  if (isWithin(superior, entry.dn)) return refusals.ownDescendant
  const dn = [rdn, ...superior]
  const taken = domain.tree.get(dn)
  if (taken !== undefined && taken !== entry) return refusals.nameTaken
  moveTo(domain, entry, dn)
  return success
}

function moveTo(domain: Domain, entry: Entry, dn: Dn): void {
  const naming = dn[0] ?? { type: 'CN', value: '' }
  const was = entry.dn
  domain.tree.rename(entry, dn)
  const attributes = entry.attributes.copy()
  attributes.set(naming.type.toLowerCase(), naming.value)
  attributes.set('name', naming.value)
  entry.attributes = attributes
  for (const each of domain.tree.within(entry, 'sub')) {
    const below = each.attributes.copy()
    below.set('distinguishedName', nameOf(each))
    each.attributes = below
    follow(domain, [...each.dn.slice(0, each.dn.length - dn.length), ...was], each)
  }
  touch(domain, entry)
}

/** Whoever named the entry by its old name names it by the new one. */
function follow(domain: Domain, was: Dn, entry: Entry): void {
  const old = dnKey(was)
  for (const holder of domain.tree.entries()) {
    for (const { name } of holder.attributes.all()) {
      if (attributeKind(name)?.syntax !== 'dn') continue
      const values = holder.attributes.texts(name)
      if (!values.some((value) => value.toLowerCase() === old)) continue
      holder.attributes.set(name, ...values.map((value) => (value.toLowerCase() === old ? nameOf(entry) : value)))
    }
  }
}
