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
import { openEvidence } from './evidence.ts'
import { openFeature } from './feature.ts'
import { type Keyring, openKeyring } from './keyring.ts'
import { createRollover, type Rollover } from './rollover.ts'
import type { StepDeps } from './rollover-steps.ts'
import { openVault, type Vault } from './vault.ts'

export interface TestCloud extends Instances {
  azurite: Azurite
  test: TestVault
  close(): Promise<void>
}

/** What opens instances of the app on one store and one vault, whatever those are. */
export interface Instances {
  clock: Clock
  logged: EventName[]
  pass(ms: number): void
  tables: TableAccess
  vault: Vault
  enabled(): VaultVersion[]
  keyring(over?: Over): Keyring
  /** An instance that keeps the keys; nobody proves anything and nothing is recorded, unless told otherwise. */
  rollover(over?: Over & Partial<Omit<StepDeps, 'vault'>> & { recorded?: boolean }): Rollover
  /** The first keys, and whatever a start does. */
  start(over?: Over): Promise<void>
}

interface Over {
  tables?: TableAccess
  vault?: Vault
}

/** A clock that only moves when told to. Deadlines stay real, for the services are. */
export function testClock() {
  let passedMs = 0
  const startedAt = systemClock.now()
  const clock: Clock = { ...systemClock, now: () => startedAt + passedMs, monotonic: () => passedMs }
  const pass = (ms: number) => {
    passedMs += ms
  }
  return { clock, pass }
}

export function instancesOn({ tables, vault, clock }: Pick<Instances, 'tables' | 'vault' | 'clock'>) {
  const logged: EventName[] = []
  const log = (event: EventName) => void logged.push(event)
  const keyring: Instances['keyring'] = (over = {}) => openKeyring({ tables, vault, log, clock, ...over })
  const rollover: Instances['rollover'] = ({ tables: t = tables, vault: v = vault, recorded = false, ...over } = {}) => {
    const { rows, pointer } = keyring({ tables: t, vault: v })
    const feature = openFeature({ rows, initiallyOn: true, clock })
    const nobody = { agents: { live: async () => [], all: async () => [] }, onboard: async () => undefined }
    const evidence = recorded ? openEvidence({ rows, vault: v, log }) : { append: async () => {} }
    return createRollover({ rows, vault: v, pointer, feature, ...nobody, evidence, clock, log, ...over })
  }
  return { logged, keyring, rollover, start: (over?: Over) => rollover(over).keep() }
}

export async function startTestCloud({ vaultTimeoutMs = 8_000 }: { vaultTimeoutMs?: number } = {}): Promise<TestCloud> {
  const azurite = await startAzurite()
  const test = await startTestVault()
  const { clock, pass } = testClock()
  const tables = openTables({ connection: { kind: 'connectionString', connectionString: connectionString(azurite.addresses) }, clock })
  const { tls, managedIdentity } = test.tenant
  const vault = openVault({
    url: test.vault.addresses.url,
    credential: managedIdentity(),
    timeoutMs: vaultTimeoutMs,
    clock,
    local: { ca: tls.ca },
  })
  return {
    azurite,
    test,
    clock,
    pass,
    tables,
    vault,
    ...instancesOn({ tables, vault, clock }),
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

export class Crash extends Error {}

/** A process that dies before or after the call of this number, counting the calls that change something; then it does nothing more. */
export function mortal(
  { vault, tables }: Pick<TestCloud, 'vault' | 'tables'>,
  changes: readonly string[],
  at: number,
  moment: 'before' | 'after',
): { vault: Vault; tables: TableAccess; died(): boolean } {
  let calls = 0
  let dead = false
  const stopIfDead = () => {
    if (dead) throw new Crash()
  }
  const lethal =
    (name: string, method: (...args: unknown[]) => Promise<unknown>) =>
    async (...args: unknown[]): Promise<unknown> => {
      if (changes.includes(name)) calls += 1
      const last = changes.includes(name) && calls === at
      if (last && moment === 'before') dead = true
      stopIfDead()
      const result = await method(...args)
      if (last) dead = true
      stopIfDead()
      return result
    }
  const all = <T extends object>(target: T): T =>
    Object.fromEntries(Object.entries(target).map(([name, method]) => [name, lethal(name, method)])) as T
  async function* under(...args: Parameters<TableAccess['under']>) {
    stopIfDead()
    for await (const page of tables.under(...args)) yield page
  }
  return { vault: all(vault), tables: { ...all(tables), under }, died: () => dead }
}
