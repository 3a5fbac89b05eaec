/**
 * Who calls, and as what: an Entra ID access token of an administrator, checked in full. Whatever is missing is refused.
 *
 * Taken are version 2.0 tokens of one tenant for this API, signed RS256 by a key the tenant publishes, got by a person
 * through one of the allowed programs. Tokens of programs alone are refused: a person answers for what is done here.
 * For a change the person must have signed in lately, and under the tenant's authentication context if one is set.
 * Tenant keys that cannot be had are a thrown fault of jose's or the network's; a refusal is a value. No claim is in either.
 * Source: learn.microsoft.com/entra/identity-platform/access-token-claims-reference and optional-claims-reference.
 */
import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import * as z from 'zod'
import type { Clock } from '../../shared/clock.ts'

/** App roles of the API's registration. An administrator may do all that the helpdesk may. */
export type Role = 'Writeback.Admin' | 'Writeback.Helpdesk'
/** The delegated permission that the API's registration exposes. */
export const scope = 'manage'
/** A change needs a sign-in not older than this: a token found later, in a log or a memory dump, changes nothing. */
export const signInMaxAgeS = 15 * 60

export interface Administrator {
  /** Object id of the person. */
  id: string
  /** The higher one, of those who have both. */
  role: Role
}

export interface TokenRules {
  tenantId: string
  /** `https://login.microsoftonline.com/{tenant}/v2.0` */
  issuer: string
  /** The API's client id, and its App ID URI. */
  audiences: readonly string[]
  /** Programs that may bring people here. */
  clientIds: readonly string[]
  keys: JWTVerifyGetKey
  clock: Clock
}

/** What a route asks of whoever calls it. */
export interface Demand {
  role: Role
  /** The call changes something: a recent sign-in, under this authentication context (`c1` …) if there is one. */
  change: { authContext: string | undefined } | undefined
}

export type RefusalReason =
  | 'malformed'
  | 'header'
  | 'algorithm'
  | 'keyUnknown'
  | 'signature'
  | 'issuer'
  | 'audience'
  | 'expired'
  | 'notYetValid'
  | 'claims'
  | 'version'
  | 'tenant'
  | 'client'
  | 'appOnly'
  | 'scope'
  | 'role'
  | 'authTimeMissing'
  | 'authTimeOld'
  | 'authContext'

/** `person` only when the token is genuine. */
export type Verdict =
  | { kind: 'administrator'; administrator: Administrator }
  | { kind: 'refused'; reason: RefusalReason; person?: string | undefined }
export type TokenCheck = (token: string, demand: Demand) => Promise<Verdict>

const clockSkewS = 60
/** Entra's have 1 to 8 KB; groups overflow into a link. */
const maxTokenCharacters = 16 * 1024

const texts = z.array(z.string())
const schema = z.object({
  ver: z.string(),
  tid: z.string(),
  oid: z.guid(),
  azp: z.string(),
  idtyp: z.string().optional(),
  scp: z.string().optional(),
  roles: texts.default([]),
  auth_time: z.number().optional(),
  acrs: z.union([texts, z.string().transform((one) => [one])]).default([]),
})
type Claims = z.infer<typeof schema>
type Check = { reason: RefusalReason; holds(claims: Claims, rules: TokenRules, demand: Demand): boolean }

const nowS = ({ clock }: TokenRules) => clock.now() / 1000

/** What jose does not know about. The first that does not hold is the reason. */
const checks: readonly Check[] = [
  { reason: 'version', holds: ({ ver }) => ver === '2.0' },
  { reason: 'tenant', holds: ({ tid }, { tenantId }) => tid.toLowerCase() === tenantId.toLowerCase() },
  { reason: 'client', holds: ({ azp }, { clientIds }) => clientIds.some((each) => each.toLowerCase() === azp.toLowerCase()) },
  { reason: 'appOnly', holds: ({ idtyp = 'user', scp }) => idtyp === 'user' && scp !== undefined },
  { reason: 'scope', holds: ({ scp }) => scp?.split(' ').includes(scope) === true },
  { reason: 'role', holds: ({ roles }, _, { role }) => roles.includes('Writeback.Admin') || roles.includes(role) },
  { reason: 'authTimeMissing', holds: ({ auth_time }, _, { change }) => !change || auth_time !== undefined },
  { reason: 'authTimeOld', holds: ({ auth_time = 0 }, rules, { change }) => !change || isRecent(nowS(rules) - auth_time) },
  { reason: 'authContext', holds: ({ acrs }, _, { change }) => !change?.authContext || acrs.includes(change.authContext) },
]

/** A sign-in in the future was not one by our clock. */
const isRecent = (ageS: number) => ageS <= signInMaxAgeS && ageS >= -clockSkewS

export const openTokenCheck =
  (rules: TokenRules): TokenCheck =>
  async (token, demand) => {
    if (token.length > maxTokenCharacters) return { kind: 'refused', reason: 'malformed' }
    const genuine = await verify(token, rules)
    if (typeof genuine === 'string') return { kind: 'refused', reason: genuine }
    const parsed = schema.safeParse(genuine)
    if (!parsed.success) return { kind: 'refused', reason: 'claims' }
    const claims = parsed.data
    const failed = checks.find(({ holds }) => !holds(claims, rules, demand))
    if (failed) return { kind: 'refused', reason: failed.reason, person: claims.oid }
    const role = claims.roles.includes('Writeback.Admin') ? 'Writeback.Admin' : demand.role
    return { kind: 'administrator', administrator: { id: claims.oid.toLowerCase(), role } }
  }

async function verify(token: string, { issuer, audiences, keys, clock }: TokenRules): Promise<JWTPayload | RefusalReason> {
  const namedKey: JWTVerifyGetKey = (header, jws) => {
    // Without a key id jose would take a key that is alone in the set; Entra's tokens always name theirs.
    if (typeof header.kid !== 'string') throw new errors.JWSInvalid('no key id')
    return keys(header, jws)
  }
  try {
    const { payload } = await jwtVerify(token, namedKey, {
      algorithms: ['RS256'],
      typ: 'JWT',
      issuer,
      audience: [...audiences],
      clockTolerance: clockSkewS,
      currentDate: new Date(clock.now()),
      requiredClaims: ['exp', 'nbf', 'iat'],
    })
    return payload
  } catch (error) {
    const reason = reasonOf(error)
    if (reason === undefined) throw error
    return reason
  }
}

const byClaim: Readonly<Record<string, RefusalReason>> = { iss: 'issuer', aud: 'audience', nbf: 'notYetValid', typ: 'header' }

/** Undefined: no verdict on the token, but a failure to come to one. */
function reasonOf(error: unknown): RefusalReason | undefined {
  if (error instanceof errors.JWTExpired) return 'expired'
  if (error instanceof errors.JWTClaimValidationFailed) return byClaim[error.claim] ?? 'claims'
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'signature'
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) return 'keyUnknown'
  if (error instanceof errors.JOSEAlgNotAllowed) return 'algorithm'
  const malformed = [errors.JWSInvalid, errors.JWTInvalid, errors.JOSENotSupported]
  return malformed.some((each) => error instanceof each) ? 'malformed' : undefined
}
