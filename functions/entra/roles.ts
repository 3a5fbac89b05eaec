/**
 * Who is an administrator: whoever holds a directory role, may activate one, or may get one through a group.
 *
 * Asked for each time, never kept: a role may have been given a minute ago. What cannot be resolved, for whatever reason (Graph
 * away, a permission missing, more groups than are looked through), counts as an administrator. Any role counts, also one
 * that is scoped to an administrative unit: the help desk touches nobody who has one, and two gates are asked of them all.
 *
 * Four questions: groups and roles one is a member of; assignments of roles, and eligibility for them (Privileged Identity
 * Management), both also through groups that can hold roles; eligibility for groups. Permissions: GroupMember.Read.All,
 * RoleManagement.Read.Directory, PrivilegedEligibilitySchedule.Read.AzureADGroup. A tenant without the licence for Privileged
 * Identity Management says so, and nobody is eligible there.
 * Sources: learn.microsoft.com/graph/api/user-list-transitivememberof, /rbacapplication-list-roleassignments,
 * /rbacapplication-list-roleeligibilityscheduleinstances, /privilegedaccessgroup-list-eligibilityscheduleinstances.
 */
import * as z from 'zod'
import { faultWord } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import { type Graph, guid, isGuid, odd } from './graph.ts'

export interface Roles {
  isAdministrator(objectId: string): Promise<boolean>
}

/** Groups that can hold roles, or that one can be eligible for; more in one person's hands are nobody's who is no administrator. */
const maxGroups = 20
const unlicensed = { noneIf: 'AadPremiumLicenseRequired' }

export const openRoles = (graph: Pick<Graph, 'list'>, log: Log): Roles => ({
  async isAdministrator(objectId) {
    if (!isGuid(objectId)) return true
    const person = objectId.toLowerCase()
    try {
      return await holdsRole(person, graph)
    } catch (error) {
      log('rolesUnresolved', { person, fault: faultWord(error) })
      return true
    }
  },
})

async function holdsRole(person: string, { list }: Pick<Graph, 'list'>): Promise<boolean> {
  const of = (principal: string) => `?$filter=principalId eq '${principal}'`.replaceAll(' ', '%20')
  const [memberships, eligibleGroups] = await Promise.all([
    list(`users/${person}/transitiveMemberOf?$select=id,isAssignableToRole&$top=999`).then((items) => items.map(parsed(membership))),
    list(`identityGovernance/privilegedAccess/group/eligibilityScheduleInstances${of(person)}`, unlicensed).then((items) =>
      items.map(parsed(eligibility)),
    ),
  ])
  if (memberships.some((each) => each['@odata.type'] === '#microsoft.graph.directoryRole')) return true
  const groups = memberships.filter(canHoldRoles).map(({ id }) => id)
  const principals = new Set([person, ...groups, ...eligibleGroups.map(({ groupId }) => groupId)])
  if (principals.size > maxGroups) return true
  const held = await Promise.all(
    [...principals].flatMap((principal) => [
      list(`roleManagement/directory/roleAssignments${of(principal)}`),
      list(`roleManagement/directory/roleEligibilityScheduleInstances${of(principal)}`, unlicensed),
    ]),
  )
  return held.some((roles) => roles.length > 0)
}

const id = z.string().regex(guid)
const membership = z.object({ '@odata.type': z.string(), id, isAssignableToRole: z.boolean().nullish() })
const eligibility = z.object({ groupId: id })

/** A group of which Graph does not show it might be one. */
const canHoldRoles = (each: z.infer<typeof membership>) =>
  each['@odata.type'] === '#microsoft.graph.group' && !('isAssignableToRole' in each && each.isAssignableToRole !== true)

const parsed =
  <T extends z.ZodType>(shape: T) =>
  (item: unknown): z.infer<T> => {
    const { data, success } = shape.safeParse(item)
    if (!success) throw odd('something that is no role or group')
    return data
  }
