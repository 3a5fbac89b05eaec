/**
 * A tenant for tests: a certificate authority, Entra with one of each identity, and credentials as the product has them.
 *
 * The credentials talk to the stand-in over the real protocols. The managed identity's is written out, because the SDK's
 * own reads the environment and caches tokens for the whole process; entra.test.ts tests that one.
 */
import https from 'node:https'
import { ClientSecretCredential, type TokenCredential } from '@azure/identity'
import type { Clock } from '../../shared/clock.ts'
import { makeAuthority } from '../ca.ts'
import type { StandIn, TlsFiles } from '../stand-in.ts'
import type { DirectoryAccess } from './applications.ts'
import { type EntraAddresses, type EntraControl, startEntra } from './entra.ts'
import type { Administration } from './people.ts'
import type { Application, ManagedIdentity } from './principals.ts'

export const tenantId = '7a0c9a0e-3f0b-4b57-8a35-52d0a4a0c1de'
export const functions = {
  clientId: 'f1b2c3d4-0000-4000-8000-000000000001',
  objectId: 'f1b2c3d4-0000-4000-8000-0000000000f1',
  identityHeader: 'header-1',
}
export const agent = {
  clientId: 'a1b2c3d4-0000-4000-8000-000000000002',
  objectId: 'a1b2c3d4-0000-4000-8000-0000000000a1',
  secret: 'secret-1',
}
/** An application of the tenant that no resource knows. */
export const nobody = {
  clientId: 'b1b2c3d4-0000-4000-8000-000000000003',
  objectId: 'b1b2c3d4-0000-4000-8000-0000000000b1',
  secret: 'secret-2',
}

export interface RawAnswer {
  status: number
  headers: Record<string, string | string[] | undefined>
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever JSON came
  body: any
}

export interface TestTenant {
  tls: TlsFiles
  entra: StandIn<EntraAddresses, EntraControl>
  /** What the other stand-ins need to check tokens. */
  trust: { issuer: string; jwksUrl: string; ca: string }
  /** What Graph needs besides, to know the tenant's applications. */
  directory: DirectoryAccess
  credentialOf(application: Application & { secret: string }): ClientSecretCredential
  managedIdentity(): TokenCredential
  /** One request over https, for what no SDK would send. A token goes into the Authorization header. */
  raw(method: string, url: string, options?: { token?: string; body?: string; headers?: Record<string, string> }): Promise<RawAnswer>
}

function makeManagedIdentity(endpoint: string): TokenCredential {
  return {
    async getToken(scopes) {
      const resource = String(scopes).replace('/.default', '')
      const query = new URLSearchParams({ 'api-version': '2019-08-01', resource, client_id: functions.clientId })
      const response = await fetch(`${endpoint}?${query}`, { headers: { 'x-identity-header': functions.identityHeader } })
      const body = (await response.json()) as { access_token: string; expires_on: string }
      return { token: body.access_token, expiresOnTimestamp: Number(body.expires_on) * 1000 }
    },
  }
}

/** With a clock, the tenant's time is its. */
export async function startTestTenant(
  more: { clock?: Clock; administration?: Administration; pollS?: number; granted?: ManagedIdentity['granted'] } = {},
): Promise<TestTenant> {
  const authority = await makeAuthority()
  const leaf = await authority.issue({ commonName: 'test', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] })
  const tls = { ca: authority.ca, ...leaf }
  const directoryKey = 'directory-key'
  const { administration, granted = [], ...others } = more
  const principals = { functions: { ...functions, granted }, agents: [agent, nobody], ...(administration && { administration }) }
  const entra = await startEntra({ tls, tenantId, principals, directoryKey, ...others })
  const { issuer, jwksUrl, authorityHost, identityEndpoint } = entra.addresses
  return {
    tls,
    entra,
    trust: { issuer, jwksUrl, ca: tls.ca },
    directory: { url: entra.addresses.tenant, key: directoryKey, ca: tls.ca },
    credentialOf: ({ clientId, secret }) =>
      new ClientSecretCredential(tenantId, clientId, secret, {
        authorityHost,
        disableInstanceDiscovery: true,
        tlsOptions: { ca: tls.ca },
        retryOptions: { maxRetries: 0 },
      }),
    managedIdentity: () => makeManagedIdentity(identityEndpoint),
    raw: (method, url, { token, body, headers = {} } = {}) =>
      new Promise((resolve, reject) => {
        const authorization = token ? { authorization: `Bearer ${token}` } : {}
        const request = https.request(
          url,
          { method, ca: tls.ca, agent: false, headers: { ...headers, ...authorization } },
          async (response) => {
            const text = Buffer.concat(await response.toArray()).toString()
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text ? JSON.parse(text) : undefined })
          },
        )
        request.on('error', reject).end(body)
      }),
  }
}
