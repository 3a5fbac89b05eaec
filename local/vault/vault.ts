/**
 * Stand-in for one Azure Key Vault (data plane: keys and secrets) that the real SDK clients talk to over https.
 *
 * Order of the checks is the real one: token (401 with a challenge), path, data action by RBAC (403), then the object
 * (404) and its state. Rights come from `infra/topology.ts` by the caller's object id and are given per key and per
 * secret, so lists of *all* keys or secrets are refused to everybody. Nothing survives a restart.
 */
import { type IdentityName, identities } from '../../infra/topology.ts'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { bearerToken, type Claims, makeTokenVerifier, type TokenVerifier, type Trust } from '../entra/verify.ts'
import { type Disturbance, makeDisturbances } from '../faults.ts'
import type { StandIn, TlsFiles } from '../stand-in.ts'
import { listen, type WebAnswer, type WebRequest } from '../web.ts'
import { makeKeys } from './keys.ts'
import { badParameter, forbiddenByRbac, type Refusal, refusalAnswer, refuse, unauthorized } from './refusals.ts'
import { findRoute, type Match, makeRoutes, type Route } from './routes.ts'
import { makeSecrets } from './secrets.ts'

/** Data actions per object name, as in the topology. */
export type Rights = { keys: Record<string, readonly string[]>; secrets: Record<string, readonly string[]> }

export interface VaultOptions {
  tls: TlsFiles
  port?: number
  entra: Trust
  /** Where the challenge sends clients for a token: the authority with its tenant. */
  authority: string
  /** Object id → whose rights it has. */
  principals: Record<string, IdentityName>
  /** For tests of operations nobody in the product may use. */
  rights?: Record<IdentityName, Rights>
  clock?: Clock
}

export type VaultAddresses = { url: string }
export type VaultFault = 'throttle' | 'unavailable' | 'hang'
export type VaultStats = { requests: number; operations: Record<string, number>; refusals: number }
export type VaultVersion = { collection: 'keys' | 'secrets'; name: string; version: string; enabled: boolean }

export type VaultControl = {
  /** For the next requests with a good token (the challenge round-trip takes none). */
  faults(list: Disturbance<VaultFault>[]): undefined
  /** From now on every answer to a good token comes `ms` later; 0 ends it. */
  slow(ms: number): undefined
  /** From now on for `ms` everything with a good token is throttled, with what is left of it as Retry-After; 0 ends it. */
  throttle(ms: number): undefined
  /** Deletes a key or secret with all its versions, as a purge does. */
  purge(collection: 'keys' | 'secrets', name: string): undefined
  /** Operations are counted when allowed, whatever comes of them. */
  stats(): VaultStats
  /** Every version of every key and secret, oldest first. */
  versions(): VaultVersion[]
  /** Every version that is there looks as if it had been made so much earlier. */
  age(ms: number): undefined
  /** Gives an object id the rights of an identity, as a role assignment does; `null` takes them away. */
  grant(objectId: string, identity: IdentityName | null): undefined
}

interface Vault {
  authority: string
  routes: Route[]
  rights: Record<IdentityName, Rights>
  principals: Map<string, IdentityName>
  verify: TokenVerifier
  clock: Clock
  stats: VaultStats
  takeFault(): VaultFault | undefined
  slowMs: number
  throttledUntil: number
}

const audience = 'https://vault.azure.net'

async function authenticate(vault: Vault, request: WebRequest): Promise<{ kind: 'caller'; claims: Claims } | Refusal> {
  const token = bearerToken(request.headers.authorization)
  if (!token) return unauthorized('missing')
  const verdict = await vault.verify(token, audience)
  return verdict.kind === 'refused' ? unauthorized(verdict.reason, verdict.found) : { kind: 'caller', claims: verdict.claims }
}

const throttled = (seconds: number): WebAnswer =>
  refusalAnswer(
    refuse(429, 'Throttled', 'Request was not processed because too many requests were received.', 'VaultRequestTypeLimitReached'),
    { 'retry-after': String(seconds) },
  )
const faultAnswers: Record<Exclude<VaultFault, 'hang'>, WebAnswer> = {
  throttle: throttled(1),
  unavailable: refusalAnswer(refuse(503, 'ServiceUnavailable', 'The service is temporarily unavailable.')),
}

