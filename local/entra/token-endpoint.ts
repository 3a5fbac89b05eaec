/**
 * `POST /{tenant}/oauth2/v2.0/token`: the client-credentials grant (RFC 6749 §4.4) of the v2 endpoint.
 *
 * A client proves itself with a secret or with an assertion signed by a certificate (RFC 7523). Each proof is one function
 * from (application, form) to a refusal or nothing; no certificate is registered here yet, so every assertion is refused
 * as the real tenant refuses one whose certificate it does not know.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Application } from './principals.ts'
import { refuseToken, type TokenRefusal } from './refusals.ts'
import { type Resource, resourceNamed, resourceOfScope } from './resources.ts'

export type TokenGrant = { kind: 'granted'; application: Application; audience: string; resource: Resource }

export interface Directory {
  tenantId: string
  applicationWith(clientId: string): Application | undefined
}

type Form = URLSearchParams
type Proof = (application: Application, form: Form) => TokenRefusal | undefined

const digest = (text: string) => createHash('sha256').update(text).digest()

const bySecret: Proof = (application, form) => {
  if (timingSafeEqual(digest(form.get('client_secret') ?? ''), digest(application.secret))) return undefined
  return refuseToken(
    'wrongSecret',
    'Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, ' +
      `for a secret added to app '${application.clientId}'.`,
  )
}

const byAssertion: Proof = () =>
  refuseToken(
    'certificateNotRegistered',
    'The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found.]',
  )

function proofIn(form: Form): Proof | undefined {
  if (form.has('client_assertion')) return byAssertion
  return form.has('client_secret') ? bySecret : undefined
}

const missing = (name: string) => refuseToken('missingParameter', `The request body must contain the following parameter: '${name}'.`)

function findResource(scope: string, tenantId: string): { kind: 'found'; audience: string; resource: Resource } | TokenRefusal {
  const audience = resourceOfScope(scope)
  if (audience === undefined) {
    return refuseToken(
      'scopeForm',
      `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
    )
  }
  const resource = resourceNamed(audience)
  if (resource) return { kind: 'found', audience, resource }
  return refuseToken(
    'resourceNotFound',
    `The resource principal named ${audience} was not found in the tenant named ${tenantId}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.`,
  )
}

/** Decides a token request; the order of the checks is the real endpoint's: request form, application, credential, scope. */
export function decideTokenRequest(directory: Directory, form: Form): TokenGrant | TokenRefusal {
  const grantType = form.get('grant_type')
  if (!grantType) return missing('grant_type')
  const clientId = form.get('client_id')
  if (!clientId) return missing('client_id')
  if (grantType !== 'client_credentials') {
    return refuseToken('unsupportedGrant', `The app requested an unsupported grant type '${grantType}'.`)
  }
  const application = directory.applicationWith(clientId)
  if (!application) {
    return refuseToken(
      'applicationNotFound',
      `Application with identifier '${clientId}' was not found in the directory '${directory.tenantId}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.`,
    )
  }
  const proof = proofIn(form)
  if (!proof) {
    return refuseToken(
      'noCredential',
      "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
    )
  }
  const refused = proof(application, form)
  if (refused) return refused
  const scope = form.get('scope')
  if (!scope) return missing('scope')
  const found = findResource(scope, directory.tenantId)
  return found.kind === 'refused' ? found : { kind: 'granted', application, audience: found.audience, resource: found.resource }
}
