/**
 * The agent's use of Key Vault: read the package key, decrypt with the password key, prove that both work. The only
 * agent file that knows the vault's SDK.
 *
 * Versions come with each message and are always named. "No such version" and "disabled" are answers (the message was
 * not sealed for us); everything else that goes wrong is KEY_UNAVAILABLE, to be tried again.
 */
import { constants, createPublicKey, type JsonWebKey, type KeyObject, publicEncrypt, randomBytes } from 'node:crypto'
import type { TokenCredential } from '@azure/identity'
import { CryptographyClient, KeyClient } from '@azure/keyvault-keys'
import { SecretClient } from '@azure/keyvault-secrets'
import type { Clock } from '../shared/clock.ts'
import type { PackageKey } from '../shared/envelope.ts'
import { Fault } from '../shared/fault.ts'
import type { Log } from '../shared/log.ts'
import { keyOf } from '../shared/secret.ts'
import { isGone, keysFault, troubleOf, watchVault } from '../shared/vault-trouble.ts'
import { openPackageKeys } from './package-keys.ts'

export interface VaultSettings {
  url: string
  credential: TokenCredential
  /** PEM; set only where the vault is not Azure's own, whose certificate and challenge the SDK then cannot check by itself. */
  localCa?: string | undefined
}

export interface AgentKeys {
  /** Undefined when there is no such enabled version. `version`: 16 raw bytes. */
  packageKey(version: Buffer): Promise<PackageKey | undefined>
  /** An authentic request came under this one: whoever may send to the queue can name any version. */
  opened(version: Uint8Array): void
  /** RSA-OAEP-256 by the vault; undefined when the version or the blob is refused. */
  decrypt(version: Buffer, blob: Buffer): Promise<Buffer | undefined>
  /** The key to seal an event under: that of the last request opened, else the newest enabled. */
  forEvents(): Promise<PackageKey>
  /** Opens a probe of its own under the newest enabled versions; at most two of each, 16 raw bytes. */
  prove(): Promise<{ packageKeys: Buffer[]; passwordKeys: Buffer[] }>
}

/** The two halves of `prove`: decrypting, and reading the secret. */
export interface KeyProofs {
  provePasswordKeys(): Promise<Buffer[]>
  provePackageKeys(): Promise<Buffer[]>
}

/** Names inside the vault: infra/topology.ts. */
const passwordKeyName = 'password-key'
const packageKeyName = 'package-key'

/** One call with its retries. A call that hangs keeps a delivery from the next agent, and one of a few hands busy. */
const callMs = 2_000
const maxDecrypters = 64

