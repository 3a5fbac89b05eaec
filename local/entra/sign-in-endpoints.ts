/**
 * The paths of the tenant on which people sign in, and what they answer: devicecode, authorize, the device page, and the two
 * grants of the token endpoint that are theirs.
 */
import type { Clock } from '../../shared/clock.ts'
import type { WebAnswer, WebRequest } from '../web.ts'
import type { Administration } from './people.ts'
import { tokenRefusalAnswer } from './refusals.ts'
import type { SignInDesk } from './sign-in.ts'
import { refusedPage, signedInPage, signInPage } from './sign-in-page.ts'
import type { Signer } from './signing.ts'

export interface SignInSide {
  administration: Administration
  desk: SignInDesk
  signer: Signer
  tenantId: string
  clock: Clock
  /** How often a program may ask whether the person has signed in; Entra says 5. */
  pollS: number
}

/** `device_code` is what MSAL for Node says, and Entra takes, instead of RFC 8628's name. */
const grants = ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code', 'device_code']
export const isSignInGrant = (body: string) => grants.includes(new URLSearchParams(body).get('grant_type') ?? '')

/** Undefined: none of these paths. */
export async function answerSignIn(side: SignInSide, path: string, request: WebRequest): Promise<WebAnswer | undefined> {
  const { administration, desk, clock } = side
  const form = new URLSearchParams(request.body)
  const { searchParams, origin } = request.url
  switch (`${request.method} ${path}`) {
    case 'POST oauth2/v2.0/devicecode': {
      const device = desk.device(form)
      if ('kind' in device) return tokenRefusalAnswer(device, clock)
      const page = `${origin}/${side.tenantId}/devicelogin`
      const message = `To sign in, use a web browser to open the page ${page} and enter the code ${device.userCode} to authenticate.`
      const codes = { user_code: device.userCode, device_code: device.deviceCode, verification_uri: page }
      return { status: 200, body: { ...codes, expires_in: device.expiresInS, interval: side.pollS, message } }
    }
    case 'GET devicelogin':
      return signInPage(administration, searchParams.get('code') ?? '')
    case 'POST devicelogin':
      return attempt(() => desk.complete(form.get('code') ?? '', form.get('upn') ?? ''))
    case 'GET oauth2/v2.0/authorize':
      return signInPage(administration)
    case 'POST oauth2/v2.0/authorize': {
      const decision = desk.authorize(searchParams, form.get('upn') ?? '')
      if (decision.kind === 'refused') return refusedPage(decision.message)
      return { status: 302, headers: { location: decision.location } }
    }
    default:
      return undefined
  }
}

function attempt(act: () => void): WebAnswer {
  try {
    act()
    return signedInPage()
  } catch (error) {
    return refusedPage(error instanceof Error ? error.message : String(error))
  }
}

export async function answerSignInGrant({ administration, desk, signer, tenantId, clock }: SignInSide, request: WebRequest) {
  const granted = desk.redeem(new URLSearchParams(request.body))
  if (granted.kind === 'refused') return tokenRefusalAnswer(granted, clock)
  const { api } = administration
  const issuer = `${request.url.origin}/${tenantId}/v2.0`
  const to = { issuer, apiClientId: api.clientId, scope: granted.scopes.join(' '), clientId: granted.clientId, nonce: granted.nonce }
  const { token, idToken, lifetimeS } = await signer.issueFor(granted.signIn, to)
  const clientInfo = { uid: granted.signIn.person.objectId, utid: tenantId }
  return {
    status: 200,
    headers: { 'cache-control': 'no-store, no-cache', pragma: 'no-cache' },
    body: {
      token_type: 'Bearer',
      scope: granted.scopes.map((scope) => `${api.uri}/${scope}`).join(' '),
      expires_in: lifetimeS - 1,
      ext_expires_in: lifetimeS - 1,
      access_token: token,
      id_token: idToken,
      client_info: Buffer.from(JSON.stringify(clientInfo)).toString('base64url'),
    },
  }
}
