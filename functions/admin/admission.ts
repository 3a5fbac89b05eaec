/**
 * Who may call a route that asks for a person: the bearer token is checked, and what a refused caller is told.
 *
 * Whoever shows nothing genuine reads one and the same 401, whatever is wrong; the log says what. A person who is genuine
 * is told a little more: that the role is missing, or how to sign in again (RFC 9470, and Entra's claims challenge:
 * learn.microsoft.com/entra/identity-platform/claims-challenge). Without settings nobody gets in.
 */
import { faultWord } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import { type RefusalReason, signInMaxAgeS } from '../entra/access-token.ts'
import type { Role } from '../entra/admin-token.ts'
import type { TokenChecks } from '../entra/token-checks.ts'
import type { Admission } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'

export interface AdmissionDeps {
  checks: TokenChecks
  authContext: string | undefined
  log: Log
}

/** `user`: anybody of the tenant, about themselves. `flowOrUser`: whoever shows a token is checked; whoever shows none has a flow. */
export type Guarded = { name: string; changes: boolean } & (
  | { auth: 'administrator'; role: Role }
  | { auth: 'user' }
  | { auth: 'flowOrUser' }
)
export type Admit = (route: Guarded, authorization: string | null) => Promise<Admission>

export function openAdmission({ checks, authContext, log }: AdmissionDeps): Admit {
  const { administrators, users, tenantUrl } = checks
  /** Since this instance started: refusals are counted, not stored, for anybody can cause them. */
  let refusals = 0
  const realm = `Bearer realm="", authorization_uri="${tenantUrl}/oauth2/v2.0/authorize"`
  const answerTo = (reason: RefusalReason | 'noToken'): Answer => {
    if (reason === 'role' || reason === 'appOnly') return problem('notAllowed')
    const detail = signInAgain(reason, authContext)
    return { ...problem(detail === undefined ? 'notSignedIn' : 'signInAgain'), challenge: `${realm}${detail ?? ''}` }
  }
  /** Undefined: the settings do not say whose tokens to take. */
  const checkFor = (route: Guarded) => {
    if (route.auth === 'administrator') {
      const demand = { role: route.role, change: route.changes ? { authContext } : undefined }
      return administrators && ((token: string) => administrators(token, demand))
    }
    // A route that also takes a flow's secret asks for more by itself.
    return users && ((token: string) => users(token, { recent: route.auth === 'user' && route.changes }))
  }
  return async (route, authorization) => {
    const [event, notSetUp] =
      route.auth === 'administrator' ? (['administratorRefused', 'noAdministrators'] as const) : (['userRefused', 'noSignIn'] as const)
    const refused = (answer: Answer, reason: string, more: { person?: string | undefined; fault?: string } = {}): Admission => {
      refusals += 1
      log(event, { route: route.name, reason, count: refusals, ...more })
      return { kind: 'refused', answer }
    }
    if (route.auth === 'flowOrUser' && authorization === null) return { kind: 'admitted' }
    const check = checkFor(route)
    if (check === undefined) return refused(problem(notSetUp), 'notSetUp')
    const token = bearerToken(authorization)
    if (token === undefined) return refused(answerTo('noToken'), 'noToken')
    try {
      const verdict = await check(token)
      if (verdict.kind === 'refused') return refused(answerTo(verdict.reason), verdict.reason, { person: verdict.person })
      return verdict.kind === 'user' ? { kind: 'admitted', user: verdict.user } : { kind: 'admitted', administrator: verdict.administrator }
    } catch (error) {
      return refused(problem('unavailable'), 'unavailable', { fault: faultWord(error) })
    }
  }
}

/** What is added to the challenge for a person who only has to sign in again. */
function signInAgain(reason: RefusalReason | 'noToken', authContext: string | undefined): string | undefined {
  switch (reason) {
    case 'authTimeMissing':
    case 'authTimeOld':
      return `, error="insufficient_user_authentication", max_age="${signInMaxAgeS}"`
    case 'authContext': {
      const claims = JSON.stringify({ access_token: { acrs: { essential: true, value: authContext } } })
      return `, error="insufficient_claims", claims="${Buffer.from(claims).toString('base64')}"`
    }
    default:
      return undefined
  }
}

/** RFC 6750 §2.1. */
const bearerToken = (header: string | null) => /^Bearer +([\w.~+/-]+=*)$/i.exec(header ?? '')?.[1]
