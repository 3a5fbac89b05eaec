/**
 * The state key: a vault secret only functions read, from which everything that protects our own rows is derived.
 *
 * Nothing uses the secret itself. Each purpose has its subkey, HKDF-SHA-256 (RFC 5869) with the purpose as info, so that
 * a MAC made for one purpose means nothing for another. Rows name the version they were written under; which version is
 * current stands in the key pointer. Versions are remembered, unknown ones for a minute only.
 */
import { hkdfSync, type KeyObject } from 'node:crypto'
import type { Clock } from '../../shared/clock.ts'
import { keptByName, keyKeeping, noKeyKeeping } from '../../shared/kept.ts'
import { keyOf } from '../../shared/secret.ts'
import { keysFault } from '../../shared/vault-trouble.ts'
import { isVersion, type Vault } from './vault.ts'

export type Purpose = 'rows' | 'contents' | 'flow-secret' | 'code'

export interface StateKey {
  version: string
  key: KeyObject
}

export interface StateKeys {
  /** The subkey under which new things are made. */
  subkey(purpose: Purpose): Promise<StateKey>
  /** The subkey of a version that stands in a row; `undefined` when the version is unknown or disabled. */
  subkey(purpose: Purpose, version: string): Promise<StateKey | undefined>
}

export interface StateKeysOptions {
  vault: Pick<Vault, 'secret'>
  clock: Clock
  /** Names the version to make new things under. */
  current(): Promise<string>
  /** Called when the current version is unknown or disabled. */
  retired?: () => void
}

export function openStateKeys({ vault, clock, current, retired = () => {} }: StateKeysOptions): StateKeys {
  const known = keptByName(clock, rememberedVersions, keeping, (version) => vault.secret('state-key', version))
  const subkeyOf = async (purpose: Purpose, version: string): Promise<StateKey | undefined> => {
    const secret = isVersion(version) ? await known.get(version) : undefined
    return secret && { version, key: derive(secret, purpose) }
  }
  async function subkey(purpose: Purpose): Promise<StateKey>
  async function subkey(purpose: Purpose, version: string): Promise<StateKey | undefined>
  async function subkey(purpose: Purpose, version?: string): Promise<StateKey | undefined> {
    if (version !== undefined) return await subkeyOf(purpose, version)
    const found = await subkeyOf(purpose, await current())
    if (!found) {
      retired()
      throw keysFault('retired')
    }
    return found
  }
  return { subkey }
}

const rememberedVersions = 32

const keeping = (secret: KeyObject | undefined) => (secret ? keyKeeping : noKeyKeeping)

/** Derived once for as long as the secret is kept, and dropped with it: every row that is read or written asks for one. */
const derived = new WeakMap<KeyObject, Map<Purpose, KeyObject>>()

function derive(secret: KeyObject, purpose: Purpose): KeyObject {
  const subkeys = derived.get(secret) ?? new Map<Purpose, KeyObject>()
  derived.set(secret, subkeys)
  const subkey =
    subkeys.get(purpose) ?? keyOf(Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), `password-writeback/state/${purpose}`, 32)))
  subkeys.set(purpose, subkey)
  return subkey
}
