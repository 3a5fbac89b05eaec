/**
 * Who may do what: administrators everything, delegated accounts exactly the four rights they were given, others almost nothing.
 *
 * The four are what password writeback documents: the extended rights Reset Password and Change Password, and writing
 * lockoutTime and pwdLastSet; the target's security descriptor says who has them (access.ts). Change Password is open to
 * everybody who knows the old one.
 */

import { mayReadAll, rightsOf } from '../../agent/ctl/access.ts'
import { descriptorOf, descriptorParts, part, subjectOf } from './access.ts'
import type { DelegableRight } from './delegation.ts'
import type { Domain } from './domain.ts'
import type { Entry } from './entries.ts'
import { isAdministrator } from './membership.ts'
import { writableAttributes } from './schema.ts'

const hasRight = (domain: Domain, actor: Entry, target: Entry, right: DelegableRight): boolean =>
  target.credential !== undefined && rightsOf(descriptorOf(domain, target), subjectOf(domain, actor, target))[right]

export const mayAdminister = (domain: Domain, actor: Entry): boolean => isAdministrator(domain.tree, actor)

export const mayReset = (domain: Domain, actor: Entry, target: Entry): boolean =>
  mayAdminister(domain, actor) || hasRight(domain, actor, target, 'resetPassword')

/** The default list grants Change Password to Everyone; "user cannot change password" denies it to Everyone and Self. */
export const mayChange = (domain: Domain, actor: Entry, target: Entry): boolean =>
  mayAdminister(domain, actor) || hasRight(domain, actor, target, 'changePassword')

export function mayWrite(domain: Domain, actor: Entry, target: Entry, attribute: string): boolean {
  if (mayAdminister(domain, actor)) return true
  const name = attribute.toLowerCase()
  const right = name === 'lockouttime' ? 'lockoutTime' : name === 'pwdlastset' ? 'pwdLastSet' : undefined
  return right !== undefined && hasRight(domain, actor, target, right)
}

/** The value of allowedAttributesEffective for this reader ([MS-ADTS] 3.1.1.4.5). */
export const writableFor = (domain: Domain, actor: Entry, target: Entry): string[] =>
  writableAttributes.filter((name) => mayWrite(domain, actor, target, name))

/** By default the contents of password settings objects are for administrators: for others they are not there. */
export const mayRead = (domain: Domain, actor: Entry, target: Entry): boolean =>
  !target.attributes.texts('objectClass').includes('msDS-PasswordSettings') ||
  mayAdminister(domain, actor) ||
  mayReadAll(descriptorOf(domain, target), subjectOf(domain, actor, target))

/** nTSecurityDescriptor as this reader gets it: whoever asks for the SACL too, and may not see it, gets nothing at all. */
export function readableDescriptor(domain: Domain, reader: Entry, target: Entry, parts: number): Buffer | undefined {
  const wanted = (parts & part.all) === 0 ? part.all : parts
  return (wanted & part.sacl) !== 0 && !mayAdminister(domain, reader) ? undefined : descriptorParts(domain, target, wanted)
}
