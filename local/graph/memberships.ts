/**
 * What can be asked about groups and roles: memberships, and the schedules of directory roles and of groups.
 *
 * A tenant without the licence for Privileged Identity Management answers 400, AadPremiumLicenseRequired, wherever eligibility is
 * asked for. Each of these collections comes in pages.
 * Sources: learn.microsoft.com/graph/api/user-list-transitivememberof, /directoryobject-checkmembergroups,
 * /rbacapplication-list-roleassignments, /rbacapplication-list-roleeligibilityscheduleinstances,
 * /privilegedaccessgroup-list-eligibilityscheduleinstances.
 */
import * as z from 'zod'
import type { Json } from '../stand-in.ts'
import type { WebRequest } from '../web.ts'
import { metadata, paged } from './page.ts'
import { unknownOption } from './query.ts'
import { badRequest, licenceRequired, notFound, type Refusal } from './refusals.ts'
import type { Graph, Result, Route } from './shape.ts'

const rolesReaders = ['RoleManagement.Read.Directory', 'RoleManagement.Read.All', 'Directory.Read.All']
const eligibilityReaders = ['RoleEligibilitySchedule.Read.Directory', 'RoleManagement.Read.Directory', 'RoleManagement.Read.All']

export const membershipRoutes: Route[] = [
  { method: 'GET', path: '/v1.0/users/{key}/transitiveMemberOf', roles: ['GroupMember.Read.All', 'Directory.Read.All'], run: memberOf },
  { method: 'POST', path: '/v1.0/users/{key}/checkMemberGroups', roles: ['GroupMember.Read.All', 'Directory.Read.All'], run: checkGroups },
  { method: 'GET', path: '/v1.0/roleManagement/directory/roleAssignments', roles: rolesReaders, run: roleAssignments },
  {
    method: 'GET',
    path: '/v1.0/roleManagement/directory/roleEligibilityScheduleInstances',
    roles: eligibilityReaders,
    run: roleEligibility,
  },
  {
    method: 'GET',
    path: '/v1.0/identityGovernance/privilegedAccess/group/eligibilityScheduleInstances',
    roles: ['PrivilegedEligibilitySchedule.Read.AzureADGroup', 'PrivilegedEligibilitySchedule.ReadWrite.AzureADGroup'],
    run: groupEligibility,
  },
]

const shownOfGroup = ['id', 'displayName', 'isAssignableToRole'] as const

function memberOf(graph: Graph, request: WebRequest, key: string): Result {
  const { searchParams } = request.url
  const unknown = unknownOption(searchParams, ['$select', '$top', '$skiptoken'])
  if (unknown) return badRequest(`The query option ${unknown} is not supported.`)
  const select = searchParams.get('$select')?.split(',') ?? [...shownOfGroup]
  if (select.some((name) => !shownOfGroup.some((each) => each === name))) return badRequest('Could not find a property.')
  const user = graph.users.find(key)
  if (!user) return notFound(key)
  const groups = graph.groups.of(user.id).map((group): Json => {
    const shown = shownOfGroup.filter((name) => select.includes(name)).map((name) => [name, group[name]])
    return { '@odata.type': '#microsoft.graph.group', ...Object.fromEntries(shown) }
  })
  // Directory roles appear among the memberships only where they are held directly and for the whole tenant.
  const held = graph.groups.roles(user.id).filter(({ eligible, directoryScopeId }) => !eligible && directoryScopeId === '/')
  const roles = held.map(({ id }): Json => ({ '@odata.type': '#microsoft.graph.directoryRole', id }))
  return paged(graph, request, '#directoryObjects', [...groups, ...roles])
}

const asked = z.strictObject({ groupIds: z.array(z.guid()).min(1).max(20) })

function checkGroups(graph: Graph, { body }: WebRequest, key: string): Result {
  const parsed = asked.safeParse(jsonOf(body))
  if (!parsed.success) return badRequest('Invalid value specified for property groupIds.')
  const user = graph.users.find(key)
  if (!user) return notFound(key)
  const ids = parsed.data.groupIds.map((id) => id.toLowerCase())
  const value = graph.groups
    .of(user.id)
    .map(({ id }) => id)
    .filter((id) => ids.includes(id.toLowerCase()))
  return { kind: 'done', status: 200, body: { '@odata.context': `${metadata}#Collection(Edm.String)`, value } }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The one filter the product uses, and without which no page would end. */
function principalOf({ url }: WebRequest): { kind: 'principal'; id: string } | Refusal {
  const unknown = unknownOption(url.searchParams, ['$filter', '$top', '$skiptoken'])
  if (unknown) return badRequest(`The query option ${unknown} is not supported.`)
  const [, id] = /^principalId eq '([0-9a-f-]{36})'$/i.exec(url.searchParams.get('$filter') ?? '') ?? []
  return id === undefined ? badRequest('Invalid filter clause') : { kind: 'principal', id }
}

function roleAssignments(graph: Graph, request: WebRequest): Result {
  const principal = principalOf(request)
  if (principal.kind === 'refused') return principal
  const value = graph.groups.roles(principal.id).filter(({ eligible }) => !eligible)
  return paged(graph, request, '#roleManagement/directory/roleAssignments', value.map(shown))
}

function roleEligibility(graph: Graph, request: WebRequest): Result {
  if (!graph.tenant.privilegedIdentityManagement) return licenceRequired()
  const principal = principalOf(request)
  if (principal.kind === 'refused') return principal
  const value = graph.groups.roles(principal.id).filter(({ eligible }) => eligible)
  return paged(graph, request, '#roleManagement/directory/roleEligibilityScheduleInstances', value.map(shown))
}

function groupEligibility(graph: Graph, request: WebRequest): Result {
  if (!graph.tenant.privilegedIdentityManagement) return licenceRequired()
  const principal = principalOf(request)
  if (principal.kind === 'refused') return principal
  const context = '#identityGovernance/privilegedAccess/group/eligibilityScheduleInstances'
  const value = graph.groups.eligibleFor(principal.id).map((groupId): Json => ({ principalId: principal.id, groupId, accessId: 'member' }))
  return paged(graph, request, context, value)
}

const shown = ({ eligible: _, ...role }: { eligible: boolean; id: string; principalId: string }): Json => role
