/**
 * Add and delete (RFC 4511 §4.7, §4.8), for administrators: what tests make forests with.
 *
 * Every new entry gets what the directory itself writes ([MS-ADTS] 3.1.1.5.2): GUID, name, category, times, and users and
 * groups a SID and a sAMAccountName. A first password obeys the policy's length and complexity.
 */
import { randomBytes } from 'node:crypto'
import { defaultDescriptor, ownDescriptor } from './access.ts'
import { Attributes } from './attributes.ts'
import { fits } from './change-attribute.ts'
import type { RequestOf } from './codec.ts'
import { newCredential, setPassword } from './credential.ts'
import { type Dn, dnKey, parseDn } from './dn.ts'
import { type Domain, places, touch } from './domain.ts'
import { type Entry, nameOf } from './entries.ts'
import { filetime, generalizedTime, neverFiletime, sidOctets } from './identifiers.ts'
import { directGroups } from './membership.ts'
import { missing } from './modify.ts'
import { parseQuoted } from './password.ts'
import { passwordRestriction, type Result, refusals, success } from './result.ts'
import { mayAdminister } from './rights.ts'
import { accountFlag, attributeKind, classNamed, type ObjectClass } from './schema.ts'
import { judgeFirstPassword } from './set-password.ts'

export function add(domain: Domain, actor: Entry, request: RequestOf<'add'>, encrypted: boolean): Result {
  const dn = parseDn(request.dn)
  if (dn === undefined || dn.length === 0) return refusals.badName
  if (domain.tree.get(dn.slice(1)) === undefined) return refusals.noSuchObject
  if (!mayAdminister(domain, actor)) return refusals.accessDenied
  const given = new Attributes()
  let password: string | undefined
  for (const { name, values } of request.attributes) {
    const kind = attributeKind(name)
    if (kind === undefined) return refusals.unknownAttribute
    if (kind.owner !== 'people') return refusals.systemOnly
    if (values.length === 0 || !values.every((value) => fits(kind, value))) return refusals.emptyValue
    if (kind.name === 'nTSecurityDescriptor') {
      const own = ownDescriptor(values)
      if (own === undefined) return refusals.badDescriptor
      given.set(kind.name, own)
    } else if (kind.name !== 'unicodePwd') given.set(kind.name, ...values)
    else {
      password = values[0] && parseQuoted(values[0])
      if (!encrypted) return refusals.clearPort
      if (password === undefined) return refusals.malformedPassword
    }
  }
  return create(domain, dn, given, password)
}

/** Also for the seed: the same entry that an administrator's add would make. */
export function create(domain: Domain, dn: Dn, given: Attributes, password: string | undefined): Result {
  const objectClass = classNamed(given.texts('objectClass').at(-1) ?? '')
  if (objectClass === undefined) return refusals.noClass
  if (objectClass.naming !== dn[0]?.type) return refusals.badName
  if (domain.tree.get(dn) !== undefined || isAccountNameTaken(domain, given.text('sAMAccountName'))) return refusals.nameTaken
  const isUser = objectClass.chain.includes('user')
  const entry: Entry = {
    dn,
    attributes: completed(domain, dn, given, objectClass),
    credential: isUser ? newCredential() : undefined,
  }
  const refusal = password === undefined ? undefined : judgeFirstPassword(domain, entry, entry.attributes, password)
  if (refusal !== undefined) return refusal
  // As Windows does; Samba takes an enabled account without a password.
  if (isUser && password === undefined && needsPassword(entry.attributes)) return passwordRestriction('length', 'reset')
  if (entry.credential !== undefined && password !== undefined) setPassword(entry.credential, password)
  if (password !== undefined && given.text('pwdLastSet') !== '0') entry.attributes.set('pwdLastSet', filetime(domain.clock.now()))
  domain.tree.add(entry)
  touch(domain, entry)
  return success
}

const isAccountNameTaken = (domain: Domain, name: string | undefined): boolean =>
  name !== undefined &&
  [...domain.tree.ofClass('user'), ...domain.tree.ofClass('group')].some(
    (entry) => entry.attributes.text('sAMAccountName')?.toLowerCase() === name.toLowerCase(),
  )

const needsPassword = (attributes: Attributes): boolean =>
  (attributes.number('userAccountControl') & (accountFlag.disabled | accountFlag.passwordNotRequired)) === 0

/** What was given, and everything the directory writes by itself. */
export function completed(domain: Domain, dn: Dn, given: Attributes, objectClass: ObjectClass): Attributes {
  const now = domain.clock.now()
  const naming = dn[0] ?? { type: 'CN', value: '' }
  const isUser = objectClass.chain.includes('user')
  const principal = isUser || objectClass.chain.includes('group')
  const attributes = Attributes.from({
    objectClass: objectClass.chain,
    [naming.type === 'CN' ? 'cn' : naming.type.toLowerCase()]: naming.value,
    name: naming.value,
    distinguishedName: nameOf({ dn }),
    instanceType: 4,
    whenCreated: generalizedTime(now),
    uSNCreated: domain.usn + 1,
    objectGUID: randomBytes(16),
    objectCategory: `CN=${objectClass.category},${places(domain).schema}`,
    nTSecurityDescriptor: defaultDescriptor(domain.domainSid, objectClass),
    ...(principal ? { sAMAccountName: naming.value, objectSid: sidOctets(`${domain.domainSid}-${nextRid(domain)}`) } : {}),
    ...(isUser ? userDefaults : {}),
    ...(objectClass.chain.includes('group') ? { groupType: -2147483646, sAMAccountType: 268435456 } : {}),
  })
  for (const { name, values } of given.all()) if (name !== 'objectClass') attributes.set(name, ...values)
  return attributes
}

const userDefaults = {
  userAccountControl: accountFlag.normal | accountFlag.disabled,
  accountExpires: neverFiletime,
  pwdLastSet: 0,
  badPwdCount: 0,
  badPasswordTime: 0,
  lastLogon: 0,
  logonCount: 0,
  primaryGroupID: 513,
  sAMAccountType: 805306368,
}

export function nextRid(domain: Domain): number {
  domain.nextRid += 1
  return domain.nextRid
}

export function remove(domain: Domain, actor: Entry, request: RequestOf<'delete'>): Result {
  const base = domain.tree.find(request.dn)
  if (base.kind !== 'entry') return missing(base)
  if (!mayAdminister(domain, actor)) return refusals.accessDenied
  if (domain.tree.hasChildren(base.entry)) return refusals.notLeaf
  for (const group of directGroups(domain.tree, base.entry)) {
    const others = group.attributes.texts('member').filter((name) => name.toLowerCase() !== dnKey(base.entry.dn))
    group.attributes.set('member', ...others)
  }
  domain.tree.remove(base.entry)
  return success
}
