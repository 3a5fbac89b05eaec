/**
 * A person of the tenant by their access token: the scope, and where something is changed a sign-in of late. No role: what
 * they may do here is about themselves alone. What every token must be: access-token.ts.
 */
import { type Check, claimsOf, hasScope, type Refused, recentSignIn, type TokenRules } from './access-token.ts'

/** The delegated permission that the API's registration exposes for everybody. An administrators' token is none of these. */
export const userScope = 'me'

export interface User {
  /** Object id, in lower case. */
  id: string
  /** When they last gave a credential, in ms since the epoch; undefined: the token does not say. */
  signedInAt: number | undefined
}

export type UserVerdict = { kind: 'user'; user: User } | Refused
export type UserTokenCheck = (token: string, demand: { recent: boolean }) => Promise<UserVerdict>

const scopeCheck: Check = { reason: 'scope', holds: (claims) => hasScope(claims, userScope) }

export const openUserTokenCheck =
  (rules: TokenRules): UserTokenCheck =>
  async (token, { recent }) => {
    const claims = await claimsOf(token, [scopeCheck, ...(recent ? recentSignIn : [])], rules)
    if ('kind' in claims) return claims
    const { oid, auth_time } = claims
    return { kind: 'user', user: { id: oid.toLowerCase(), signedInAt: auth_time === undefined ? undefined : auth_time * 1000 } }
  }
