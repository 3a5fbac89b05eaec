/**
 * How people sign in: device code (RFC 8628) and authorization code with PKCE (RFC 7636), for public clients, on Entra's paths.
 *
 * Owns what is under way: codes, who they were shown to, and who has signed in. Each code is good once, for 15 minutes.
 * There are no passwords and no refresh tokens here: whoever opens the page, or the control, says who they are. Why this is
 * not `oidc-provider`: docs/decisions/0012. Source: learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code.
 */
import { createHash, randomBytes, randomInt } from 'node:crypto'
import type { Clock } from '../../shared/clock.ts'
import { type Administration, type Program, personWith, type SignIn } from './people.ts'
import { refuseToken, type TokenRefusal } from './refusals.ts'

export type Granted = { kind: 'signedIn'; signIn: SignIn; clientId: string; scopes: readonly string[]; nonce?: string | undefined }
export interface Device {
  deviceCode: string
  userCode: string
  expiresInS: number
}
/** What a person may say besides who they are; by default, all that is asked for, at this moment. */
export interface How {
  authAgoS?: number
  acrs?: readonly string[]
  withoutAuthTime?: boolean
}

interface UnderWay {
  kind: 'device' | 'code'
  clientId: string
  scopes: readonly string[]
  askedAcrs: readonly string[]
  untilMs: number
  answer?: SignIn | 'declined'
  nonce?: string | undefined
  challenge?: string | undefined
  redirectUri?: string | undefined
}

const lifeS = 15 * 60
const letters = 'BCDFGHJKLMNPQRSTVWXZ'
const userCode = () => Array.from({ length: 9 }, () => letters[randomInt(letters.length)]).join('')
const secretCode = () => randomBytes(32).toString('base64url')
const missing = (name: string) => refuseToken('missingParameter', `The request body must contain the following parameter: '${name}'.`)

