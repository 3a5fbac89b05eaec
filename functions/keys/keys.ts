/**
 * The keys the main path asks for: the pair to seal a request with, and the package key to open a reply or event.
 *
 * Sealing follows the key pointer; opening takes any enabled version. What the vault gave is asked for again after a minute and,
 * where the vault is away, used for five (docs/protocol.md, Key versions): nothing is sealed under a version that somebody
 * disabled. An unknown or disabled version is ENVELOPE_REJECTED like everything else that does not open; only a vault that
 * did not say is KEY_UNAVAILABLE (docs/protocol.md, Envelope).
 */
import { type Clock, systemClock } from '../../shared/clock.ts'
import { type PackageKey, rejected } from '../../shared/envelope.ts'
import { keptByName, keyKeeping, noKeyKeeping } from '../../shared/kept.ts'
import type { PasswordKey } from '../../shared/seal.ts'
import { keysFault } from '../../shared/vault-trouble.ts'
import type { Pointer } from './pointer.ts'
import type { Vault } from './vault.ts'

export interface SealingKeys {
  package: PackageKey
  password: PasswordKey
}

export interface Keys {
  /** KEY_UNAVAILABLE, KEY_POINTER_STALE; STORE_UNAVAILABLE when the pointer was never read. */
  sealing(): Promise<SealingKeys>
  /** The pair of these versions, which nothing but a probe is sealed under before the pointer names them. */
  pair(named: { packageKey: string; passwordKey: string }): Promise<SealingKeys>
  /** `version`: 16 raw bytes. ENVELOPE_REJECTED when no such version is enabled, KEY_UNAVAILABLE. */
  packageKey(version: Buffer): Promise<PackageKey>
}

export interface KeysOptions {
  pointer: Pick<Pointer, 'current'>
  vault: Pick<Vault, 'secret' | 'passwordPublicKey'>
  clock?: Clock
  /** Called when the pointer names a version that is unknown or disabled. */
  retired?: () => void
}

export function openKeys({ pointer, vault, clock = systemClock, retired = () => {} }: KeysOptions): Keys {
  const packageKeys = keptByName(clock, rememberedVersions, keeping, (version) => vault.secret('package-key', version))
  // During a rollover there are two: the new one, which only a probe is sealed under, and that of everybody else.
  const pairs = keptByName(clock, 4, keeping, async (names): Promise<SealingKeys | undefined> => {
    const [packageKey = '', passwordKey = ''] = names.split('.')
    const [bytes, publicKey] = await Promise.all([vault.secret('package-key', packageKey, 'seal'), vault.passwordPublicKey(passwordKey)])
    if (bytes && publicKey) return { package: { version: raw(packageKey), bytes }, password: { version: raw(passwordKey), publicKey } }
    retired()
    return undefined
  })
  const pair: Keys['pair'] = async ({ packageKey, passwordKey }) => {
    const found = await pairs.get(`${packageKey}.${passwordKey}`)
    if (!found) throw keysFault('retired')
    return found
  }
  return {
    sealing: async () => pair(await pointer.current()),
    pair,
    async packageKey(version) {
      const bytes = version.length === 16 ? await packageKeys.get(version.toString('hex')) : undefined
      if (!bytes) throw rejected()
      return { version, bytes }
    },
  }
}

const raw = (version: string): Buffer => Buffer.from(version, 'hex')

const rememberedVersions = 64

const keeping = (found: unknown) => (found ? keyKeeping : noKeyKeeping)
