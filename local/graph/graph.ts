/**
 * Stand-in for Microsoft Graph v1.0: users, groups, roles, domains, the organization and applications' keys, for application tokens.
 *
 * Owns the front: tokens (401), disturbances, and the memory of every path asked for, so that a test can prove that
 * nobody was looked up before a gate was passed. What happens behind it is in operations.ts and applications.ts.
 */
import { type Clock, systemClock } from '../../shared/clock.ts'
import type { DirectoryAccess } from '../entra/applications.ts'
import { bearerToken, type Claims, makeTokenVerifier, type TokenVerifier, type Trust } from '../entra/verify.ts'
import { type Disturbance, makeDisturbances } from '../faults.ts'
import type { StandIn, TlsFiles } from '../stand-in.ts'
import { listen, type WebAnswer, type WebRequest } from '../web.ts'
import { answerApplication } from './applications.ts'
import { openApplications } from './directory.ts'
import { type Group, makeGroups, type NewGroup } from './groups.ts'
import { answer, decoded } from './operations.ts'
import { hashOf } from './passwords.ts'
import { type Refusal, refusalAnswer, throttled, unauthorized, unavailable } from './refusals.ts'
import type { Graph, Result, Tenant } from './shape.ts'
import { type GraphUser, makeUsers, type NewUser } from './users.ts'

export interface GraphOptions {
  tls: TlsFiles
  port?: number
  entra: Trust
  /** The tenant's applications; without it Graph knows none. */
  directory?: DirectoryAccess
  users?: NewUser[]
  groups?: NewGroup[]
  tenant?: Partial<Tenant>
  clock?: Clock
}

export type GraphAddresses = { url: string }
/** `lost`: it is done, and nobody hears of it. */
export type GraphFault = 'throttle' | 'unavailable' | 'hang' | 'lost'

export type GraphControl = {
  addUser(user: NewUser): GraphUser
  removeUser(idOrPrincipalName: string): undefined
  user(idOrPrincipalName: string): GraphUser | undefined
  /** Everything asked so far, refused or not, as `GET /v1.0/users/anna@contoso.com?$select=id`, decoded. */
  requests(): string[]
  clearRequests(): undefined
  /** Gives the directory role Application Administrator to a principal by object id, a person or an application. */
  addApplicationAdministrator(objectId: string): undefined
  addGroup(group: NewGroup): Group
  addMember(groupId: string, principalId: string): undefined
  /** A directory role, held or only eligible, for the whole tenant or within a scope. */
  assignRole(principalId: string, how: { eligible: boolean; scope?: string }): undefined
  /** May become a member of the group. */
  makeEligible(principalId: string, groupId: string): undefined
  setTenant(change: Partial<Tenant>): undefined
  /** Whether this is the password that was set in the cloud. */
  verifyPassword(idOrPrincipalName: string, password: string): boolean
  /** For the next requests with a good token. */
  faults(list: Disturbance<GraphFault>[]): undefined
}

interface Front {
  graph: Graph
  verify: TokenVerifier
  requests: string[]
  clock: Clock
  takeFault(): GraphFault | undefined
}

const standard: Tenant = {
  domains: [{ id: 'contoso.com' }],
  organization: { id: '00000000-0000-4000-8000-000000000000', displayName: 'Contoso' },
  passwordHashSync: false,
  takesSynchronizedPasswords: false,
  privilegedIdentityManagement: true,
  pageSize: 100,
}

const faultRefusals = { throttle: throttled(), unavailable: unavailable() }

async function authenticate(verify: TokenVerifier, request: WebRequest): Promise<{ kind: 'caller'; claims: Claims } | Refusal> {
  const token = bearerToken(request.headers.authorization)
  if (!token) return unauthorized('missing')
  const verdict = await verify(token, 'https://graph.microsoft.com')
  return verdict.kind === 'refused' ? unauthorized(verdict.reason) : { kind: 'caller', claims: verdict.claims }
}

async function decide(front: Front, request: WebRequest): Promise<Result | 'hang'> {
  const { method, url } = request
  front.requests.push(`${method} ${decoded(url.pathname + url.search) ?? url.pathname}`)
  const caller = await authenticate(front.verify, request)
  if (caller.kind === 'refused') return caller
  const fault = front.takeFault()
  if (fault === 'hang') return 'hang'
  if (fault === 'throttle' || fault === 'unavailable') return faultRefusals[fault]
  const result = (await answerApplication(front.graph, caller.claims, request)) ?? answer(front.graph, caller.claims, request)
  return fault === 'lost' ? 'hang' : result
}

async function handle(front: Front, request: WebRequest): Promise<WebAnswer | 'hang'> {
  const result = await decide(front, request)
  if (result === 'hang') return result
  if (result.kind === 'done') return { status: result.status, body: result.body }
  const clientRequestId = request.headers['client-request-id']
  return refusalAnswer(result, typeof clientRequestId === 'string' ? clientRequestId : undefined, front.clock.now())
}

export async function startGraph(options: GraphOptions): Promise<StandIn<GraphAddresses, GraphControl>> {
  const { tls, port, entra, clock = systemClock } = options
  const applications = openApplications(options.directory)
  const graph: Graph = {
    users: makeUsers(),
    groups: makeGroups(),
    applications,
    applicationAdministrators: new Set(),
    passwords: new Map(),
    tenant: { ...standard, ...options.tenant },
    clock,
  }
  for (const user of options.users ?? []) graph.users.add(user)
  for (const group of options.groups ?? []) graph.groups.add(group)
  const disturbances = makeDisturbances<GraphFault>()
  const front: Front = { graph, verify: makeTokenVerifier({ ...entra, clock }), requests: [], clock, takeFault: disturbances.take }
  const listener = await listen((request) => handle(front, request), { port, tls })
  return {
    addresses: { url: `https://127.0.0.1:${listener.port}` },
    control: {
      addUser: (user) => graph.users.add(user),
      removeUser(key) {
        graph.users.remove(key)
      },
      user: (key) => graph.users.find(key),
      requests: () => [...front.requests],
      clearRequests() {
        front.requests.length = 0
      },
      addApplicationAdministrator(objectId) {
        graph.applicationAdministrators.add(objectId)
      },
      addGroup: (group) => graph.groups.add(group),
      addMember(groupId, principalId) {
        graph.groups.addMember(groupId, principalId)
      },
      assignRole(principalId, how) {
        graph.groups.assignRole(principalId, how)
      },
      makeEligible(principalId, groupId) {
        graph.groups.makeEligible(principalId, groupId)
      },
      setTenant(change) {
        Object.assign(graph.tenant, change)
      },
      verifyPassword: (key, password) => graph.passwords.get(graph.users.find(key)?.id ?? '') === hashOf(password),
      faults(list) {
        disturbances.set(list)
      },
    },
    close: () => listener.close(),
  }
}
