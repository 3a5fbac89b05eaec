/**
 * What one object allows the service account, and what would keep it from inheriting: read once, judged in rules.ts and
 * person.ts.
 */
import { Fault } from '../../../shared/fault.ts'
import type { Connection } from '../../directory/connection.ts'
import { isProtectedSid } from '../../directory/protected.ts'
import { allOf, bytesOf, guidDn, integerOf, readBase, required, textOf } from '../../directory/rows.ts'
import { descriptorParts, readSecurityDescriptor } from '../../directory/security.ts'
import { blocksInheritance, rightsOf } from '../access.ts'
import { type Descriptor, decodeDescriptor } from '../descriptor.ts'
import { type FourRight, fourRights, rights } from '../four-rights.ts'

/** SIDs of the account that binds: its own and those of all its groups. */
export async function sidsOf(connection: Connection, accountDn: string): Promise<Buffer[]> {
  const row = await readBase(connection, accountDn, ['objectSid', 'tokenGroups'])
  return [required(bytesOf(row, 'objectSid'), 'objectSid'), ...allOf(row, 'tokenGroups')]
}

export async function readDescriptor(connection: Connection, dn: string): Promise<Descriptor> {
  const bytes = await readSecurityDescriptor(connection, dn, descriptorParts.ownerGroupAndDacl)
  if (!bytes) throw new Fault('DIRECTORY_REFUSED', 'the service account may not read nTSecurityDescriptor')
  return decodeDescriptor(bytes)
}

export interface Guarded {
  dn: string
  missing: FourRight[]
  blocksInheritance: boolean
  /** By its groups, whatever it is marked as. */
  inProtectedGroup: boolean
  marked: boolean
}

export async function readGuarded(connection: Connection, guid: Buffer, sids: readonly Buffer[]): Promise<Guarded> {
  const name = guidDn(guid)
  const row = await readBase(connection, name, ['distinguishedName', 'objectSid', 'adminCount', 'tokenGroups'])
  const descriptor = await readDescriptor(connection, name)
  const objectSid = required(bytesOf(row, 'objectSid'), 'objectSid')
  return {
    dn: required(textOf(row, 'distinguishedName'), 'distinguishedName'),
    missing: missingIn(rightsOf(descriptor, { sids, objectSid })),
    blocksInheritance: blocksInheritance(descriptor),
    inProtectedGroup: [objectSid, ...allOf(row, 'tokenGroups')].some(isProtectedSid),
    marked: (integerOf(row, 'adminCount') ?? 0n) > 0n,
  }
}

export const missingIn = (has: Readonly<Record<FourRight, boolean>>): FourRight[] => fourRights.filter((right) => !has[right])

export const titles = (missing: readonly FourRight[]): string => missing.map((right) => rights[right].title).join(', ')
