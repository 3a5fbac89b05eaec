/**
 * What can be asked of the local Graph, as a table: path, the application permissions of which one is needed, and the answer.
 *
 * Order of the checks is the real one: permission (403), query (400), object (404). What is
 * about groups and roles is in memberships.ts, about passwords in passwords.ts.
 */
import type { Claims } from '../entra/verify.ts'
import type { Json } from '../stand-in.ts'
import type { WebRequest } from '../web.ts'
import { membershipRoutes } from './memberships.ts'
import { metadata, paged } from './page.ts'
import { patchUser } from './passwords.ts'
import { parseFilter, parseSelect, unknownOption } from './query.ts'
import { badRequest, denied, noSegment, notFound } from './refusals.ts'
import type { Domain, Graph, Result, Route } from './shape.ts'
import { project } from './users.ts'

const readUsers = ['User.Read.All', 'User.ReadWrite.All', 'Directory.Read.All']

const routes: Route[] = [
  { method: 'GET', path: '/v1.0/users', roles: readUsers, run: listUsers },
  { method: 'GET', path: '/v1.0/users/{key}', roles: readUsers, run: getUser },
  { method: 'PATCH', path: '/v1.0/users/{key}', roles: ['User-PasswordProfile.ReadWrite.All'], run: patchUser },
  { method: 'GET', path: '/v1.0/domains', roles: ['Domain.Read.All', 'Directory.Read.All'], run: listDomains },
  { method: 'GET', path: '/v1.0/domains/{key}', roles: ['Domain.Read.All', 'Directory.Read.All'], run: getDomain },
  {
    method: 'GET',
    path: '/v1.0/directory/onPremisesSynchronization',
    roles: ['OnPremDirectorySynchronization.Read.All', 'OnPremDirectorySynchronization.ReadWrite.All'],
    run: readSynchronization,
  },
  ...membershipRoutes,
  { method: 'GET', path: '/v1.0/organization', roles: ['Organization.Read.All', 'Directory.Read.All'], run: listOrganization },
]

function getUser({ users }: Graph, { url }: WebRequest, key: string): Result {
  const unknown = unknownOption(url.searchParams, ['$select'])
  if (unknown) return badRequest(`The query option ${unknown} is not supported.`)
  const selection = parseSelect(url.searchParams.get('$select'))
  if (selection.kind === 'refused') return selection
  const user = users.find(key)
  if (!user) return notFound(key)
  const context = `${metadata}#users${selection.context}/$entity`
  return { kind: 'done', status: 200, body: { '@odata.context': context, ...project(user, selection.properties) } }
}

function listUsers(graph: Graph, request: WebRequest): Result {
  const { url } = request
  const unknown = unknownOption(url.searchParams, ['$select', '$filter', '$top', '$skiptoken'])
  if (unknown) return badRequest(`The query option ${unknown} is not supported.`)
  const selection = parseSelect(url.searchParams.get('$select'))
  if (selection.kind === 'refused') return selection
  const filter = parseFilter(url.searchParams.get('$filter'))
  if (filter.kind === 'refused') return filter
  const value = graph.users.all().filter(filter.matches)
  return paged(
    graph,
    request,
    `#users${selection.context}`,
    value.map((user) => project(user, selection.properties)),
  )
}

const domainShown = ({ id, federated }: Domain, index: number): Json => ({
  id,
  authenticationType: federated ? 'Federated' : 'Managed',
  isDefault: index === 0,
  isVerified: true,
})

function listDomains({ tenant }: Graph): Result {
  return { kind: 'done', status: 200, body: { '@odata.context': `${metadata}#domains`, value: tenant.domains.map(domainShown) } }
}

/** `$select` is taken and everything shown: the real one shows no less than what was asked for. */
function getDomain({ tenant }: Graph, _request: WebRequest, key: string): Result {
  const index = tenant.domains.findIndex(({ id }) => id.toLowerCase() === key.toLowerCase())
  const domain = tenant.domains[index]
  return domain ? { kind: 'done', status: 200, body: domainShown(domain, index) } : notFound(key)
}

function readSynchronization({ tenant }: Graph): Result {
  const features = { passwordSyncEnabled: tenant.passwordHashSync, passwordWritebackEnabled: true }
  const value = [{ id: tenant.organization.id, features }]
  return { kind: 'done', status: 200, body: { '@odata.context': `${metadata}#directory/onPremisesSynchronization`, value } }
}

function listOrganization({ tenant: { organization, domains }, users }: Graph): Result {
  const verifiedDomains = domains.map(({ id: name, federated }, index) => ({
    name,
    isDefault: index === 0,
    type: federated ? 'Federated' : 'Managed',
  }))
  const onPremisesSyncEnabled = users.all().some((user) => user.onPremisesSyncEnabled) || null
  const value = [{ ...organization, verifiedDomains, onPremisesSyncEnabled }]
  return { kind: 'done', status: 200, body: { '@odata.context': `${metadata}#organization`, value } }
}

/** Percent-decoded, or `undefined` where the encoding is broken. */
export function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function findRoute({ method, url }: WebRequest): { route: Route; key: string } | undefined {
  const segments = url.pathname.split('/')
  for (const route of routes) {
    const pattern = route.path.split('/')
    const fits = pattern.length === segments.length && pattern.every((each, index) => each === '{key}' || each === segments[index])
    const key = fits && route.method === method ? decoded(segments[pattern.indexOf('{key}')] ?? '') : undefined
    if (key !== undefined) return { route, key }
  }
  return undefined
}

/** Answers one request of a known caller. */
export function answer(graph: Graph, claims: Claims, request: WebRequest): Result {
  const found = findRoute(request)
  if (!found) return noSegment(request.url.pathname.split('/')[2] ?? '')
  if (!found.route.roles.some((role) => claims.roles.includes(role))) return denied()
  return found.route.run(graph, request, found.key)
}
