/**
 * Who may do what: verifies the tokens put to `$cbs` and remembers what they grant on one connection.
 *
 * A rule is looked up at the entity, then at the namespace, by the name in the token; its key signs
 * HMAC-SHA256(encoded resource URI + "\n" + expiry) as raw UTF-8. A token grants its resource and everything below it until
 * it expires. Authorization comes before existence: only who may act on a missing entity learns that it is missing.
 * Source: "Service Bus access control with Shared Access Signatures"; "Claims-based security" in the AMQP protocol guide.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Claim } from '../../infra/topology.ts'
import { entityPath, ruledEntity } from './wire.ts'

export interface SasRule {
  name: string
  /** Primary and secondary key, as they stand in a connection string. */
  keys: readonly string[]
  /** Entity → claims. The same name with the same key may stand on several entities; `namespaceEntity` is the namespace itself. */
  claims: Readonly<Record<string, readonly Claim[]>>
}
/** Key of `SasRule.claims` for a rule on the namespace. */
export const namespaceEntity = '/'

export interface Grant {
  kind: 'granted'
  claims: readonly Claim[]
  /** ms since the epoch. */
  expiresAt: number
}
export interface Refusal {
  kind: 'refused'
  status: 401 | 404
  description: string
}
/** Judges an Entra token for an audience such as `sb://host/requests` or `sb://host/requests/$management` (`entityPath` and `ruledEntity` take it apart). */
export type VerifyJwt = (token: string, audience: string) => Promise<Grant | Refusal>

const refused = (description: string): Refusal => ({ kind: 'refused', status: 401, description })
const invalidSignature = refused('InvalidSignature: The token has an invalid signature.')

/** `sr` stays percent-encoded as it stands in the token: the signature is over that spelling. */
interface SasFields {
  sr: string
  resource: string
  signature: Buffer
  se: string
  ruleName: string
}

function parseSas(token: string): SasFields | undefined {
  const fields = /^SharedAccessSignature (.+)$/.exec(token)?.[1]
  if (fields === undefined) return undefined
  const pairs = fields.split('&').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])
  const { sr, sig, se, skn }: Record<string, string> = Object.fromEntries(pairs)
  if (sr === undefined || sig === undefined || se === undefined || skn === undefined) return undefined
  try {
    const resource = entityPath(decodeURIComponent(sr))
    return { sr, resource, signature: Buffer.from(decodeURIComponent(sig), 'base64'), se, ruleName: decodeURIComponent(skn) }
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}

function isSignedWith(key: string, { sr, se, signature }: SasFields): boolean {
  const expected = createHmac('sha256', Buffer.from(key, 'utf8')).update(`${sr}\n${se}`).digest()
  return signature.length === expected.length && timingSafeEqual(signature, expected)
}

/** Claims of the first rule of that name, at the entity or else at the namespace, one of whose keys signed the token. */
function claimsOf(rules: readonly SasRule[], token: SasFields, entity: string): readonly Claim[] | undefined {
  const named = rules.filter((rule) => rule.name === token.ruleName)
  for (const place of [entity, namespaceEntity]) {
    for (const rule of named) {
      const claims = Object.entries(rule.claims).find(([name]) => name.toLowerCase() === place)?.[1]
      if (claims && rule.keys.some((key) => isSignedWith(key, token))) return claims
    }
  }
  return undefined
}

export interface SasGrant extends Grant {
  /** What the token was made for; it holds below that too. */
  resource: string
}

export function verifySas(rules: readonly SasRule[], token: string, audience: string, now: number): SasGrant | Refusal {
  const parsed = parseSas(token)
  if (!parsed) return refused('MalformedToken: The token is not a shared access signature.')
  const { resource } = parsed
  const claims = claimsOf(rules, parsed, ruledEntity(resource))
  if (!claims) return invalidSignature
  const expiresAt = Number(parsed.se) * 1000
  if (!(expiresAt > now)) return refused('ExpiredToken: The token is expired.')
  if (!isWithin(entityPath(audience), resource)) return refused('InvalidAudience: The audience is not covered by the token.')
  return { kind: 'granted', claims, expiresAt, resource }
}

const isWithin = (path: string, resource: string) => resource === '' || path === resource || path.startsWith(`${resource}/`)

/** What one connection has been granted so far. */
export class Grants {
  readonly #byResource = new Map<string, Grant>()

  add(resource: string, grant: Grant): void {
    this.#byResource.set(resource, grant)
  }

  allows(path: string, claim: Claim, now: number): boolean {
    for (const [resource, grant] of this.#byResource) {
      if (isWithin(path, resource) && grant.expiresAt > now && grant.claims.includes(claim)) return true
    }
    return false
  }

  /** How many there were. */
  clear(): number {
    const { size } = this.#byResource
    this.#byResource.clear()
    return size
  }

  /** The next time at which a grant ends. */
  nextExpiry(now: number): number {
    const ends = [...this.#byResource.values()].map((grant) => grant.expiresAt).filter((at) => at > now)
    return Math.min(Number.POSITIVE_INFINITY, ...ends)
  }
}