function authorize(vault: Vault, caller: Claims, { route, collection, name }: Match): Refusal | undefined {
  const identity = vault.principals.get(caller.oid)
  // Own properties only: an object named `constructor` has no rights.
  const granted = identity
    ? Object.entries(vault.rights[identity][collection]).find(([each]) => each === name.toLowerCase())?.[1]
    : undefined
  if (granted?.includes(route.action)) return undefined
  return forbiddenByRbac(
    caller,
    route.action,
    ['/subscriptions/local/providers/microsoft.keyvault/vaults/local', collection, name].filter(Boolean).join('/'),
  )
}

async function answer(vault: Vault, caller: Claims, request: WebRequest): Promise<WebAnswer> {
  const { url, method, body } = request
  if (!url.searchParams.get('api-version')) return refusalAnswer(badParameter('api-version must be specified'))
  const found = findRoute(vault.routes, method, url.pathname)
  if (!found) return refusalAnswer(refuse(404, 'NotFound', `No operation ${method} at this path.`))
  const { route, name, version } = found
  if (name && !/^[0-9a-zA-Z-]{1,127}$/.test(name))
    return refusalAnswer(badParameter('The name must be 1 to 127 characters of 0-9, a-z, A-Z and -.'))
  const refused = authorize(vault, caller, found)
  if (refused) return refusalAnswer(refused)
  vault.stats.operations[route.operation] = (vault.stats.operations[route.operation] ?? 0) + 1
  if (!route.run) return refusalAnswer(refuse(501, 'NotImplemented', `The local vault does not do ${route.operation}.`))
  const nowS = Math.floor(vault.clock.now() / 1000)
  const result = await route.run({ vaultUrl: url.origin, name, version, query: url.searchParams, body, nowS })
  return result.kind === 'refused' ? refusalAnswer(result) : { status: 200, body: result.body }
}

async function handle(vault: Vault, request: WebRequest): Promise<WebAnswer | 'hang'> {
  vault.stats.requests += 1
  const caller = await authenticate(vault, request)
  if (caller.kind === 'refused') {
    const challenge = `Bearer authorization="${vault.authority}", resource="${audience}"`
    return refusalAnswer(caller, { 'www-authenticate': challenge })
  }
  if (vault.slowMs > 0) await vault.clock.sleep(vault.slowMs, { unref: true })
  const throttledMs = vault.throttledUntil - vault.clock.now()
  if (throttledMs > 0) return throttled(Math.ceil(throttledMs / 1000))
  const fault = vault.takeFault()
  if (fault) return fault === 'hang' ? 'hang' : faultAnswers[fault]
  const result = await answer(vault, caller.claims, request)
  if (result.status >= 400) vault.stats.refusals += 1
  return result
}

export async function startVault(options: VaultOptions): Promise<StandIn<VaultAddresses, VaultControl>> {
  const { tls, port, entra, authority, rights = identities, clock = systemClock } = options
  const keys = makeKeys()
  const secrets = makeSecrets()
  const disturbances = makeDisturbances<VaultFault>()
  const vault: Vault = {
    authority,
    routes: makeRoutes(keys, secrets),
    rights,
    principals: new Map(Object.entries(options.principals)),
    verify: makeTokenVerifier({ ...entra, clock }),
    clock,
    stats: { requests: 0, operations: {}, refusals: 0 },
    takeFault: disturbances.take,
    slowMs: 0,
    throttledUntil: 0,
  }
  const listener = await listen((request) => handle(vault, request), { port, tls })
  const listVersions = (collection: 'keys' | 'secrets', shelf: typeof keys.shelf | typeof secrets.shelf): VaultVersion[] =>
    shelf.all().flatMap(({ name, versions }) => versions.map(({ id, enabled }) => ({ collection, name, version: id, enabled })))
  return {
    addresses: { url: `https://127.0.0.1:${listener.port}` },
    control: {
      faults(list) {
        disturbances.set(list)
      },
      throttle(ms) {
        vault.throttledUntil = vault.clock.now() + ms
      },
      purge(collection, name) {
        const { shelf } = collection === 'keys' ? keys : secrets
        shelf.remove(name)
      },
      slow(ms) {
        vault.slowMs = ms
      },
      stats: () => structuredClone(vault.stats),
      versions: () => [...listVersions('keys', keys.shelf), ...listVersions('secrets', secrets.shelf)],
      age(ms) {
        for (const { versions } of [...keys.shelf.all(), ...secrets.shelf.all()])
          for (const version of versions) version.createdS -= Math.floor(ms / 1_000)
      },
      grant(objectId, identity) {
        if (identity) vault.principals.set(objectId, identity)
        else vault.principals.delete(objectId)
      },
    },
    close: () => listener.close(),
  }
}
