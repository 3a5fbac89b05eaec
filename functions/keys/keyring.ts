/**
 * Ties the one knot there is: rows are sealed under the state key, whose version stands in the key pointer, which is a row.
 *
 * It holds because reading a row takes only the version in the row and the vault; the pointer is needed for writing.
 */
import { type Clock, systemClock } from '../../shared/clock.ts'
import type { Log } from '../../shared/log.ts'
import { troubleTeller } from '../../shared/vault-trouble.ts'
import { openRows, type Rows } from '../store/rows.ts'
import type { TableAccess } from '../store/tables.ts'
import { makeFirstKeys } from './first-keys.ts'
import { type Keys, openKeys } from './keys.ts'
import { openPointer, type Pointer } from './pointer.ts'
import { openStateKeys, type StateKeys } from './state-keys.ts'
import type { Vault } from './vault.ts'

export interface Keyring {
  rows: Rows
  stateKeys: StateKeys
  pointer: Pointer
  keys: Keys
}

export interface KeyringOptions {
  tables: TableAccess
  vault: Vault
  log: Log
  clock?: Clock
}

export function openKeyring({ tables, vault, log, clock = systemClock }: KeyringOptions): Keyring {
  const tell = troubleTeller(clock, log)
  const retired = () => tell('retired')
  const stateKeys = openStateKeys({ vault, clock, current: async () => (await pointer.current()).stateKey, retired })
  const rows = openRows({ tables, keys: stateKeys, log })
  const pointer = openPointer({ rows, clock, makeFirst: () => makeFirstKeys({ tables, rows, vault, clock, log }) })
  return {
    rows,
    stateKeys,
    pointer,
    keys: openKeys({ pointer, vault, clock, retired }),
  }
}
