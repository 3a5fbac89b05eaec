/**
 * The first versions of the three keys, made when there is no key pointer yet.
 *
 * Inserting the pointer row decides: whoever inserts it has made the keys, everybody else disables what they made and
 * uses the winner's. Versions carry their run as a tag, so what a crash left behind before its insert is recognized by
 * the next start and disabled. Once a rollover has moved the pointer on, nothing here touches any version.
 */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../../shared/clock.ts'
import type { Log } from '../../shared/log.ts'
import { openRows, type Rows } from '../store/rows.ts'
import type { TableAccess } from '../store/tables.ts'
import { insertPointer, type KeyPointer, readPointer } from './pointer.ts'
import { openStateKeys } from './state-keys.ts'
import type { Vault, VersionFacts } from './vault.ts'

export interface FirstKeysOptions {
  tables: TableAccess
  /** To read a pointer with. It cannot write yet: the state key it would write under stands in the pointer. */
  rows: Rows
  vault: Vault
  clock: Clock
  log: Log
}

/** Idempotent; at any number of instances at once. Answers the pointer that holds. */
export async function makeFirstKeys({ tables, rows, vault, clock, log }: FirstKeysOptions): Promise<KeyPointer> {
  const there = await readPointer(rows)
  if (there) return there.pointer
  const made = await makeVersions(vault, clock)
  const underMade = openRows({ tables, keys: openStateKeys({ vault, clock, current: async () => made.stateKey }), log })
  try {
    await insertPointer(underMade, made)
  } catch (error) {
    // Whatever went wrong (a conflict, a lost answer, versions that the winner took for leftovers): the row decides.
    const holds = (await readPointer(rows))?.pointer
    if (!holds) throw error
    if (holds.rolloverId !== made.rolloverId) await disableVersions(vault, made)
    return holds
  }
  log('keyVersionsMade', { operation: 'first', count: 3, keyVersion: made.packageKey })
  return made
}

async function makeVersions(vault: Vault, clock: Clock): Promise<KeyPointer> {
  const rolloverId = `${firstRun}${randomUUID()}`
  const tags = { rollover: rolloverId }
  const stateKey = await vault.createSecretVersion('state-key', tags)
  const passwordKey = await vault.createPasswordKeyVersion(tags)
  const packageKey = await vault.createSecretVersion('package-key', tags)
  return { packageKey, passwordKey, stateKey, since: clock.now(), rolloverId }
}

async function disableVersions(vault: Vault, { stateKey, passwordKey, packageKey }: KeyPointer): Promise<void> {
  await vault.disableSecretVersion('state-key', stateKey)
  await vault.disablePasswordKeyVersion(passwordKey)
  await vault.disableSecretVersion('package-key', packageKey)
}

const firstRun = 'first-'

/**
 * Disables what runs that never reached their insert have left enabled. A run still on its way may lose its versions to
 * this too: there is a pointer, so its insert cannot succeed any more.
 */
export async function disableLeftovers(vault: Vault, { rolloverId }: KeyPointer): Promise<void> {
  if (!rolloverId.startsWith(firstRun)) return
  const isLeftover = ({ enabled, tags }: VersionFacts) => {
    const run = tags['rollover'] ?? ''
    return enabled && run.startsWith(firstRun) && run !== rolloverId
  }
  for (const name of ['state-key', 'package-key'] as const) {
    const leftovers = (await vault.secretVersions(name)).filter(isLeftover)
    for (const { version } of leftovers) await vault.disableSecretVersion(name, version)
  }
  const leftovers = (await vault.passwordKeyVersions()).filter(isLeftover)
  for (const { version } of leftovers) await vault.disablePasswordKeyVersion(version)
}
