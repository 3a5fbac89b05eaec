/**
 * How a resource checks an Entra access token: signature by the tenant's published keys, issuer, audience, lifetime.
 *
 * Used by every stand-in that takes tokens, each in its own process: keys are fetched over https with the local CA and
 * again when a token names a key not seen yet (a rotation). A bad token is a refusal, a value; keys that cannot be
 * fetched are a fault, thrown: then nobody knows whether the token is good.
 * Five minutes of clock skew are allowed, as Microsoft.IdentityModel does on the real resources.
 */
import https from 'node:https'
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type FetchImplementation,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
} from 'jose'
import { type Clock, systemClock } from '../../shared/clock.ts'

export type KeySource = { jwksUrl: string; ca: string } | { jwks: JSONWebKeySet }
/** Whose tokens a resource takes. */
export type Trust = KeySource & { issuer: string }
export type VerifierOptions = Trust & { clock?: Clock }

export interface Claims {
  /** Object id of the service principal: what rights are granted to. */
  oid: string
  appid: string
  tid: string
  aud: string
  iss: string
  /** Application permissions at the resource. */
  roles: string[]
  /** Seconds since the epoch. */
  exp: number
}

export type TokenRefusalReason = 'malformed' | 'signature' | 'issuer' | 'audience' | 'expired' | 'notYetValid'
export type Verdict = { kind: 'claims'; claims: Claims } | { kind: 'refused'; reason: TokenRefusalReason; found?: string }

/** `audience` is the resource without a trailing slash; tokens for either spelling are accepted (see resources.ts). */
export type TokenVerifier = (token: string, audience: string) => Promise<Verdict>

const clockSkewS = 300
/** An unknown key id is looked up at once: a tenant restarted a moment ago must not be refused for the seconds a real resource would wait. */
const refetchAfterMs = 0

/** `fetch` for one https URL with one CA: the built-in one takes its trust from the process, which stand-ins leave alone. */
function fetchTrusting(ca: string): FetchImplementation {
  return (url, { headers, signal }) =>
    new Promise((resolve, reject) => {
      const request = https.get(url, { ca, agent: false, signal, headers: Object.fromEntries(headers) }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => resolve(new Response(Buffer.concat(chunks), { status: response.statusCode ?? 500 })))
      })
      request.on('error', reject)
    })
}

function keysFrom(source: KeySource) {
  if ('jwks' in source) return createLocalJWKSet(source.jwks)
  return createRemoteJWKSet(new URL(source.jwksUrl), { cooldownDuration: refetchAfterMs, [customFetch]: fetchTrusting(source.ca) })
}

function reasonOf(error: unknown): TokenRefusalReason | undefined {
  if (error instanceof errors.JWTExpired) return 'expired'
  if (error instanceof errors.JWTClaimValidationFailed) {
    const byClaim: Record<string, TokenRefusalReason> = { iss: 'issuer', aud: 'audience', nbf: 'notYetValid' }
    return byClaim[error.claim] ?? 'malformed'
  }
  if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey) return 'signature'
  const malformed = [errors.JWSInvalid, errors.JWTInvalid, errors.JOSEAlgNotAllowed, errors.JOSENotSupported]
  return malformed.some((each) => error instanceof each) ? 'malformed' : undefined
}

function readClaims(payload: JWTPayload): Claims | undefined {
  const { oid, appid, tid, aud, iss, roles = [], exp } = payload as Record<string, unknown>
  const strings = { oid, appid, tid, aud, iss }
  if (Object.values(strings).some((value) => typeof value !== 'string') || typeof exp !== 'number' || !Array.isArray(roles))
    return undefined
  return { ...(strings as Record<keyof typeof strings, string>), exp, roles: roles.map(String) }
}

function foundIn(error: unknown, reason: TokenRefusalReason): { found?: string } {
  if (!(error instanceof errors.JWTClaimValidationFailed)) return {}
  const value = reason === 'audience' ? error.payload.aud : error.payload.iss
  return typeof value === 'string' ? { found: value } : {}
}

/** A token that was found good is good until it expires: as the real services do, it is not checked for every call. */
export function makeTokenVerifier(options: VerifierOptions): TokenVerifier {
  const { clock = systemClock } = options
  const check = makeCheck(options, clock)
  const good = new Map<string, Claims>()
  return async (token, audience) => {
    const name = `${audience} ${token}`
    const known = good.get(name)
    if (known && clock.now() < known.exp * 1000) return { kind: 'claims', claims: known }
    good.delete(name)
    const verdict = await check(token, audience)
    if (verdict.kind === 'claims') good.set(name, verdict.claims)
    const [oldest] = good.keys()
    if (good.size > maxKnown && oldest !== undefined) good.delete(oldest)
    return verdict
  }
}

const maxKnown = 256

function makeCheck(options: VerifierOptions, clock: Clock): TokenVerifier {
  const { issuer } = options
  const keys = keysFrom(options)
  return async (token, audience) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience: [audience, `${audience}/`],
        algorithms: ['RS256'],
        clockTolerance: clockSkewS,
        currentDate: new Date(clock.now()),
        requiredClaims: ['exp', 'nbf', 'oid'],
      })
      const claims = readClaims(payload)
      return claims ? { kind: 'claims', claims } : { kind: 'refused', reason: 'malformed' }
    } catch (error) {
      const reason = reasonOf(error)
      if (!reason) throw error
      return { kind: 'refused', reason, ...foundIn(error, reason) }
    }
  }
}

/** The token in an `Authorization: Bearer …` header (RFC 6750 §2.1), if there is one. */
export function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer ([\w.~+/-]+=*)$/i.exec(header ?? '')?.[1]
}
