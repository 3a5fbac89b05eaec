/**
 * Stand-in for Microsoft Entra ID: one tenant that gives tokens to programs and to people who sign in, over https as the real authority does, and the
 * managed-identity endpoint of the functions app on plain http.
 *
 * Owns the tenant's state (who exists, signing keys); nothing is kept on disk. Clients need `disableInstanceDiscovery`
 * and the local CA. Everything under another tenant's name is refused as an unknown tenant.
 */
import { type Clock, systemClock } from '../../shared/clock.ts'
import { type Disturbance, type Disturbances, makeDisturbances } from '../faults.ts'
import type { Json, StandIn, TlsFiles } from '../stand-in.ts'
import { listen, type WebAnswer, type WebHandler, type WebRequest } from '../web.ts'
import { answerDirectory } from './applications.ts'
import { hasThumbprint, readCertificate } from './certificate.ts'
import { answerIdentityRequest, identityPath } from './managed-identity.ts'
import type { Person } from './people.ts'
import type { Application, Principals } from './principals.ts'
import { refuseToken, tokenRefusalAnswer } from './refusals.ts'
import { type How, openSignIn } from './sign-in.ts'
import { answerSignIn, answerSignInGrant, isSignInGrant, type SignInSide } from './sign-in-endpoints.ts'
import { discovery, issuerOf, makeSigner, type Signer } from './signing.ts'
import { type Directory, decideTokenRequest } from './token-endpoint.ts'

export interface EntraOptions {
  tls: TlsFiles
  tenantId: string
  ports?: { https?: number; identity?: number }
  principals: Principals
  /** How long a token is good; Entra's is 60 to 90 minutes for applications. */
  tokenLifetimeS?: number
  /** How often a program may ask whether a person has signed in. */
  pollS?: number
  /** Who knows it may read and write the directory of applications, as Graph does (applications.ts). */
  directoryKey?: string
  clock?: Clock
}

export type EntraAddresses = {
  /** For `authorityHost` (AZURE_AUTHORITY_HOST). */
  authorityHost: string
  /** `authorityHost` and the tenant: what a resource names in its challenge. */
  tenant: string
  issuer: string
  jwksUrl: string
  /** For IDENTITY_ENDPOINT. */
  identityEndpoint: string
}

export type EntraFault = 'unavailable' | 'hang'

export type EntraControl = {
  addAgent(agent: Application): undefined
  /** After this its secret and certificates are good for nothing; tokens it already has stay good until they expire, as in the real tenant. */
  removeAgent(clientId: string): undefined
  /** Registers a PEM certificate of an application; several may be good at a time, as during a renewal. */
  addCertificate(clientId: string, certificate: string): undefined
  /** By SHA-1 or SHA-256 thumbprint, in hex. */
  removeCertificate(clientId: string, thumbprint: string): undefined
  rotateSigningKey(): Promise<undefined>
  /** A person opens the page, types the code and signs in. Throws if no program waits for that code. */
  signIn(userCode: string, upn: string, how?: How): undefined
  /** Somebody who may sign in from now on. */
  addPerson(person: Person): undefined
  declineSignIn(userCode: string): undefined
  /** Codes that wait for a person, newest last. */
  waitingCodes(): string[]
  /** How long the tokens issued from now on are good. */
  tokenLifetime(seconds: number): undefined
  /** For the next token requests at either endpoint. */
  faults(list: Disturbance<EntraFault>[]): undefined
  /** From now on every token takes `ms` longer; 0 ends it. */
  slow(ms: number): undefined
  stats(): { tokens: number; refusals: number }
}

interface Tenant extends Directory {
  agents: Map<string, Application>
  directoryKey: string | undefined
  signer: Signer
  clock: Clock
  stats: { tokens: number; refusals: number }
  disturbances: Disturbances<EntraFault>
  slowMs: number
  /** Undefined: nobody signs in here. */
  signIn: SignInSide | undefined
}

const unavailable: WebAnswer = { status: 503, headers: { 'content-type': 'text/plain' }, body: 'Service unavailable' }

async function answerTokenRequest(tenant: Tenant, request: WebRequest): Promise<WebAnswer> {
  const tenantUrl = `${request.url.origin}/${tenant.tenantId}`
  const rules = { audiences: [`${tenantUrl}/oauth2/v2.0/token`, `${tenantUrl}/v2.0`], clock: tenant.clock }
  const decision = await decideTokenRequest(tenant, new URLSearchParams(request.body), rules)
  if (decision.kind === 'refused') return tokenRefusalAnswer(decision, tenant.clock)
  const { application, provenBy, audience, resource } = decision
  const issued = await tenant.signer.issue({ ...application, identity: 'agent', provenBy }, audience, resource)
  const expires = issued.lifetimeS - 1 // the real endpoint answers 3599 for an hour
  return {
    status: 200,
    headers: { 'cache-control': 'no-store, no-cache', pragma: 'no-cache' },
    body: { token_type: 'Bearer', expires_in: expires, ext_expires_in: expires, access_token: issued.token },
  }
}

/** Both endpoints give tokens under the same weather, and count what they gave. */
async function giveToken(tenant: Tenant, decide: () => Promise<WebAnswer>): Promise<WebAnswer | 'hang'> {
  if (tenant.slowMs > 0) await tenant.clock.sleep(tenant.slowMs, { unref: true })
  const fault = tenant.disturbances.take()
  if (fault) return fault === 'hang' ? 'hang' : unavailable
  const answer = await decide()
  if (answer.status === 200) tenant.stats.tokens += 1
  else tenant.stats.refusals += 1
  return answer
}