export function openSignIn(administration: Administration, clock: Clock) {
  /** By device code or authorization code; user codes lead to device codes. */
  const underWay = new Map<string, UnderWay>()
  const deviceCodes = new Map<string, string>()
  const program = (clientId: string | null) => administration.programs.find((each) => each.clientId === clientId)
  const noProgram = (clientId: string | null) =>
    refuseToken('applicationNotFound', `Application with identifier '${clientId}' was not found in the directory.`)

  function signInOf(upn: string, askedAcrs: readonly string[], how: How): SignIn {
    const person = personWith(administration, upn)
    if (!person) throw new Error(`nobody is called '${upn}' in this tenant`)
    const authTimeS = how.withoutAuthTime ? undefined : Math.floor(clock.now() / 1000) - (how.authAgoS ?? 0)
    return { person, authTimeS, acrs: how.acrs ?? askedAcrs }
  }
  const deviceOf = (shown: string): UnderWay => {
    const found = underWay.get(deviceCodes.get(shown.trim().toUpperCase()) ?? '')
    if (!found || found.answer || clock.now() > found.untilMs) throw new Error('no sign-in waits for this code')
    return found
  }
  const begin = ({ clientId, scopes }: Program, form: URLSearchParams) => ({
    clientId,
    scopes,
    askedAcrs: acrsIn(form.get('claims')),
    untilMs: clock.now() + lifeS * 1000,
  })

  return {
    device(form: URLSearchParams): Device | TokenRefusal {
      const found = program(form.get('client_id'))
      if (!found) return noProgram(form.get('client_id'))
      const refused = checkScope(form.get('scope'), found, administration)
      if (refused) return refused
      const device = { deviceCode: secretCode(), userCode: userCode(), expiresInS: lifeS }
      underWay.set(device.deviceCode, { kind: 'device', ...begin(found, form) })
      deviceCodes.set(device.userCode, device.deviceCode)
      return device
    },
    /** The person's part, at the page or by the control. */
    complete(shown: string, upn: string, how: How = {}): void {
      const device = deviceOf(shown)
      device.answer = signInOf(upn, device.askedAcrs, how)
    },
    decline(shown: string): void {
      deviceOf(shown).answer = 'declined'
    },
    /** Codes that wait for a person, newest last. */
    waiting: () => [...deviceCodes].flatMap(([shown, code]) => (underWay.get(code) && !underWay.get(code)?.answer ? [shown] : [])),

    /** The redirect after the person said who they are, or why there is none. */
    authorize(query: URLSearchParams, upn: string): { kind: 'redirect'; location: string } | TokenRefusal {
      const found = program(query.get('client_id'))
      const redirectUri = query.get('redirect_uri') ?? ''
      if (!found) return noProgram(query.get('client_id'))
      if (!found.redirectUris.includes(redirectUri)) {
        return refuseToken(
          'redirectUri',
          `The redirect URI '${redirectUri}' specified in the request does not match the redirect URIs configured.`,
        )
      }
      if (query.get('response_type') !== 'code' || query.get('code_challenge_method') !== 'S256' || !query.get('code_challenge')) {
        return refuseToken('pkce', 'Proof Key for Code Exchange is required for cross-origin authorization code redemption.')
      }
      const refused = checkScope(query.get('scope'), found, administration)
      if (refused) return refused
      const code = secretCode()
      const asked = begin(found, query)
      const how = { nonce: query.get('nonce') ?? undefined, challenge: query.get('code_challenge') ?? '', redirectUri }
      underWay.set(code, { kind: 'code', ...asked, ...how, answer: signInOf(upn, asked.askedAcrs, {}) })
      const location = new URL(redirectUri)
      location.searchParams.set('code', code)
      const state = query.get('state')
      if (state !== null) location.searchParams.set('state', state)
      return { kind: 'redirect', location: location.href }
    },

    redeem(form: URLSearchParams): Granted | TokenRefusal {
      const kind = form.get('grant_type') === 'authorization_code' ? 'code' : 'device'
      const name = kind === 'code' ? 'code' : 'device_code'
      const code = form.get(name)
      if (!code) return missing(name)
      const found = underWay.get(code)
      if (!found || found.kind !== kind || found.clientId !== form.get('client_id')) {
        return refuseToken('badCode', 'The verification code is not one of this tenant, or was redeemed.')
      }
      if (clock.now() > found.untilMs) return refuseToken('codeExpired', 'The code has expired.')
      if (found.answer === undefined)
        return refuseToken('pending', 'OAuth 2.0 device flow error. Authorization is pending. Continue polling.')
      underWay.delete(code)
      if (found.answer === 'declined') return refuseToken('declined', 'The user declined.')
      if (kind === 'code' && !provesPkce(found, form)) return refuseToken('badVerifier', 'The code verifier does not match the challenge.')
      return { kind: 'signedIn', signIn: found.answer, clientId: found.clientId, scopes: found.scopes, nonce: found.nonce }
    },
  }
}
export type SignInDesk = ReturnType<typeof openSignIn>

function provesPkce({ challenge, redirectUri }: UnderWay, form: URLSearchParams): boolean {
  const made = createHash('sha256')
    .update(form.get('code_verifier') ?? '')
    .digest('base64url')
  return made === challenge && form.get('redirect_uri') === redirectUri
}

const protocolScopes = ['openid', 'profile', 'email', 'offline_access']

/** Scopes of the API that nobody has consented to for this program are refused; its token says all that it has. */
function checkScope(scope: string | null, { clientId, scopes }: Program, { api }: Administration): TokenRefusal | undefined {
  const spelt = (names: readonly string[]) => [api.uri, api.clientId].flatMap((each) => names.map((name) => `${each}/${name}`))
  const known = spelt(['.default', ...api.scopes])
  const asked = (scope ?? '').split(' ').filter((each) => each !== '' && !protocolScopes.includes(each))
  const unknown = asked.find((each) => !known.includes(each))
  if (unknown !== undefined) return refuseToken('resourceNotFound', `The resource principal named ${unknown} was not found in the tenant.`)
  if (asked.length === 0) return missing('scope')
  const granted = spelt(['.default', ...scopes])
  if (asked.every((each) => granted.includes(each))) return undefined
  return refuseToken('consentRequired', `The user or administrator has not consented to use the application with ID '${clientId}'.`)
}

/** `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`, as a claims challenge asks for it. */
function acrsIn(claims: string | null): string[] {
  try {
    const value: unknown = JSON.parse(claims ?? '{}').access_token?.acrs?.value
    return typeof value === 'string' ? [value] : []
  } catch {
    return []
  }
}
