/**
 * The managed-identity endpoint as App Service and Functions offer it (IDENTITY_ENDPOINT, plain http, api-version 2019-08-01).
 *
 * The app has one *user-assigned* identity and no system-assigned one: a request that names no identity, or another, is
 * refused, because in Azure it would be. `x-identity-header` keeps out whoever can make the app fetch a URL (SSRF).
 * Source: learn.microsoft.com/azure/app-service/overview-managed-identity, REST endpoint reference.
 */
import type { WebAnswer, WebRequest } from '../web.ts'
import type { ManagedIdentity } from './principals.ts'
import { resourceNamed } from './resources.ts'
import type { Signer } from './signing.ts'

export const identityPath = '/msi/token'

const refuse = (status: number, message: string): WebAnswer => ({ status, body: { statusCode: status, message } })

function names(identity: ManagedIdentity, query: URLSearchParams): boolean {
  const objectId = query.get('principal_id') ?? query.get('object_id')
  return query.get('client_id') === identity.clientId || objectId === identity.objectId
}

export async function answerIdentityRequest(identity: ManagedIdentity, signer: Signer, request: WebRequest): Promise<WebAnswer> {
  const { url, headers, method } = request
  if (url.pathname !== identityPath) return refuse(404, 'Not found.')
  if (method !== 'GET') return refuse(405, 'Only GET is supported.')
  if (headers['x-identity-header'] !== identity.identityHeader) return refuse(401, 'The X-IDENTITY-HEADER is missing or wrong.')
  if (url.searchParams.get('api-version') !== '2019-08-01') return refuse(400, 'The api-version is missing or not supported.')
  const audience = url.searchParams.get('resource')
  if (!audience) return refuse(400, 'The resource is missing.')
  if (!names(identity, url.searchParams)) {
    return refuse(400, 'No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.')
  }
  const resource = resourceNamed(audience)
  if (!resource) return refuse(400, `AADSTS500011: The resource principal named ${audience} was not found.`)
  const issued = await signer.issue({ ...identity, identity: 'functions', provenBy: 'certificate' }, audience, resource)
  return {
    status: 200,
    body: {
      access_token: issued.token,
      client_id: identity.clientId,
      expires_on: String(issued.expiresOnS),
      resource: audience,
      token_type: 'Bearer',
    },
  }
}
