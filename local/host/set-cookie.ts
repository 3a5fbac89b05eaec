/**
 * `response.cookies` as Set-Cookie lines, the way the host writes them.
 *
 * The host hands each cookie to ASP.NET Core's ResponseCookies (azure-functions-host, GrpcMessageExtensionUtilities
 * .RpcHttpCookieConverter): name and value escaped as by Uri.EscapeDataString, `path=/` unless a path is given, lower-case
 * attributes in SetCookieHeaderValue's order, whole seconds.
 */
import type { HttpCookie } from './rpc.ts'

/** Uri.EscapeDataString keeps only RFC 3986's unreserved characters. */
const escapeData = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)

const sameSite = { none: undefined, lax: 'lax', strict: 'strict', explicitNone: 'none' } as const

export function setCookie({ name, value, ...cookie }: HttpCookie): string {
  const expires = cookie.expires?.value?.seconds
  const maxAge = cookie.maxAge?.value
  const site = sameSite[cookie.sameSite ?? 'none']
  return [
    `${escapeData(name)}=${escapeData(value)}`,
    expires !== undefined && `expires=${new Date(expires * 1000).toUTCString()}`,
    typeof maxAge === 'number' && `max-age=${Math.trunc(maxAge)}`,
    cookie.domain?.value && `domain=${cookie.domain.value}`,
    `path=${cookie.path?.value ?? '/'}`,
    cookie.secure?.value && 'secure',
    site && `samesite=${site}`,
    cookie.httpOnly?.value && 'httponly',
  ]
    .filter((part) => typeof part === 'string' && part !== '')
    .join('; ')
}
