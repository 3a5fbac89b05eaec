/**
 * An Entra ID access token for this API, checked as far as every caller's is: whether it is genuine, and whose.
 *
 * Taken are version 2.0 tokens of one tenant, signed RS256 by a key the tenant publishes, got by a person through one of the
 * allowed programs. Tokens of programs alone are refused: a person answers for what is done here. What a person may do with
 * one is decided elsewhere (admin-token.ts, user-token.ts), by its scope above all.
 * Tenant keys that cannot be had are a thrown fault of jose's or the network's; a refusal is a value. No claim is in either.
 * Source: learn.microsoft.com/entra/identity-platform/access-token-claims-reference and optional-claims-reference.
 */
import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import * as z from 'zod'
import type { Clock } from '../../shared/clock.ts'

/** A change needs a sign-in not older than this: a token found later, in a log or a memory dump, changes nothing. */
export const signInMaxAgeS = 15 * 60

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
export type Refused = { kind: 'refused'; reason: RefusalReason; person?: string | undefined }

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
export type Claims = z.infer<typeof schema>

/** What a claim has to say; the first check that does not hold is the reason. */
export type Check = { reason: RefusalReason; holds(claims: Claims, rules: TokenRules): boolean }

/** What jose does not know about, and what every token must be good for. */
const genuineness: readonly Check[] = [
  { reason: 'version', holds: ({ ver }) => ver === '2.0' },
  { reason: 'tenant', holds: ({ tid }, { tenantId }) => tid.toLowerCase() === tenantId.toLowerCase() },
  { reason: 'client', holds: ({ azp }, { clientIds }) => clientIds.some((each) => each.toLowerCase() === azp.toLowerCase()) },
  { reason: 'appOnly', holds: ({ idtyp = 'user', scp }) => idtyp === 'user' && scp !== undefined },
]

export const hasScope = ({ scp }: Claims, scope: string): boolean => scp?.split(' ').includes(scope) === true

/** Of a change. The claim is an optional one, which the API's registration has to ask for. */
export const recentSignIn: readonly Check[] = [
  { reason: 'authTimeMissing', holds: ({ auth_time }) => auth_time !== undefined },
  { reason: 'authTimeOld', holds: ({ auth_time = 0 }, { clock }) => isRecent(clock.now() / 1000 - auth_time) },
]

/** A sign-in in the future was not one by our clock. */
const isRecent = (ageS: number) => ageS <= signInMaxAgeS && ageS >= -clockSkewS

/** The claims of a genuine token for which all of `more` hold, too. */
export async function claimsOf(token: string, more: readonly Check[], rules: TokenRules): Promise<Claims | Refused> {
  if (token.length > maxTokenCharacters) return { kind: 'refused', reason: 'malformed' }
  const genuine = await verify(token, rules)
  if (typeof genuine === 'string') return { kind: 'refused', reason: genuine }
  const parsed = schema.safeParse(genuine)
  if (!parsed.success) return { kind: 'refused', reason: 'claims' }
  const failed = [...genuineness, ...more].find(({ holds }) => !holds(parsed.data, rules))
  return failed ? { kind: 'refused', reason: failed.reason, person: parsed.data.oid } : parsed.data
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