const answerGrant = (tenant: Tenant, request: WebRequest): Promise<WebAnswer> =>
  tenant.signIn && isSignInGrant(request.body) ? answerSignInGrant(tenant.signIn, request) : answerTokenRequest(tenant, request)

async function answerAuthority(tenant: Tenant, request: WebRequest): Promise<WebAnswer | 'hang'> {
  const [, tenantId = '', ...rest] = request.url.pathname.split('/')
  if (tenantId !== tenant.tenantId) {
    return tokenRefusalAnswer(refuseToken('tenantNotFound', `Tenant '${tenantId}' not found.`), tenant.clock)
  }
  if (rest[0] === '-') return answerDirectory(tenant.agents, tenant.directoryKey, request)
  const path = rest.join('/')
  const signedIn = tenant.signIn && (await answerSignIn(tenant.signIn, path, request))
  if (signedIn) return signedIn
  switch (`${request.method} ${path}`) {
    case 'GET v2.0/.well-known/openid-configuration':
      return { status: 200, body: discovery(`${request.url.origin}/${tenantId}`) }
    case 'GET discovery/v2.0/keys':
      return { status: 200, body: tenant.signer.jwks() as unknown as Json } // JWK members are JSON by definition (RFC 7517)
    case 'POST oauth2/v2.0/token':
      return giveToken(tenant, () => answerGrant(tenant, request))
    default:
      return { status: 404 }
  }
}

async function listenOnBoth({ tls, ports = {}, principals }: EntraOptions, tenant: Tenant) {
  const authority = await listen((request) => answerAuthority(tenant, request), { port: ports.https, tls })
  const answerIdentity: WebHandler = (request) =>
    giveToken(tenant, () => answerIdentityRequest(principals.functions, tenant.signer, request))
  const identity = await listen(answerIdentity, { port: ports.identity }).catch(async (cause) => {
    await authority.close()
    throw cause
  })
  return { authority, identity }
}

function makeControl(tenant: Tenant): EntraControl {
  const { agents, signer, disturbances, stats } = tenant
  const side = () => {
    if (!tenant.signIn) throw new Error('nobody signs in to this tenant')
    return tenant.signIn
  }
  const agentWith = (clientId: string): Application => {
    const agent = agents.get(clientId)
    if (!agent) throw new Error(`no application '${clientId}' in this tenant`)
    return agent
  }
  return {
    addAgent(agent) {
      agents.set(agent.clientId, agent)
    },
    removeAgent(clientId) {
      agents.delete(clientId)
    },
    addCertificate(clientId, certificate) {
      readCertificate(certificate) // refuses what is none
      const agent = agentWith(clientId)
      agents.set(clientId, { ...agent, certificates: [...(agent.certificates ?? []), certificate] })
    },
    removeCertificate(clientId, thumbprint) {
      const agent = agentWith(clientId)
      const rest = agent.certificates?.filter((each) => !hasThumbprint(readCertificate(each), thumbprint)) ?? []
      agents.set(clientId, { ...agent, certificates: rest })
    },
    async rotateSigningKey() {
      await signer.rotate()
      return undefined
    },
    signIn(userCode, upn, how) {
      side().desk.complete(userCode, upn, how)
    },
    addPerson(person) {
      side().administration.people.push(person)
    },
    declineSignIn(userCode) {
      side().desk.decline(userCode)
    },
    waitingCodes: () => side().desk.waiting(),
    tokenLifetime(seconds) {
      signer.setLifetime(seconds)
    },
    faults(list) {
      disturbances.set(list)
    },
    slow(ms) {
      tenant.slowMs = ms
    },
    stats: () => ({ ...stats }),
  }
}

export async function startEntra(options: EntraOptions): Promise<StandIn<EntraAddresses, EntraControl>> {
  const { tenantId, principals, tokenLifetimeS = 3600, pollS = 5, clock = systemClock } = options
  const { administration } = principals
  const signer = await makeSigner(tenantId, tokenLifetimeS, clock)
  const agents = new Map(principals.agents.map((agent) => [agent.clientId, agent]))
  const tenant: Tenant = {
    tenantId,
    agents,
    directoryKey: options.directoryKey,
    applicationWith: (clientId) => agents.get(clientId),
    signer,
    signIn: administration && { administration, desk: openSignIn(administration, clock), signer, tenantId, clock, pollS },
    clock,
    stats: { tokens: 0, refusals: 0 },
    disturbances: makeDisturbances<EntraFault>(),
    slowMs: 0,
  }
  const { authority, identity } = await listenOnBoth(options, tenant)
  const authorityHost = `https://127.0.0.1:${authority.port}`
  return {
    addresses: {
      authorityHost,
      tenant: `${authorityHost}/${tenantId}`,
      issuer: issuerOf(tenantId),
      jwksUrl: `${authorityHost}/${tenantId}/discovery/v2.0/keys`,
      identityEndpoint: `http://127.0.0.1:${identity.port}${identityPath}`,
    },
    control: makeControl(tenant),
    close: async () => {
      await Promise.all([authority.close(), identity.close()])
    },
  }
}
