/**
 * Key Vault as the functions app may use it: make versions, read what it needs to seal, disable versions. The only file
 * that knows `@azure/keyvault-keys` and `@azure/keyvault-secrets`.
 *
 * Every read names a version: an unversioned one fails as soon as the newest version is disabled. A version is 32 hex
 * digits here and 16 raw bytes on the wire. "Unknown or disabled" is the value `undefined`; that the vault did not say
 * is KEY_UNAVAILABLE. Errors of the SDK are not passed on: they hold requests with tokens and answers with secrets.
 * Source: learn.microsoft.com/azure/key-vault/general/rest-error-codes.
 */
import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto'
import { KeyClient, type KeyVaultKey } from '@azure/keyvault-keys'
import { SecretClient } from '@azure/keyvault-secrets'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { Fault, isFault } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import { keyOf } from '../../shared/secret.ts'
import { isGone, keysFault, troubleOf, watchVault } from '../../shared/vault-trouble.ts'
import type { TokenCredential } from '../entra/credential.ts'
import { within } from '../store/within.ts'

export const passwordKeyName = 'password-key'
export type SecretName = 'package-key' | 'state-key'
export type Tags = Record<string, string>

export interface VersionFacts {
  version: string
  enabled: boolean
  /** ms since the epoch; the vault counts whole seconds. */
  createdAt: number
  tags: Tags
}

export interface Vault {
  /** RSA 2048 that can only decrypt; keys are not exportable unless asked to be. Answers the version. */
  createPasswordKeyVersion(tags: Tags): Promise<string>
  /** To seal under: KEY_UNAVAILABLE, permanent, outside its lifetime. */
  passwordPublicKey(version: string): Promise<KeyObject | undefined>
  passwordKeyVersions(): Promise<VersionFacts[]>
  disablePasswordKeyVersion(version: string): Promise<void>
  /** 32 random bytes, kept as base64url. Answers the version. */
  createSecretVersion(name: SecretName, tags: Tags): Promise<string>
  /** To open with, whatever its lifetime; to seal under, only within it. */
  secret(name: SecretName, version: string, use?: 'open' | 'seal'): Promise<KeyObject | undefined>
  secretVersions(name: SecretName): Promise<VersionFacts[]>
  newestEnabledSecretVersion(name: SecretName): Promise<string | undefined>
  disableSecretVersion(name: SecretName, version: string): Promise<void>
  /** These tags and no others from then on. */
  tagSecretVersion(name: SecretName, version: string, tags: Tags): Promise<void>
}

export interface VaultOptions {
  url: string
  credential: TokenCredential
  /** One operation, with its retries; making an RSA key takes the vault a second or two. */
  timeoutMs?: number
  clock?: Clock
  /** Told what an administrator has to do about. */
  log?: Log
  /** A vault on loopback, with a certificate of the local authority (PEM). */
  local?: { ca: string }
}

