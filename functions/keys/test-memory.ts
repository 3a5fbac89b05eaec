/**
 * A vault and a store in memory, for tests that kill an instance at each of many places and look at what is left: what the
 * real parts do there is tested with the real parts (vault.test.ts, rows.test.ts, rollover.test.ts).
 */
import { createSecretKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { Fault } from '../../shared/fault.ts'
import { type FoundRow, type StoredRow, type TableAccess, type TableName, tableNames } from '../store/tables.ts'
import { type Instances, instancesOn, testClock } from './test-cloud.ts'
import type { Tags, Vault, VersionFacts } from './vault.ts'

export interface MemoryCloud extends Instances {
  /** Everything was made that much earlier. */
  age(ms: number): void
  made(): number
}

const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

export function memoryCloud(): MemoryCloud {
  const { clock, pass } = testClock()
  const shelves = { 'package-key': [] as Kept[], 'state-key': [] as Kept[], 'password-key': [] as Kept[] }
  const vault = memoryVault(shelves, clock)
  const tables = memoryTables()
  const all = () =>
    Object.entries(shelves).flatMap(([name, versions]) =>
      versions.map(
        ({ version, enabled }) => ({ collection: name === 'password-key' ? 'keys' : 'secrets', name, version, enabled }) as const,
      ),
    )
  return {
    clock,
    pass,
    vault,
    tables,
    ...instancesOn({ tables, vault, clock }),
    enabled: () => all().filter(({ enabled }) => enabled),
    made: () => all().length,
    age(ms) {
      for (const version of Object.values(shelves).flat()) version.createdAt -= ms
    },
  }
}

type Kept = VersionFacts & { bytes: Buffer }
type Shelves = Record<'package-key' | 'state-key' | 'password-key', Kept[]>

function memoryVault(shelves: Shelves, clock: { now(): number }): Vault {
  const make = async (name: keyof Shelves, tags: Tags) => {
    const version = randomBytes(16).toString('hex')
    shelves[name].push({ version, enabled: true, createdAt: Math.floor(clock.now() / 1_000) * 1_000, tags, bytes: randomBytes(32) })
    return version
  }
  const find = (name: keyof Shelves, version: string) => shelves[name].find((each) => each.version === version)
  const change = async (name: keyof Shelves, version: string, over: Partial<Kept>) => void Object.assign(find(name, version) ?? {}, over)
  const list = async (name: keyof Shelves) => shelves[name].map(({ bytes: _, ...facts }) => ({ ...facts }))
  return {
    createPasswordKeyVersion: (tags) => make('password-key', tags),
    passwordPublicKey: async (version) => (find('password-key', version)?.enabled ? publicKey : undefined),
    passwordKeyVersions: () => list('password-key'),
    disablePasswordKeyVersion: (version) => change('password-key', version, { enabled: false }),
    createSecretVersion: make,
    secret: async (name, version) =>
      find(name, version)?.enabled ? createSecretKey(find(name, version)?.bytes ?? Buffer.alloc(0)) : undefined,
    secretVersions: list,
    newestEnabledSecretVersion: async (name) => shelves[name].findLast(({ enabled }) => enabled)?.version,
    disableSecretVersion: (name, version) => change(name, version, { enabled: false }),
    tagSecretVersion: (name, version, tags) => change(name, version, { tags }),
  }
}

function memoryTables(): TableAccess {
  const stored = new Map<TableName, Map<string, FoundRow>>(tableNames.map((name) => [name, new Map()]))
  const keyOf = (partition: string, row: string) => `${partition}/${row}`
  let writes = 0
  const of = (table: TableName) => stored.get(table) ?? new Map<string, FoundRow>()
  const write = async (table: TableName, row: StoredRow, expected: (there: FoundRow | undefined) => boolean) => {
    const key = keyOf(row.partitionKey, row.rowKey)
    if (!expected(of(table).get(key))) throw new Fault('STORE_CONFLICT', 'the row is not as it was read')
    writes += 1
    of(table).set(key, { ...row, etag: String(writes) })
    return String(writes)
  }
  const list: TableAccess['list'] = async (table, partition) =>
    [...of(table).values()].filter(({ partitionKey }) => partitionKey === partition).toSorted((a, b) => (a.rowKey < b.rowKey ? -1 : 1))
  return {
    get: async (table, partition, row) => of(table).get(keyOf(partition, row)),
    insert: (table, row) => write(table, row, (there) => there === undefined),
    replace: (table, row, etag) => write(table, row, (there) => there?.etag === etag),
    upsert: (table, row) => write(table, row, () => true),
    remove: async (table, partition, row) => void of(table).delete(keyOf(partition, row)),
    list,
    page: async (table, partition, limit, after = '') =>
      (await list(table, partition)).filter(({ rowKey }) => rowKey > after).slice(0, limit),
    // No row here knows when it was written.
    async *older() {
      yield []
    },
    async *under(table, v) {
      yield [...of(table).values()].filter((row) => row.v === v)
    },
  }
}
