/**
 * Who may do what: administrators everything, delegated accounts exactly the four rights they were given, others almost nothing.
 *
 * The four are what password writeback documents: the extended rights Reset Password and Change Password, and writing
 * lockoutTime and pwdLastSet, inherited to user objects below one container. Protected accounts (adminCount 1) inherit
 * nothing: AdminSDHolder's ACL replaces theirs ([MS-ADTS] 3.1.1.6.1). Change Password is open to everybody who knows the old one.
 */

import type { DelegableRight } from './delegation.ts'
import { type Dn, isWithin } from './dn.ts'
import type { Domain } from './domain.ts'
import type { Entry } from './entries.ts'
import { isAdministrator } from './membership.ts'
import { writableAttributes } from './schema.ts'

function hasDelegated(domain: Domain, actor: Entry, target: Entry, right: DelegableRight): boolean {
  if (target.credential === undefined || target.attributes.text('adminCount') === '1') return false
  return domain.delegations.some(
    ({ trustee, container, rights }) => trustee === actor && rights.includes(right) && inheritsFrom(domain, target, container),
  )
}

/** Nothing on the way down, the object itself included, takes no rights from above. */
function inheritsFrom({ sealed }: Domain, target: Entry, container: Dn): boolean {
  if (!isWithin(target.dn, container)) return false
  return ![...sealed].some(({ dn }) => isWithin(target.dn, dn) && isWithin(dn, container) && dn.length > container.length)
}

export const mayAdminister = (domain: Domain, actor: Entry): boolean => isAdministrator(domain.tree, actor)

export const mayReset = (domain: Domain, actor: Entry, target: Entry): boolean =>
  mayAdminister(domain, actor) || hasDelegated(domain, actor, target, 'resetPassword')

/** The default ACL grants Change Password to Everyone; "user cannot change password" denies it to Everyone and Self. */
export const mayChange = (domain: Domain, actor: Entry, target: Entry): boolean =>
  mayAdminister(domain, actor) || !target.cannotChangePassword

export function mayWrite(domain: Domain, actor: Entry, target: Entry, attribute: string): boolean {
  if (mayAdminister(domain, actor)) return true
  const name = attribute.toLowerCase()
  const right = name === 'lockouttime' ? 'lockoutTime' : name === 'pwdlastset' ? 'pwdLastSet' : undefined
  return right !== undefined && hasDelegated(domain, actor, target, right)
}

/** The value of allowedAttributesEffective for this reader ([MS-ADTS] 3.1.1.4.5). */
export const writableFor = (domain: Domain, actor: Entry, target: Entry): string[] =>
  writableAttributes.filter((name) => mayWrite(domain, actor, target, name))

/** The contents of password settings objects are for administrators and whom they let: for others they are not there. */
export const mayRead = (domain: Domain, actor: Entry, target: Entry): boolean =>
  !target.attributes.texts('objectClass').includes('msDS-PasswordSettings') ||
  domain.readers.get(target)?.includes(actor) === true ||
  mayAdminister(domain, actor)
