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

type Named = { packageKey: string; passwordKey: string }

export interface Keys {
  /** KEY_UNAVAILABLE, KEY_POINTER_STALE; STORE_UNAVAILABLE when the pointer was never read. */
  sealing(): Promise<SealingKeys>
  /** The pair of these versions, which nothing but a probe is sealed under before the pointer names them. */
  pair(named: Named): Promise<SealingKeys>
  /** `version`: 16 raw bytes. ENVELOPE_REJECTED when no such version is enabled, KEY_UNAVAILABLE. */
  packageKey(version: Buffer): Promise<PackageKey>
}

export interface KeysOptions {
  pointer: Pick<Pointer, 'current' | 'follow'>
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
    return bytes && publicKey && { package: { version: raw(packageKey), bytes }, password: { version: raw(passwordKey), publicKey } }
  })
  const find = ({ packageKey, passwordKey }: Named) => pairs.get(`${packageKey}.${passwordKey}`)
  const orRetired = (found: SealingKeys | undefined): SealingKeys => {
    if (found) return found
    retired()
    throw keysFault('retired')
  }
  return {
    async sealing() {
      // Disabled with no overlap (an incident, an agent revoked): the pointer has moved since it was read.
      return (await find(await pointer.current())) ?? orRetired(await find(await pointer.follow()))
    },
    pair: async (named) => orRetired(await find(named)),
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
