/**
 * Modify (RFC 4511 §4.6): all changes of one request or none, worked out on a draft that replaces the attributes at the end.
 *
 * A password is part of the same all-or-nothing. The order of refusals follows Active Directory: the object, the rights on
 * every attribute named, the password, then the attributes one by one.
 */
import type { Attributes } from './attributes.ts'
import { changeAttribute } from './change-attribute.ts'
import type { Change, RequestOf } from './codec.ts'
import { type Credential, forgetPassword, setPassword } from './credential.ts'
import { type Domain, touch } from './domain.ts'
import type { Base, Entry } from './entries.ts'
import { filetime, guidText } from './identifiers.ts'
import { type Result, refusals, success } from './result.ts'
import { mayWrite } from './rights.ts'
import { accountFlag } from './schema.ts'
import { isPasswordChange, judgePasswordWrite, type PasswordWrite, parsePasswordWrite } from './set-password.ts'

export interface ModifyConditions {
  encrypted: boolean
  policyHints: boolean
  /** Which parts of a security descriptor are written; undefined: all. */
  descriptorParts?: number | undefined
}

export const missing = (base: Exclude<Base, { kind: 'entry' }>): Result =>
  base.kind === 'malformed' ? refusals.badName : refusals.noSuchObject

export function modify(domain: Domain, actor: Entry, request: RequestOf<'modify'>, conditions: ModifyConditions): Result {
  const base = domain.tree.find(request.dn)
  if (base.kind !== 'entry') return missing(base)
  const { entry } = base
  const passwordChanges = request.changes.filter(isPasswordChange)
  const others = request.changes.filter((change) => !isPasswordChange(change))
  if (others.some((change) => !mayWrite(domain, actor, entry, change.name))) return refusals.accessDenied

  const write = parsePasswordWrite(passwordChanges)
  if (write === undefined && passwordChanges.length > 0) return refusals.malformedPassword
  const refusal =
    write &&
    judgePasswordWrite(domain, actor, entry, write, { ...conditions, demandsChange: others.some((change) => isZeroPwdLastSet(change)) })
  if (refusal !== undefined) return refusal

  const draft = entry.attributes.copy()
  if (write !== undefined) draft.set('pwdLastSet', filetime(domain.clock.now()))
  for (const change of others) {
    const problem = changeAttribute(domain, entry, draft, change, conditions.descriptorParts)
    if (problem !== undefined) return problem
  }
  commit(domain, entry, draft, write)
  return success
}

const isZeroPwdLastSet = (change: Change): boolean => change.name.toLowerCase() === 'pwdlastset' && change.values[0]?.toString() === '0'

function commit(domain: Domain, entry: Entry, draft: Attributes, write: PasswordWrite | undefined): void {
  const demandsCard = (attributes: Attributes) => (attributes.number('userAccountControl') & accountFlag.smartCardRequired) !== 0
  if (demandsCard(draft) && !demandsCard(entry.attributes)) forgetPassword(entry)
  entry.attributes = draft
  if (write !== undefined && entry.credential !== undefined) {
    setPassword(entry.credential, write.password)
    notePasswordWrite(domain, entry, entry.credential)
  }
  touch(domain, entry)
}

function notePasswordWrite(domain: Domain, { attributes }: Entry, { digests }: Credential): void {
  const guid = guidText(attributes.values('objectGUID')[0] ?? Buffer.alloc(16))
  const write = { at: domain.clock.now(), digest: digests[0] ?? Buffer.alloc(0) }
  domain.passwordWrites.set(guid, [...(domain.passwordWrites.get(guid) ?? []), write])
}
