/**
 * Groups of the local tenant, who holds which directory role, and who may activate one (Privileged Identity Management).
 *
 * A principal is a user or a group, by object id. Membership is transitive; a role held by a group is not listed for its members:
 * whoever asks has to ask for the group too, as with the real one.
 */
import { randomUUID } from 'node:crypto'

export type Group = { id: string; displayName: string; isAssignableToRole: boolean | null; members: string[] }
export type NewGroup = Partial<Group> & Pick<Group, 'displayName'>
/** `eligible`: may be activated, and is not held now. */
export type RoleAssignment = { id: string; principalId: string; roleDefinitionId: string; directoryScopeId: string; eligible: boolean }

export interface Groups {
  add(group: NewGroup): Group
  /** Groups that a principal is in, directly or through others. */
  of(principalId: string): Group[]
  find(id: string): Group | undefined
  addMember(groupId: string, principalId: string): void
  assignRole(principalId: string, how: { eligible: boolean; scope?: string }): void
  roles(principalId: string): RoleAssignment[]
  makeEligible(principalId: string, groupId: string): void
  eligibleFor(principalId: string): string[]
  /** Holds a role now, directly or through a group. */
  isAdministrator(principalId: string): boolean
}

const helpdeskAdministrator = '729827e3-9c14-49f7-bb1b-9608f156bbb8'

export function makeGroups(): Groups {
  const groups: Group[] = []
  const assignments: RoleAssignment[] = []
  const eligible: { principalId: string; groupId: string }[] = []
  const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()
  function of(principalId: string, seen = new Set<Group>()): Group[] {
    for (const group of groups) {
      if (seen.has(group) || !group.members.some((member) => same(member, principalId))) continue
      seen.add(group)
      of(group.id, seen)
    }
    return [...seen]
  }
  const find = (id: string) => groups.find((group) => same(group.id, id))
  const roles = (principalId: string) => assignments.filter((each) => same(each.principalId, principalId))
  return {
    add(group) {
      const added = { id: randomUUID(), isAssignableToRole: null, members: [], ...group }
      groups.push(added)
      return added
    },
    of: (principalId) => of(principalId),
    find,
    addMember(groupId, principalId) {
      find(groupId)?.members.push(principalId)
    },
    assignRole(principalId, { eligible, scope = '/' }) {
      assignments.push({ id: randomUUID(), principalId, roleDefinitionId: helpdeskAdministrator, directoryScopeId: scope, eligible })
    },
    roles,
    makeEligible(principalId, groupId) {
      eligible.push({ principalId, groupId })
    },
    eligibleFor: (principalId) => eligible.filter((each) => same(each.principalId, principalId)).map(({ groupId }) => groupId),
    isAdministrator: (principalId) =>
      [principalId, ...of(principalId).map(({ id }) => id)].some((each) => roles(each).some((role) => !role.eligible)),
  }
}
