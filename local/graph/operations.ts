/**
 * What can be asked of the local Graph, as a table: path, the application permissions of which one is needed, and the answer.
 *
 * Order of the checks is the real one: permission (403), query (400), object (404). Passwords of synchronized users
 * cannot be written here: they are mastered on-premises.
 */
import type { Clock } from '../../shared/clock.ts'
import type { Claims } from '../entra/verify.ts'
import type { Json } from '../stand-in.ts'
import type { WebRequest } from '../web.ts'
import type { Applications } from './directory.ts'
import { parseFilter, parseSelect, unknownOption } from './query.ts'
import { badRequest, denied, noSegment, notFound, onPremisesMastered, type Refusal } from './refusals.ts'
import { project, type Users } from './users.ts'

export interface Graph {
  users: Users
  applications: Applications
  /** Object ids. */
  applicationAdministrators: Set<string>
  domains: string[]
  organization: { id: string; displayName: string }
  clock: Clock
}

export type Result = { kind: 'done'; status: number; body?: Json } | Refusal

interface Route {
  method: string
  /** `{key}` is an object id or a userPrincipalName. */
  path: string
  /** One of these application permissions is needed. */
  roles: readonly string[]
  run(graph: Graph, request: WebRequest, key: string): Result
}

const metadata = 'https://graph.microsoft.com/v1.0/$metadata'
const readUsers = ['User.Read.All', 'User.ReadWrite.All', 'Directory.Read.All']

const routes: Route[] = [
  { method: 'GET', path: '/v1.0/users', roles: readUsers, run: listUsers },
  { method: 'GET', path: '/v1.0/users/{key}', roles: readUsers, run: getUser },
  { method: 'PATCH', path: '/v1.0/users/{key}', roles: ['User-PasswordProfile.ReadWrite.All'], run: patchUser },
  { method: 'GET', path: '/v1.0/domains', roles: ['Domain.Read.All', 'Directory.Read.All'], run: listDomains },
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

function listUsers({ users }: Graph, { url }: WebRequest): Result {
  const unknown = unknownOption(url.searchParams, ['$select', '$filter'])
  if (unknown) return badRequest(`The query option ${unknown} is not supported.`)
  const selection = parseSelect(url.searchParams.get('$select'))
  if (selection.kind === 'refused') return selection
  const filter = parseFilter(url.searchParams.get('$filter'))
  if (filter.kind === 'refused') return filter
  const value = users.all().filter(filter.matches)
  const context = `${metadata}#users${selection.context}`
  return { kind: 'done', status: 200, body: { '@odata.context': context, value: value.map((user) => project(user, selection.properties)) } }
}

/** Takes `passwordProfile` of cloud users alone; the password is looked at by nobody and kept nowhere. */
function patchUser({ users }: Graph, { body }: WebRequest, key: string): Result {
  const user = users.find(key)
  if (!user) return notFound(key)
  const members = parseMembers(body)
  if (!members) return badRequest('Unable to read JSON request payload.')
  const others = members.filter((name) => name !== 'passwordProfile')
  if (others.length > 0) return denied()
  return user.onPremisesSyncEnabled ? onPremisesMastered() : { kind: 'done', status: 204 }
}

function parseMembers(body: string): string[] | undefined {
  try {
    return Object.keys(JSON.parse(body))
  } catch {
    return undefined
  }
}

function listDomains({ domains }: Graph): Result {
  const value = domains.map((id, index) => ({ id, authenticationType: 'Managed', isDefault: index === 0, isVerified: true }))
  return { kind: 'done', status: 200, body: { '@odata.context': `${metadata}#domains`, value } }
}

function listOrganization({ organization, domains, users }: Graph): Result {
  const verifiedDomains = domains.map((name, index) => ({ name, isDefault: index === 0, type: 'Managed' }))
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