export function openVault({ url, credential, timeoutMs = 8_000, clock = systemClock, log = () => {}, local }: VaultOptions): Vault {
  const watch = watchVault(timeoutMs, clock, log)
  const options = {
    additionalPolicies: watch.additionalPolicies,
    retryOptions: { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 1_000 },
    // The challenge's resource must be a parent domain of the vault's own; a loopback address has none.
    ...(local && { disableChallengeResourceVerification: true, tlsOptions: { ca: local.ca } }),
  }
  const keys = new KeyClient(url, credential, { ...options })
  const secrets = new SecretClient(url, credential, { ...options })
  async function call<T>(operation: (options: { abortSignal: AbortSignal }) => Promise<T>): Promise<T> {
    try {
      watch.check()
      return await within(clock, timeoutMs, (abortSignal) => operation({ abortSignal }))
    } catch (error) {
      if (isFault(error)) throw error
      const trouble = troubleOf(error)
      watch.tell(trouble)
      throw keysFault(trouble)
    }
  }
  /** As the vault has it: what is outside its lifetime encrypts nothing new and still decrypts (about-keys-details). */
  function checkLifetime({ properties: { notBefore, expiresOn } }: { properties: { notBefore?: Date; expiresOn?: Date } }): void {
    const now = clock.now()
    if (now >= (notBefore?.getTime() ?? 0) && now < (expiresOn?.getTime() ?? Number.POSITIVE_INFINITY)) return
    watch.tell('outsideLifetime')
    throw keysFault('outsideLifetime')
  }
  const read = <T>(operation: (options: { abortSignal: AbortSignal }) => Promise<T>): Promise<T | undefined> =>
    call((options) => operation(options).catch(undefinedIfGone))
  const secretVersions = (name: SecretName) => call((options) => allFacts(secrets.listPropertiesOfSecretVersions(name, options)))

  return {
    async createPasswordKeyVersion(tags) {
      const parameters = { keySize: 2048, keyOps: ['decrypt'], tags }
      return versionOf(await call((options) => keys.createRsaKey(passwordKeyName, { ...parameters, ...options })))
    },
    passwordPublicKey: (version) =>
      read(async (options) => {
        const found = await keys.getKey(passwordKeyName, { version, ...options })
        checkLifetime(found)
        return publicKeyOf(found)
      }),
    passwordKeyVersions: () => call((options) => allFacts(keys.listPropertiesOfKeyVersions(passwordKeyName, options))),
    async disablePasswordKeyVersion(version) {
      await call((options) => keys.updateKeyProperties(passwordKeyName, version, { enabled: false, ...options }))
    },
    async createSecretVersion(name, tags) {
      const bytes = randomBytes(secretBytes)
      const value = bytes.toString('base64url')
      bytes.fill(0)
      return versionOf(await call((options) => secrets.setSecret(name, value, { tags, ...options })))
    },
    secret: (name, version, use = 'open') =>
      read(async (options) => {
        const found = await secrets.getSecret(name, { version, ...options })
        if (use === 'seal') checkLifetime(found)
        return secretOf(found.value)
      }),
    secretVersions,
    async newestEnabledSecretVersion(name) {
      const enabled = (await secretVersions(name)).filter((each) => each.enabled)
      return enabled.toSorted((a, b) => b.createdAt - a.createdAt)[0]?.version
    },
    async disableSecretVersion(name, version) {
      await call((options) => secrets.updateSecretProperties(name, version, { enabled: false, ...options }))
    },
    async tagSecretVersion(name, version, tags) {
      await call((options) => secrets.updateSecretProperties(name, version, { tags, ...options }))
    },
  }
}

const secretBytes = 32

const versionForm = /^[0-9a-f]{32}$/
export const isVersion = (text: string): boolean => versionForm.test(text)

function versionOf({ properties }: { properties: { version?: string | undefined } }): string {
  const { version = '' } = properties
  if (!isVersion(version)) throw unexpected('a version of another form than 32 hex digits')
  return version
}

function secretOf(text: string | undefined): KeyObject {
  const bytes = Buffer.from(text ?? '', 'base64url')
  const { length } = bytes
  if (length === secretBytes) return keyOf(bytes)
  bytes.fill(0)
  throw unexpected(`a secret of ${length} bytes, not ${secretBytes}`)
}

function publicKeyOf({ key: jwk, properties }: KeyVaultKey): KeyObject | undefined {
  if (properties.enabled === false) return undefined
  const [n, e] = [jwk?.n, jwk?.e].map((part) => Buffer.from(part ?? []).toString('base64url'))
  if (!n || !e) throw unexpected('a key without its public half')
  const key = createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' })
  const bits = key.asymmetricKeyDetails?.modulusLength
  if (bits !== 2048) throw unexpected(`an RSA key of ${bits} bits, not 2048`)
  return key
}

interface Properties {
  version?: string | undefined
  enabled?: boolean | undefined
  createdOn?: Date | undefined
  tags?: Tags | undefined
}

/** A name that has no version yet has an empty list. */
async function allFacts(listed: AsyncIterable<Properties>): Promise<VersionFacts[]> {
  const facts: VersionFacts[] = []
  try {
    for await (const { version = '', enabled = false, createdOn, tags = {} } of listed) {
      facts.push({ version, enabled, createdAt: createdOn?.getTime() ?? 0, tags })
    }
  } catch (error) {
    undefinedIfGone(error)
  }
  return facts
}

function undefinedIfGone(error: unknown): undefined {
  if (!isGone(error)) throw error
}

const unexpected = (what: string) => new Fault('KEY_UNAVAILABLE', `the vault holds ${what}`, { permanent: true })