/** `log` is told what an administrator has to do about. */
export function openKeys(settings: VaultSettings, clock: Clock, log: Log = () => {}): AgentKeys & KeyProofs {
  const watch = watchVault(callMs, clock, log)
  /** One for all: the HTTP client keeps its connections by it. */
  const tlsOptions = { ca: settings.localCa }
  // New ones for each client: the SDK writes its name into what it is given, and the next client's calls would carry it twice.
  const options = () => ({
    additionalPolicies: watch.additionalPolicies,
    retryOptions: { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 1_000 },
    ...(settings.localCa !== undefined && { disableChallengeResourceVerification: true, tlsOptions }),
  })
  const keys = new KeyClient(settings.url, settings.credential, options())
  const secrets = new SecretClient(settings.url, settings.credential, options())
  const decrypters = new Map<string, CryptographyClient>()
  /** That of the last request opened, as a name: the key itself may have been dropped since. */
  let lastOpened: Buffer | undefined
  const packageKeys = openPackageKeys({ read: readPackageKey, enabled: enabledPackageKeys, clock })

  function readPackageKey(version: string): Promise<KeyObject | undefined> {
    return ask(async (limit) => keyIn((await secrets.getSecret(packageKeyName, { version, ...limit })).value))
  }
  function enabledPackageKeys(): Promise<Buffer[]> {
    return list((limit) => secrets.listPropertiesOfSecretVersions(packageKeyName, limit))
  }
  function enabledPasswordKeys(): Promise<Buffer[]> {
    return list((limit) => keys.listPropertiesOfKeyVersions(passwordKeyName, limit))
  }

  /** Undefined for the vault's own "no" about a version or a blob; KEY_UNAVAILABLE for everything else. */
  async function ask<T>(call: (limit: Limit) => Promise<T>, gone: () => void = () => {}): Promise<T | undefined> {
    try {
      return await limited(call)
    } catch (error) {
      if (isGone(error)) gone()
      else if (!isBadParameter(error)) throw unavailable(error)
      return undefined
    }
  }
  async function list(versions: (limit: Limit) => AsyncIterable<VersionProperties>): Promise<Buffer[]> {
    try {
      return await limited((limit) => enabledIn(versions(limit)))
    } catch (error) {
      throw unavailable(error)
    }
  }
  /** Not by the signal alone: a sign-in that hangs does not look at it. */
  async function limited<T>(call: (limit: Limit) => Promise<T>): Promise<T> {
    watch.check()
    const abortSignal = clock.deadline(callMs)
    const late = Promise.withResolvers<never>()
    abortSignal.addEventListener('abort', () => late.reject(abortSignal.reason), { once: true })
    return Promise.race([call({ abortSignal }), late.promise])
  }
  function unavailable(error: unknown): Fault {
    const trouble = troubleOf(error)
    watch.tell(trouble)
    return keysFault(trouble)
  }

  function decrypter(version: string): CryptographyClient {
    const kept = decrypters.get(version)
    if (kept) return kept
    if (decrypters.size >= maxDecrypters) decrypters.clear()
    const client = new CryptographyClient(`${settings.url}/keys/${passwordKeyName}/${version}`, settings.credential, options())
    decrypters.set(version, client)
    return client
  }

  async function decrypt(version: Buffer, blob: Buffer): Promise<Buffer | undefined> {
    const client = decrypter(version.toString('hex'))
    const call = async (limit: Limit) => {
      const { result } = await client.decrypt({ algorithm: 'RSA-OAEP-256', ciphertext: blob }, limit)
      return Buffer.from(result.buffer, result.byteOffset, result.byteLength)
    }
    // Only what is authentic comes this far: a version that is gone was in use.
    return ask(call, () => watch.tell('retired'))
  }

  return {
    packageKey: packageKeys.get,
    opened(version) {
      lastOpened = Buffer.from(version)
    },
    decrypt,
    async forEvents() {
      // Retired since, it would be heard by nobody: then the newest.
      const last = lastOpened && (await packageKeys.listed(lastOpened))
      if (last) return last
      const [version] = await enabledPackageKeys()
      const key = version && (await packageKeys.listed(version))
      if (!key) throw new Fault('KEY_UNAVAILABLE', 'there is no enabled package key yet')
      return key
    },
    provePasswordKeys,
    provePackageKeys,
    prove: async () => ({ passwordKeys: await provePasswordKeys(), packageKeys: await provePackageKeys() }),
  }

  async function provePasswordKeys(): Promise<Buffer[]> {
    const proven: Buffer[] = []
    for (const version of newestTwo(await enabledPasswordKeys())) if (await provesPasswordKey(version)) proven.push(version)
    return proven
  }

  async function provePackageKeys(): Promise<Buffer[]> {
    const proven: Buffer[] = []
    const enabled = newestTwo(await enabledPackageKeys())
    // Disabled since (an abandoned rollover, one without overlap): nobody would hear an event under it.
    if (lastOpened && !enabled.some((version) => version.equals(lastOpened ?? version))) lastOpened = undefined
    for (const version of enabled) if (await packageKeys.listed(version)) proven.push(version)
    return proven
  }

  async function provesPasswordKey(version: Buffer): Promise<boolean> {
    const found = await ask((limit) => keys.getKey(passwordKeyName, { version: version.toString('hex'), ...limit }))
    const probe = randomBytes(32)
    const blob = found?.key && encrypted(probe, found.key)
    if (!blob) return false
    return (await decrypt(version, blob))?.equals(probe) ?? false
  }
}

/** Undefined for what is no key to encrypt with. */
function encrypted(probe: Buffer, { n, e }: { n?: Uint8Array; e?: Uint8Array }): Buffer | undefined {
  try {
    const jwk: JsonWebKey = { kty: 'RSA', n: base64url(n), e: base64url(e) }
    const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
    return publicEncrypt({ key: createPublicKey({ key: jwk, format: 'jwk' }), ...padding }, probe)
  } catch {
    return undefined
  }
}

const base64url = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('base64url')

interface VersionProperties {
  version?: string
  enabled?: boolean
  createdOn?: Date
}

const versionForm = /^[0-9a-f]{32}$/

/** Two only during a rollover. */
const newestTwo = (versions: readonly Buffer[]) => versions.slice(0, 2)

/** Newest first. */
async function enabledIn(versions: AsyncIterable<VersionProperties>): Promise<Buffer[]> {
  const enabled: { version: string; createdAt: number }[] = []
  for await (const { version, enabled: on, createdOn } of versions) {
    if (on && version && versionForm.test(version)) enabled.push({ version, createdAt: createdOn?.getTime() ?? 0 })
  }
  return enabled.sort((a, b) => b.createdAt - a.createdAt).map(({ version }) => Buffer.from(version, 'hex'))
}

type Limit = { abortSignal: AbortSignal }

function keyIn(value: string | undefined): KeyObject | undefined {
  const bytes = Buffer.from(value ?? '', 'base64url')
  if (bytes.length === 32) return keyOf(bytes)
  bytes.fill(0)
  return undefined
}

/** Of a blob that does not open. A 400 of a proxy or of the sign-in is none. */
function isBadParameter(error: unknown): boolean {
  const { statusCode, code } = (error ?? {}) as { statusCode?: number; code?: string }
  return statusCode === 400 && code === 'BadParameter'
}
