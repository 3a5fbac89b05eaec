/**
 * A small cloud for tests: Azurite and the local vault with its tenant, and this folder's parts opened on them, any number
 * of times (each is another instance of the app), on a clock that only moves when told to.
 */
import { type Azurite, connectionString, startAzurite } from '../../local/azurite.ts'
import { startTestVault, type TestVault } from '../../local/vault/test-vault.ts'
import type { VaultVersion } from '../../local/vault/vault.ts'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { isFault } from '../../shared/fault.ts'
import type { EventName } from '../../shared/log.ts'
import { openTables, type TableAccess } from '../store/tables.ts'
import { openFeature } from './feature.ts'
import { type Keyring, openKeyring } from './keyring.ts'
import { createRollover, type Rollover } from './rollover.ts'
import type { StepDeps } from './rollover-steps.ts'
import { openVault, type Vault } from './vault.ts'

export interface TestCloud {
  azurite: Azurite
  test: TestVault
  clock: Clock
  logged: EventName[]
  pass(ms: number): void
  tables: TableAccess
  vault: Vault
  keyring(over?: Over): Keyring
  /** An instance that keeps the keys; nobody proves anything and nothing is recorded, unless told otherwise. */
  rollover(over?: Over & Partial<Omit<StepDeps, 'vault'>>): Rollover
  /** The first keys, and whatever a start does. */
  start(over?: Over): Promise<void>
  enabled(): VaultVersion[]
  close(): Promise<void>
}

interface Over {
  tables?: TableAccess
  vault?: Vault
}

/** Deadlines stay real, for the services are. */
export async function startTestCloud({ vaultTimeoutMs = 8_000 }: { vaultTimeoutMs?: number } = {}): Promise<TestCloud> {
  const azurite = await startAzurite()
  const test = await startTestVault()
  let passedMs = 0
  const startedAt = systemClock.now()
  const clock: Clock = { ...systemClock, now: () => startedAt + passedMs, monotonic: () => passedMs }
  const logged: EventName[] = []
  const log = (event: EventName) => void logged.push(event)
  const tables = openTables({ connection: { kind: 'connectionString', connectionString: connectionString(azurite.addresses) }, clock })
  const { tls, managedIdentity } = test.tenant
  const vault = openVault({
    url: test.vault.addresses.url,
    credential: managedIdentity(),
    timeoutMs: vaultTimeoutMs,
    clock,
    local: { ca: tls.ca },
  })
  const keyringOf = ({ tables: t = tables, vault: v = vault }: Over = {}) => openKeyring({ tables: t, vault: v, log, clock })
  const rollover: TestCloud['rollover'] = ({ tables: t = tables, vault: v = vault, ...over } = {}) => {
    const { rows, pointer } = keyringOf({ tables: t, vault: v })
    const feature = openFeature({ rows, initiallyOn: true, clock })
    const nobody = { agents: { live: async () => [], all: async () => [] }, onboard: async () => undefined }
    return createRollover({ rows, vault: v, pointer, feature, ...nobody, evidence: { append: async () => {} }, clock, log, ...over })
  }
  return {
    azurite,
    test,
    clock,
    logged,
    pass(ms) {
      passedMs += ms
    },
    tables,
    vault,
    keyring: keyringOf,
    rollover,
    start: (over) => rollover(over).keep(),
    enabled: () => test.vault.control.versions().filter((each) => each.enabled),
    async close() {
      await test.close()
      await azurite.close()
    },
  }
}

export const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no fault',
    (error: unknown) => (isFault(error) ? error.code : `not a fault: ${error}`),
  )
