/**
 * Tokens of Entra ID at `$cbs`: whose they are, and what the topology lets that identity do on the entity.
 *
 * A good token of somebody without rights is accepted and grants nothing: the service checks role assignments when a link
 * is attached, so who has none learns nothing here. Expiry is taken to the second, with no skew: the grant ends with it.
 * Source: "Claims-based security" in the AMQP protocol guide; "Authenticate and authorize with Microsoft Entra ID".
 */
import { type Claim, type IdentityName, identities } from '../../infra/topology.ts'
import type { Clock } from '../../shared/clock.ts'
import { makeTokenVerifier, type TokenRefusalReason, type Trust } from '../entra/verify.ts'
import type { VerifyJwt } from './authorization.ts'
import { entityPath, ruledEntity } from './wire.ts'

/** Plain data: a bus may run in a process of its own. */
export type EntraOptions = Trust & {
  /** Object id → whose rights it has. */
  principals: Record<string, IdentityName>
}

const audience = 'https://servicebus.azure.net'

const descriptions: Record<TokenRefusalReason, string> = {
  malformed: 'MalformedToken: The token is not a JSON web token for an application.',
  signature: 'InvalidSignature: The token has an invalid signature.',
  issuer: 'InvalidIssuer: Token issuer is invalid.',
  audience: 'InvalidAudience: Token audience is invalid.',
  expired: 'ExpiredToken: The token is expired.',
  notYetValid: 'InvalidToken: The token is not yet valid.',
}
const refuse = (reason: TokenRefusalReason) => ({ kind: 'refused', status: 401, description: descriptions[reason] }) as const

export function judgeEntraTokens(entra: EntraOptions, principals: ReadonlyMap<string, IdentityName>, clock: Clock): VerifyJwt {
  const verify = makeTokenVerifier({ ...entra, clock })
  return async (token, entityUri) => {
    const verdict = await verify(token, audience)
    if (verdict.kind === 'refused') return refuse(verdict.reason)
    const expiresAt = verdict.claims.exp * 1000
    if (expiresAt <= clock.now()) return refuse('expired')
    const identity = principals.get(verdict.claims.oid)
    return { kind: 'granted', claims: identity ? rightsOf(identity, ruledEntity(entityPath(entityUri))) : [], expiresAt }
  }
}

function rightsOf(identity: IdentityName, entity: string): readonly Claim[] {
  const rights: Readonly<Record<string, readonly Claim[]>> = identities[identity].serviceBus
  return Object.hasOwn(rights, entity) ? (rights[entity] ?? []) : []
}
