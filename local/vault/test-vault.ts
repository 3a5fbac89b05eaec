/**
 * A vault for tests, the clients of each identity, and failures as one line.
 */
import { constants, createPublicKey, type JsonWebKey, publicEncrypt } from 'node:crypto'
import type { TokenCredential } from '@azure/identity'
import { CryptographyClient, KeyClient, type KeyVaultKey } from '@azure/keyvault-keys'
import { SecretClient } from '@azure/keyvault-secrets'
import { agent, functions, startTestTenant, type TestTenant } from '../entra/test-tenant.ts'
import type { StandIn } from '../stand-in.ts'
import { startVault, type VaultAddresses, type VaultControl, type VaultOptions } from './vault.ts'

export interface Clients {
  keys: KeyClient
  secrets: SecretClient
  crypto(key: KeyVaultKey | string): CryptographyClient
}

export interface TestVault {
  tenant: TestTenant
  vault: StandIn<VaultAddresses, VaultControl>
  /** The identity the functions app has. */
  functions: Clients
  /** The identity an agent has. */
  agent: Clients
  clientsFor(credential: TokenCredential, url?: string): Clients
  start(over?: Partial<VaultOptions>): Promise<StandIn<VaultAddresses, VaultControl>>
  close(): Promise<void>
}

export async function startTestVault(over: Partial<VaultOptions> = {}): Promise<TestVault> {
  const tenant = await startTestTenant()
  const { tls, entra, trust } = tenant
  const principals = { [functions.objectId]: 'functions', [agent.objectId]: 'agent' } as const
  const start = (more: Partial<VaultOptions> = {}) =>
    startVault({ tls, entra: trust, authority: entra.addresses.tenant, principals, ...more })
  const vault = await start(over)
  const options = { disableChallengeResourceVerification: true, tlsOptions: { ca: tls.ca }, retryOptions: { maxRetries: 0 } }
  const clientsFor = (credential: TokenCredential, url = vault.addresses.url): Clients => ({
    keys: new KeyClient(url, credential, options),
    secrets: new SecretClient(url, credential, options),
    crypto: (key) =>
      typeof key === 'string' ? new CryptographyClient(key, credential, options) : new CryptographyClient(key, credential, options),
  })
  return {
    tenant,
    vault,
    functions: clientsFor(tenant.managedIdentity()),
    agent: clientsFor(tenant.credentialOf(agent)),
    clientsFor,
    start,
    async close() {
      await vault.close()
      await entra.close()
    },
  }
}

/** A failed call as a client sees it: `403 Forbidden KeyDisabled` (lists have no inner code in the SDK); without a status, the SDK refused by itself. */
export async function failure(call: Promise<unknown>): Promise<string> {
  const thrown = await call.then(
    () => undefined,
    (error) => error,
  )
  if (!thrown) return 'no failure'
  const inner = thrown.details?.error?.innerError?.code
  return thrown.statusCode ? [thrown.statusCode, thrown.code, inner].filter(Boolean).join(' ') : `by the SDK: ${thrown.message}`
}

/** What functions do with the public half: RSA-OAEP-256 by node:crypto, without the vault. */
export function sealFor(key: KeyVaultKey, plain: string): Buffer {
  const { n, e } = key.key ?? {}
  const jwk: JsonWebKey = { kty: 'RSA', n: Buffer.from(n ?? []).toString('base64url'), e: Buffer.from(e ?? []).toString('base64url') }
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
  return publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, Buffer.from(plain))
}

export const idOf = (key: KeyVaultKey): string => key.id ?? ''
export const versionOf = (object: { properties: { version?: string } }): string => object.properties.version ?? ''
