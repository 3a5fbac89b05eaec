/**
 * `POST /{tenant}/oauth2/v2.0/token`: the client-credentials grant (RFC 6749 §4.4) of the v2 endpoint.
 *
 * A client proves itself with a secret or with an assertion signed by a certificate (RFC 7523). Each proof is one function
 * from (application, form) to a refusal or nothing.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { type AssertionRules, checkAssertion } from './client-assertion.ts'
import type { Application, Proof } from './principals.ts'
import { refuseToken, type TokenRefusal } from './refusals.ts'
import { type Resource, resourceNamed, resourceOfScope } from './resources.ts'

export type TokenGrant = { kind: 'granted'; application: Application; provenBy: Proof; audience: string; resource: Resource }

export interface Directory {
  tenantId: string
  applicationWith(clientId: string): Application | undefined
}

type Form = URLSearchParams
type Check = (application: Application, form: Form, rules: AssertionRules) => Promise<TokenRefusal | undefined>

const missing = (name: string) => refuseToken('missingParameter', `The request body must contain the following parameter: '${name}'.`)
const digest = (text: string) => createHash('sha256').update(text).digest()

const bySecret: Check = async ({ secret, clientId }, form) => {
  if (secret !== undefined && timingSafeEqual(digest(form.get('client_secret') ?? ''), digest(secret))) return undefined
  return refuseToken(
    'wrongSecret',
    'Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, ' +
      `for a secret added to app '${clientId}'.`,
  )
}

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

const byCertificate: Check = async (application, form, rules) => {
  if (form.get('client_assertion_type') !== assertionType) return missing('client_assertion_type')
  return checkAssertion(form.get('client_assertion') ?? '', application, rules)
}

const checks: Record<Proof, Check> = { secret: bySecret, certificate: byCertificate }

function proofIn(form: Form): Proof | undefined {
  if (form.has('client_assertion')) return 'certificate'
  return form.has('client_secret') ? 'secret' : undefined
}

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
export async function decideTokenRequest(directory: Directory, form: Form, rules: AssertionRules): Promise<TokenGrant | TokenRefusal> {
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
  const provenBy = proofIn(form)
  if (!provenBy) {
    return refuseToken(
      'noCredential',
      "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
    )
  }
  const refused = await checks[provenBy](application, form, rules)
  if (refused) return refused
  const scope = form.get('scope')
  if (!scope) return missing('scope')
  const found = findResource(scope, directory.tenantId)
  return found.kind === 'refused' ? found : { kind: 'granted', application, provenBy, audience: found.audience, resource: found.resource }
}
