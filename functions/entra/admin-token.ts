/**
 * An administrator by their access token: the scope, a role, and for a change a sign-in of late, under the tenant's
 * authentication context if one is set. Whatever is missing is refused. What every token must be: access-token.ts.
 */
import { type Check, claimsOf, hasScope, type Refused, recentSignIn, type TokenRules } from './access-token.ts'

/** App roles of the API's registration. An administrator may do all that the helpdesk may. */
export type Role = 'Writeback.Admin' | 'Writeback.Helpdesk'
/** The delegated permission that the API's registration exposes for them. */
export const scope = 'manage'

export interface Administrator {
  /** Object id of the person. */
  id: string
  /** The higher one, of those who have both. */
  role: Role
}

/** What a route asks of whoever calls it. */
export interface Demand {
  role: Role
  /** The call changes something: a recent sign-in, under this authentication context (`c1` …) if there is one. */
  change: { authContext: string | undefined } | undefined
}

export type Verdict = { kind: 'administrator'; administrator: Administrator } | Refused
export type TokenCheck = (token: string, demand: Demand) => Promise<Verdict>

export const openTokenCheck =
  (rules: TokenRules): TokenCheck =>
  async (token, demand) => {
    const claims = await claimsOf(token, checksFor(demand), rules)
    if ('kind' in claims) return claims
    const role = claims.roles.includes('Writeback.Admin') ? 'Writeback.Admin' : demand.role
    return { kind: 'administrator', administrator: { id: claims.oid.toLowerCase(), role } }
  }

const checksFor = ({ role, change }: Demand): Check[] => [
  { reason: 'scope', holds: (claims) => hasScope(claims, scope) },
  { reason: 'role', holds: ({ roles }) => roles.includes('Writeback.Admin') || roles.includes(role) },
  ...(change ? recentSignIn : []),
  { reason: 'authContext', holds: ({ acrs }) => !change?.authContext || acrs.includes(change.authContext) },
]
