/**
 * The keys the local tenant signs with, and the tokens it makes of them.
 *
 * Access tokens for Azure's own resources are version 1.0 (`iss` https://sts.windows.net/{tenant}/, `appid`), because that is what Key Vault,
 * Graph and Service Bus get from the real tenant whatever endpoint was asked: the resource's manifest decides, not the
 * client (learn.microsoft.com/entra/identity-platform/access-tokens). Those for the administrators' API are version 2.0, as its
 * registration asks for (`requestedAccessTokenVersion` 2). Old keys stay published after a rotation.
 */
import { type KeyObject, randomBytes, randomUUID } from 'node:crypto'
import { exportJWK, type JSONWebKeySet, type JWK, type JWTPayload, SignJWT } from 'jose'
import type { Clock } from '../../shared/clock.ts'
import { type RsaPair, rsaPairs } from '../rsa-pairs.ts'
import type { Json } from '../stand-in.ts'
import type { SignIn } from './people.ts'
import { rolesAt, type Subject } from './principals.ts'

export interface IssuedToken {
  token: string
  /** Seconds since the epoch. */
  expiresOnS: number
  lifetimeS: number
}

export interface Signer {
  jwks(): JSONWebKeySet
  rotate(): Promise<void>
  /** Of the tokens issued from now on. */
  setLifetime(seconds: number): void
  /** `audience` is written as the client spelt it; `resource` is what it means. */
  issue(subject: Subject, audience: string, resource: string): Promise<IssuedToken>
  /** Version 2.0, for a person: an access token for the API, and an ID token for the program. */
  issueFor(signIn: SignIn, to: Recipient): Promise<IssuedToken & { idToken: string }>
}

export interface Recipient {
  /** `https://…/{tenant}/v2.0` */
  issuer: string
  apiClientId: string
  scope: string
  clientId: string
  nonce?: string | undefined
}

interface SigningKey {
  privateKey: KeyObject
  published: JWK & { kid: string }
}

/** Entra sets `nbf` five minutes back, for receivers whose clock is late. */
const backdateS = 300

const pairsOfTenant = rsaPairs()

async function signingKey({ publicKey, privateKey }: RsaPair): Promise<SigningKey> {
  const jwk = await exportJWK(publicKey)
  return { privateKey, published: { ...jwk, kid: randomBytes(20).toString('base64url'), use: 'sig' } }
}

export function issuerOf(tenantId: string): string {
  return `https://sts.windows.net/${tenantId}/`
}

export async function makeSigner(tenantId: string, firstLifetimeS: number, clock: Clock): Promise<Signer> {
  const nextPair = pairsOfTenant()
  let current = await signingKey(await nextPair())
  const published = [current.published]
  let lifetimeS = firstLifetimeS
  const sign = (claims: JWTPayload, issuer: string, audience: string) => {
    const nowS = Math.floor(clock.now() / 1000)
    return new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: current.published.kid })
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt(nowS)
      .setNotBefore(nowS - backdateS)
      .setExpirationTime(nowS + lifetimeS)
      .sign(current.privateKey)
  }
  return {
    jwks: () => ({ keys: published }),
    async rotate() {
      current = await signingKey(await nextPair())
      published.push(current.published)
    },
    setLifetime(seconds) {
      lifetimeS = seconds
    },
    async issue(subject, audience, resource) {
      const nowS = Math.floor(clock.now() / 1000)
      const roles = rolesAt(resource, subject)
      const claims = {
        appid: subject.clientId,
        appidacr: subject.provenBy === 'certificate' ? '2' : '1',
        idtyp: 'app',
        oid: subject.objectId,
        sub: subject.objectId,
        tid: tenantId,
        uti: randomUUID(),
        ver: '1.0',
        ...(roles.length > 0 ? { roles } : {}),
      }
      const token = await sign(claims, issuerOf(tenantId), audience)
      return { token, expiresOnS: nowS + lifetimeS, lifetimeS }
    },
    async issueFor({ person, authTimeS, acrs }, { issuer, apiClientId, scope, clientId, nonce }) {
      const who = {
        oid: person.objectId,
        sub: person.objectId,
        name: person.name,
        preferred_username: person.upn,
        tid: tenantId,
        ver: '2.0',
      }
      const signedIn = { ...(authTimeS !== undefined && { auth_time: authTimeS }), ...(acrs.length > 0 && { acrs: [...acrs] }) }
      const roles = person.roles.length > 0 ? { roles: [...person.roles] } : {}
      const access = { ...who, ...signedIn, ...roles, azp: clientId, azpacr: '0', idtyp: 'user', scp: scope, uti: randomUUID() }
      const token = await sign(access, issuer, apiClientId)
      const idToken = await sign({ ...who, ...(nonce !== undefined && { nonce }) }, issuer, clientId)
      return { token, idToken, expiresOnS: Math.floor(clock.now() / 1000) + lifetimeS, lifetimeS }
    },
  }
}

/** OpenID Connect Discovery 1.0 §4.2; `issuer` is the v2 endpoint's own, not that of the tokens (see signing.ts). */
export function discovery(tenantUrl: string): Json {
  return {
    issuer: `${tenantUrl}/v2.0`,
    authorization_endpoint: `${tenantUrl}/oauth2/v2.0/authorize`,
    device_authorization_endpoint: `${tenantUrl}/oauth2/v2.0/devicecode`,
    token_endpoint: `${tenantUrl}/oauth2/v2.0/token`,
    jwks_uri: `${tenantUrl}/discovery/v2.0/keys`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
    response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
  }
}
