/**
 * The agent's use of Key Vault: read the package key, decrypt with the password key, prove that both work. The only
 * agent file that knows the vault's SDK.
 *
 * Versions come with each message and are always named. "No such version" and "disabled" are answers (the message was
 * not sealed for us); everything else that goes wrong is KEY_UNAVAILABLE, to be tried again.
 */
import { constants, createPublicKey, type JsonWebKey, publicEncrypt, randomBytes } from 'node:crypto'
import type { TokenCredential } from '@azure/identity'
import { CryptographyClient, KeyClient } from '@azure/keyvault-keys'
import { SecretClient } from '@azure/keyvault-secrets'
import type { Clock } from '../shared/clock.ts'
import type { PackageKey } from '../shared/envelope.ts'
import { Fault } from '../shared/fault.ts'

export interface VaultSettings {
  url: string
  credential: TokenCredential
  /** PEM; set only where the vault is not Azure's own, whose certificate and challenge the SDK then cannot check by itself. */
  localCa?: string | undefined
}

export interface AgentKeys {
  /** Undefined when there is no such enabled version. `version`: 16 raw bytes. */
  packageKey(version: Buffer): Promise<PackageKey | undefined>
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
const keptMs = 15 * 60_000
const unknownKeptMs = 60_000
const maxKept = 64

export function openKeys(settings: VaultSettings, clock: Clock): AgentKeys & KeyProofs {
  /** One for all: the HTTP client keeps its connections by it. */
  const tlsOptions = { ca: settings.localCa }
  // New ones for each client: the SDK writes its name into what it is given, and the next client's calls would carry it twice.
  const options = () => ({
    retryOptions: { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 1_000 },
    ...(settings.localCa !== undefined && { disableChallengeResourceVerification: true, tlsOptions }),
  })
  const keys = new KeyClient(settings.url, settings.credential, options())
  const secrets = new SecretClient(settings.url, settings.credential, options())
  const known = new Map<string, { key: PackageKey | undefined; until: number }>()
  const decrypters = new Map<string, CryptographyClient>()
  let lastOpened: PackageKey | undefined
  const ask = <T>(call: (limit: Limit) => Promise<T>) => answered(() => limited(clock, call))
  const newest = (list: (limit: Limit) => AsyncIterable<VersionProperties>) => limited(clock, (limit) => newestEnabled(list(limit)))

  async function packageKey(version: Buffer): Promise<PackageKey | undefined> {
    const name = version.toString('hex')
    const kept = known.get(name)
    if (kept && kept.until > clock.monotonic()) return kept.key
    const bytes = await ask(async (limit) =>
      Buffer.from((await secrets.getSecret(packageKeyName, { version: name, ...limit })).value ?? '', 'base64url'),
    )
    const key = bytes?.length === 32 ? { version: Buffer.from(version), bytes } : undefined
    // Bounded: whoever can send to the queue can name any version, and must not fill memory, nor push a real key out of it.
    if (known.size >= maxKept) for (const [other, { key: real }] of known) if (!real) known.delete(other)
    known.set(name, { key, until: clock.monotonic() + (key ? keptMs : unknownKeptMs) })
    return key
  }

  function decrypter(version: string): CryptographyClient {
    const kept = decrypters.get(version)
    if (kept) return kept
    if (decrypters.size >= maxKept) decrypters.clear()
    const client = new CryptographyClient(`${settings.url}/keys/${passwordKeyName}/${version}`, settings.credential, options())
    decrypters.set(version, client)
    return client
  }

  async function decrypt(version: Buffer, blob: Buffer): Promise<Buffer | undefined> {
    const client = decrypter(version.toString('hex'))
    return ask(async (limit) => {
      const { result } = await client.decrypt({ algorithm: 'RSA-OAEP-256', ciphertext: blob }, limit)
      return Buffer.from(result.buffer, result.byteOffset, result.byteLength)
    })
  }

  return {
    async packageKey(version) {
      const key = await packageKey(version)
      lastOpened = key ?? lastOpened
      return key
    },
    decrypt,
    async forEvents() {
      // Retired since, it would be heard by nobody: then the newest.
      const last = lastOpened && (await packageKey(Buffer.from(lastOpened.version)))
      if (last) return last
      const [version] = await newest((limit) => secrets.listPropertiesOfSecretVersions(packageKeyName, limit))
      const key = version && (await packageKey(version))
      if (!key) throw new Fault('KEY_UNAVAILABLE', 'there is no enabled package key yet')
      return key
    },
    provePasswordKeys,
    provePackageKeys,
    prove: async () => ({ passwordKeys: await provePasswordKeys(), packageKeys: await provePackageKeys() }),
  }

  async function provePasswordKeys(): Promise<Buffer[]> {
    const proven: Buffer[] = []
    for (const version of await newest((limit) => keys.listPropertiesOfKeyVersions(passwordKeyName, limit))) {
      if (await provesPasswordKey(version)) proven.push(version)
    }
    return proven
  }

  async function provePackageKeys(): Promise<Buffer[]> {
    const proven: Buffer[] = []
    const enabled = await newest((limit) => secrets.listPropertiesOfSecretVersions(packageKeyName, limit))
    // Disabled since (an abandoned rollover, one without overlap): nobody would hear an event under it.
    if (lastOpened && !enabled.some((version) => version.equals(lastOpened?.version ?? version))) lastOpened = undefined
    for (const version of enabled) {
      if (await packageKey(version)) proven.push(version)
    }
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

/** The two newest enabled versions, newest first: two only during a rollover. */
async function newestEnabled(versions: AsyncIterable<VersionProperties>): Promise<Buffer[]> {
  const enabled: { version: string; createdAt: number }[] = []
  try {
    for await (const { version, enabled: on, createdOn } of versions) {
      if (on && version && versionForm.test(version)) enabled.push({ version, createdAt: createdOn?.getTime() ?? 0 })
    }
  } catch (cause) {
    throw unavailable(cause)
  }
  return enabled
    .sort((a, b) => b.createdAt - a.createdAt)
    .slice(0, 2)
    .map(({ version }) => Buffer.from(version, 'hex'))
}

type Limit = { abortSignal: AbortSignal }

/** Not by the signal alone: a sign-in that hangs does not look at it. */
async function limited<T>(clock: Clock, call: (limit: Limit) => Promise<T>): Promise<T> {
  const abortSignal = clock.deadline(callMs)
  const late = Promise.withResolvers<never>()
  abortSignal.addEventListener('abort', () => late.reject(unavailable(abortSignal.reason)), { once: true })
  return Promise.race([call({ abortSignal }), late.promise])
}

/** Undefined for the vault's own "no" about a version or a blob; KEY_UNAVAILABLE for everything else. */
async function answered<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call()
  } catch (error) {
    if (isFinalNo(error)) return undefined
    throw unavailable(error)
  }
}

/** Bad ciphertext, no such version, disabled. A 404 or 400 of a proxy or of the sign-in is none, nor is a closed network's 403. */
const finalNos = ['400 BadParameter', '404 KeyNotFound', '404 SecretNotFound', '403 KeyDisabled', '403 SecretDisabled']

function isFinalNo(error: unknown): boolean {
  const { statusCode, code, details } = (error ?? {}) as { statusCode?: number; code?: string; details?: VaultDetails }
  return [code, details?.error?.innerError?.code].some((word) => finalNos.includes(`${statusCode} ${word}`))
}

interface VaultDetails {
  error?: { innerError?: { code?: string } }
}

const unavailable = (cause: unknown) => new Fault('KEY_UNAVAILABLE', 'the vault did not answer', { cause })
