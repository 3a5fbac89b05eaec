/** An access token of a person, as a program gets it by device code; what they do in a browser is done by the tenant's control. */
import https from 'node:https'
import type { How } from '../../local/entra/sign-in.ts'
import type { System } from '../../local/what-runs.ts'

/** Through the program that has this scope of the API. */
export async function tokenFor(system: System, scope: 'manage' | 'me', upn: string, how: How = {}): Promise<string> {
  const { parts, tenantId, administration, ca } = system
  const post = (path: string, fields: Record<string, string>) =>
    new Promise<Record<string, string>>((resolve, reject) => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const url = `${parts.entra.addresses.authorityHost}/${tenantId}/oauth2/v2.0/${path}`
      const request = https.request(url, { method: 'POST', ca, agent: false, headers }, async (response) =>
        resolve(JSON.parse(Buffer.concat(await response.toArray()).toString())),
      )
      request.on('error', reject).end(new URLSearchParams(fields).toString())
    })
  const client_id = administration.programs.find(({ scopes }) => scopes.includes(scope))?.clientId ?? ''
  const { user_code = '', device_code = '' } = await post('devicecode', { client_id, scope: `${administration.api.uri}/${scope}` })
  await parts.entra.call('signIn', user_code, upn, how)
  const { access_token = '' } = await post('token', { client_id, device_code, grant_type: 'urn:ietf:params:oauth:grant-type:device_code' })
  return access_token
}

/** In the cloud directory. */
export async function objectIdOf(system: System, { upn }: { upn: string }): Promise<string> {
  const [, payload = ''] = (await tokenFor(system, 'me', upn)).split('.')
  return JSON.parse(Buffer.from(payload, 'base64url').toString()).oid
}
