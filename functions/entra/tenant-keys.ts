/**
 * The keys the tenant signs with, as it publishes them: fetched when first needed, kept for ten minutes, and fetched again
 * for a key id not seen yet, but not more than once in half a minute, whoever makes up key ids.
 *
 * A key that is there for another tenant (`issuer`) signs nothing here: a key of private Microsoft accounts was stolen once, and
 * opened companies' mail where nobody had looked.
 * An answer that is late, large, redirected or no key set is a fault: then nobody knows whether a token is good, and nobody gets in.
 * Source: learn.microsoft.com/entra/identity-platform/access-tokens, "Validate the signature" and signing key rollover.
 */
import https from 'node:https'
import { createRemoteJWKSet, customFetch, type FetchImplementation, type JWTVerifyGetKey } from 'jose'

/** Entra's own has about 20 KB. */
const maxBytes = 256 * 1024
const timing = { timeoutDuration: 5_000, cooldownDuration: 30_000, cacheMaxAge: 10 * 60_000 }

export interface TenantKeysOptions {
  url: string
  /** A tenant on loopback, with a certificate of the local authority (PEM). */
  local?: { ca: string }
}

export const openTenantKeys = ({ url, local }: TenantKeysOptions): JWTVerifyGetKey =>
  createRemoteJWKSet(new URL(url), { ...timing, [customFetch]: fetchWith(local?.ca) })

/** The built-in `fetch` takes whom it trusts from the process, and reads whatever comes. */
function fetchWith(ca: string | undefined): FetchImplementation {
  return (url, { headers, signal }) =>
    new Promise((resolve, reject) => {
      const trust = ca === undefined ? {} : { ca }
      const request = https.get(url, { ...trust, signal, headers: Object.fromEntries(headers) }, (response) => {
        const chunks: Buffer[] = []
        let bytes = 0
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          chunks.push(chunk)
          if (bytes > maxBytes) response.destroy(new Error('the key set is too large'))
        })
        response.on('error', reject)
        response.on('end', () => resolve(answerOf(response.statusCode, Buffer.concat(chunks).toString('utf8'), url)))
      })
      request.on('error', reject)
    })
}

/** `Response` takes no body with some statuses; what is not 200, and what is no key set, is refused whatever it is. */
function answerOf(status: number | undefined, text: string, url: string): Response {
  if (status !== 200) return new Response(undefined, { status: 502 })
  try {
    const { keys } = JSON.parse(text)
    return Response.json({ keys: keys.filter(({ issuer }: { issuer?: unknown }) => maySignFor(url, issuer)) })
  } catch {
    return new Response(undefined, { status: 502 })
  }
}

/** The tenant's id stands in the address; an `issuer` names one tenant, or with `{tenantid}` any. */
function maySignFor(url: string, issuer: unknown): boolean {
  if (issuer === undefined) return true
  const [tenant] = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/i.exec(String(issuer)) ?? []
  return tenant === undefined ? String(issuer).includes('{tenantid}') : url.toLowerCase().includes(tenant.toLowerCase())
}
