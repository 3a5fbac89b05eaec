/**
 * The first versions of the three keys, made when there is no key pointer yet.
 *
 * Inserting the pointer row decides: whoever inserts it has made the keys, everybody else disables what they made and uses the
 * winner's. What a crash left behind before its insert is disabled by the next instance that keeps the keys (rollover.ts).
 */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../../shared/clock.ts'
import type { Log } from '../../shared/log.ts'
import { openRows, type Rows } from '../store/rows.ts'
import type { TableAccess } from '../store/tables.ts'
import { insertPointer, type KeyPointer, readPointer } from './pointer.ts'
import { keyNames } from './run.ts'
import { openStateKeys } from './state-keys.ts'
import type { Vault } from './vault.ts'
import { disableVersions, listVersions, madeBy, makeVersions } from './versions.ts'

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
  const id = `first-${randomUUID()}`
  const made = await makeVersions(vault, id, keyNames)
  const now = clock.now()
  const cause = { id, why: 'first', reason: 'the first start', by: 'system' } as const
  const pointer: KeyPointer = {
    ...made,
    since: now,
    rolloverId: id,
    run: { ...cause, step: 'adopt', startedAt: now, made, proofs: [], before: [] },
  }
  const underMade = openRows({ tables, keys: openStateKeys({ vault, clock, current: async () => made.stateKey }), log })
  try {
    await insertPointer(underMade, pointer)
  } catch (error) {
    // Whatever went wrong (a conflict, a lost answer, versions that the winner took for leftovers): the row decides.
    const holds = (await readPointer(rows))?.pointer
    if (!holds) throw error
    if (holds.rolloverId !== id) await disableVersions(vault, madeBy(id, await listVersions(vault)), keyNames)
    return holds
  }
  log('keyVersionsMade', { operation: 'first', rollover: id, keyVersion: made.packageKey })
  return pointer
}
