/**
 * One change to one attribute of a draft: what the schema and the directory's own rules allow (RFC 4511 §4.6, [MS-ADTS]
 * 3.1.1.5.3). Rights were judged before; the password is not written here.
 *
 * Three attributes do more than hold a value: `pwdLastSet` takes 0 and -1 only, `lockoutTime` 0 unlocks, `member` takes
 * names of entries that exist.
 */
import { ownDescriptor, part } from './access.ts'
import type { Attributes } from './attributes.ts'
import type { Change } from './codec.ts'
import type { Domain } from './domain.ts'
import { type Entry, nameOf } from './entries.ts'
import { filetime } from './identifiers.ts'
import { type Result, refusals } from './result.ts'
import { type AttributeKind, attributeKind } from './schema.ts'

/** Undefined when the draft was changed. */
export function changeAttribute(
  domain: Domain,
  entry: Entry,
  draft: Attributes,
  change: Change,
  descriptorParts?: number,
): Result | undefined {
  const kind = attributeKind(change.name)
  if (kind === undefined) return refusals.unknownAttribute
  if (kind.owner !== 'people') return refusals.systemOnly
  if (kind.name.toUpperCase() === entry.dn[0]?.type) return refusals.rdnAttribute
  if (change.values.some((value) => !fits(kind, value))) return kind.name === 'pwdLastSet' ? refusals.pwdLastSet : refusals.emptyValue
  if (kind.name === 'nTSecurityDescriptor') return setDescriptor(draft, change, descriptorParts)
  if (kind.name === 'pwdLastSet') return setPwdLastSet(domain, draft, change)
  if (kind.name === 'lockoutTime' && change.values[0]?.toString() === '0') draft.set('badPwdCount', 0)
  if (kind.name === 'member' && change.operation !== 'delete') {
    const names = canonicalNames(domain, change.values)
    return names === undefined ? refusals.memberNotFound : merge(draft, kind, { ...change, values: names })
  }
  return merge(draft, kind, change)
}

export function fits(kind: AttributeKind, value: Buffer): boolean {
  if (value.length === 0) return false
  return kind.syntax !== 'integer' || /^-?\d{1,19}$/.test(value.toString('utf8'))
}

/** It is replaced and never taken away; without the list among the parts written, the list stays ([MS-ADTS] 3.1.1.3.4.1.11). */
function setDescriptor(draft: Attributes, { operation, values }: Change, parts: number = part.all): Result | undefined {
  if (operation === 'delete' || values.length === 0) return refusals.descriptorDelete
  if (operation === 'add' || values.length > 1) return refusals.valueExists
  const own = ownDescriptor(values)
  if (own === undefined) return refusals.badDescriptor
  if ((parts & part.all) === 0 || (parts & part.dacl) !== 0) draft.set('nTSecurityDescriptor', own)
  return undefined
}

/** -1 means "as if set now", and only takes back a 0: a password keeps its real age ([MS-SAMR] 3.1.1.8.8). */
function setPwdLastSet(domain: Domain, draft: Attributes, change: Change): Result | undefined {
  const value = change.values[0]?.toString()
  if (change.operation === 'delete' || change.values.length === 0) return refusals.pwdLastSetDelete
  if (change.values.length !== 1 || (value !== '0' && value !== '-1')) return refusals.pwdLastSet
  if (value === '0') draft.set('pwdLastSet', 0)
  else if ((draft.integer('pwdLastSet') ?? 0n) === 0n) draft.set('pwdLastSet', filetime(domain.clock.now()))
  return undefined
}

function canonicalNames(domain: Domain, values: readonly Buffer[]): Buffer[] | undefined {
  const found = values.map((value) => domain.tree.find(value.toString('utf8')))
  const names = found.map((base) => (base.kind === 'entry' ? Buffer.from(nameOf(base.entry)) : undefined))
  return names.every((name) => name !== undefined) ? names : undefined
}

function merge(draft: Attributes, kind: AttributeKind, { operation, values }: Change): Result | undefined {
  const held = draft.values(kind.name)
  const same = (one: Buffer) => (other: Buffer) =>
    kind.syntax === 'binary' ? one.equals(other) : one.toString('utf8').toLowerCase() === other.toString('utf8').toLowerCase()
  switch (operation) {
    case 'replace':
      if (values.length > 1 && !kind.many) return refusals.valueExists
      draft.set(kind.name, ...values)
      return undefined
    case 'add':
      if (values.some((value) => held.some(same(value)))) return kind.name === 'member' ? refusals.alreadyMember : refusals.valueExists
      if (!kind.many && held.length + values.length > 1) return refusals.valueExists
      draft.set(kind.name, ...held, ...values)
      return undefined
    case 'delete':
      if (held.length === 0 || values.some((value) => !held.some(same(value)))) return refusals.noSuchValue
      draft.set(kind.name, ...(values.length === 0 ? [] : held.filter((one) => !values.some(same(one)))))
      return undefined
  }
}
