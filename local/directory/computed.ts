/**
 * Attributes that are not stored but worked out for the reader ([MS-ADTS] 3.1.1.4.5), and back links.
 *
 * Constructed attributes come only when named. `tokenGroups` moreover needs a base search: it walks all groups.
 */
import { badPasswords, isLocked, isPasswordExpired, passwordExpiresAtMs } from './account.ts'
import type { Value } from './attributes.ts'
import type { Domain } from './domain.ts'
import { type Entry, nameOf } from './entries.ts'
import { filetime, neverFiletime } from './identifiers.ts'
import { directGroups, groupsOf } from './membership.ts'
import { resultantPso } from './policy.ts'
import { writableFor } from './rights.ts'
import { accountFlag } from './schema.ts'

export const baseSearchOnly: readonly string[] = ['tokengroups']

type Compute = (domain: Domain, entry: Entry, reader: Entry) => readonly Value[]

const forUsers =
  (compute: Compute): Compute =>
  (domain, entry, reader) =>
    entry.credential === undefined ? [] : compute(domain, entry, reader)

/** Keys are lower-case names. An empty list means that the entry does not have the attribute. */
const computations: Record<string, Compute> = {
  memberof: (domain, entry) => directGroups(domain.tree, entry).map(nameOf),
  badpwdcount: forUsers((domain, user) => [badPasswords(domain, user)]),
  tokengroups: forUsers((domain, user) => groupsOf(domain.tree, user).flatMap((group) => group.attributes.values('objectSid'))),
  allowedattributeseffective: (domain, entry, reader) => writableFor(domain, reader, entry),
  'msds-resultantpso': forUsers((domain, user) => {
    const pso = resultantPso(domain.tree, user)
    return pso === undefined ? [] : [nameOf(pso)]
  }),
  'msds-user-account-control-computed': forUsers((domain, user) => [
    (isLocked(domain, user) ? accountFlag.locked : 0) | (isPasswordExpired(domain, user) ? accountFlag.passwordExpired : 0),
  ]),
  'msds-userpasswordexpirytimecomputed': forUsers((domain, user) => {
    const atMs = passwordExpiresAtMs(domain, user)
    return [atMs === Number.POSITIVE_INFINITY ? neverFiletime : atMs === Number.NEGATIVE_INFINITY ? 0 : filetime(atMs)]
  }),
}

/** Undefined when the attribute is an ordinary stored one. */
export function compute(domain: Domain, entry: Entry, reader: Entry, name: string): readonly Value[] | undefined {
  return computations[name.toLowerCase()]?.(domain, entry, reader)
}

/** Computed, and yet part of what `*` returns. */
export const returnedByDefault: readonly string[] = ['memberOf', 'badPwdCount']
