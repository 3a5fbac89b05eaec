/**
 * Who may call an administrators' route: the bearer token is checked, and what a refused caller is told.
 *
 * Whoever shows nothing genuine reads one and the same 401, whatever is wrong; the log says what. A person who is genuine
 * is told a little more: that the role is missing, or how to sign in again (RFC 9470, and Entra's claims challenge:
 * learn.microsoft.com/entra/identity-platform/claims-challenge). Without settings nobody gets in.
 */
import { faultWord } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import { type RefusalReason, type Role, signInMaxAgeS, type TokenCheck } from '../entra/admin-token.ts'
import type { Admission } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'

export interface AdmissionDeps {
  /** Undefined: the app was not told whose tokens to take. */
  check: TokenCheck | undefined
  /** Where people sign in: `https://login.microsoftonline.com/{tenant}` */
  tenantUrl: string
  authContext: string | undefined
  log: Log
}

export type Admit = (route: { name: string; role: Role; changes: boolean }, authorization: string | null) => Promise<Admission>

export function openAdmission({ check, tenantUrl, authContext, log }: AdmissionDeps): Admit {
  /** Since this instance started: refusals are counted, not stored, for anybody can cause them. */
  let refusals = 0
  const realm = `Bearer realm="", authorization_uri="${tenantUrl}/oauth2/v2.0/authorize"`
  const answerTo = (reason: RefusalReason | 'noToken'): Answer => {
    if (reason === 'role' || reason === 'appOnly') return problem('notAllowed')
    const detail = signInAgain(reason, authContext)
    return { ...problem(detail === undefined ? 'notSignedIn' : 'signInAgain'), challenge: `${realm}${detail ?? ''}` }
  }
  return async ({ name, role, changes }, authorization) => {
    const refused = (answer: Answer, reason: string, more: { person?: string | undefined; fault?: string } = {}): Admission => {
      refusals += 1
      log('administratorRefused', { route: name, reason, count: refusals, ...more })
      return { kind: 'refused', answer }
    }
    if (check === undefined) return refused(problem('noAdministrators'), 'notSetUp')
    const token = bearerToken(authorization)
    if (token === undefined) return refused(answerTo('noToken'), 'noToken')
    try {
      const verdict = await check(token, { role, change: changes ? { authContext } : undefined })
      if (verdict.kind === 'refused') return refused(answerTo(verdict.reason), verdict.reason, { person: verdict.person })
      return { kind: 'admitted', administrator: verdict.administrator }
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
