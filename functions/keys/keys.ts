/**
 * The keys the main path asks for: the pair to seal a request with, and the package key to open a reply or event.
 *
 * Sealing follows the key pointer, and the pair it names is fetched once: it is right for as long as the pointer says so.
 * Opening takes any enabled version, remembered for at most 15 minutes, which is how long an old version stays open after
 * a rollover. An unknown or disabled version is ENVELOPE_REJECTED like everything else that does not open; only a vault
 * that did not say is KEY_UNAVAILABLE (docs/protocol.md, Envelope).
 */
import { type Clock, systemClock } from '../../shared/clock.ts'
import { type PackageKey, rejected } from '../../shared/envelope.ts'
import { Fault } from '../../shared/fault.ts'
import type { PasswordKey } from '../../shared/seal.ts'
import { keptByName } from './kept.ts'
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
}

export function openKeys({ pointer, vault, clock = systemClock }: KeysOptions): Keys {
  const packageKeys = keptByName(clock, rememberedVersions, keeping, (version) => vault.secret('package-key', version))
  const pairs = keptByName(
    clock,
    2,
    () => forever,
    async (names) => {
      const [packageKey = '', passwordKey = ''] = names.split('.')
      const [bytes, publicKey] = await Promise.all([vault.secret('package-key', packageKey), vault.passwordPublicKey(passwordKey)])
      if (!bytes || !publicKey) throw new Fault('KEY_UNAVAILABLE', 'a pair of keys names an unknown or disabled version')
      return { package: { version: raw(packageKey), bytes }, password: { version: raw(passwordKey), publicKey } }
    },
  )
  const pair: Keys['pair'] = ({ packageKey, passwordKey }) => pairs.get(`${packageKey}.${passwordKey}`)
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
const minutes = (n: number) => n * 60_000
const forever = { freshMs: Number.POSITIVE_INFINITY, usableMs: Number.POSITIVE_INFINITY }

const keeping = (bytes: Buffer | undefined) =>
  bytes ? { freshMs: minutes(5), usableMs: minutes(15) } : { freshMs: minutes(1), usableMs: minutes(1) }
