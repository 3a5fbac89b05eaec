/**
 * Table Storage as this product uses it: rows of three text columns, found by their two keys. The only file that knows
 * `@azure/data-tables`; what the columns mean is for rows.ts.
 *
 * A table is created when the first operation on it finds it missing, so that a start needs nothing. A lost update is
 * STORE_CONFLICT, everything else that fails is STORE_UNAVAILABLE.
 * Source: learn.microsoft.com/rest/api/storageservices/table-service-error-codes.
 */
import { odata, TableClient, type TableServiceClientOptions } from '@azure/data-tables'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { Fault, faultWord } from '../../shared/fault.ts'
import type { StorageConnection } from './connection.ts'
import { within } from './within.ts'

export const tableNames = ['flows', 'agents', 'state', 'audit', 'methods'] as const
export type TableName = (typeof tableNames)[number]

export interface StoredRow {
  partitionKey: string
  rowKey: string
  /** State key version, JSON text, write id, and the MAC over all of it. */
  v: string
  d: string
  w: string
  m: string
}

export type FoundRow = StoredRow & { etag: string }

export interface TableAccess {
  get(table: TableName, partition: string, row: string): Promise<FoundRow | undefined>
  /** These three answer the new ETag. */
  insert(table: TableName, row: StoredRow): Promise<string>
  replace(table: TableName, row: StoredRow, etag: string): Promise<string>
  upsert(table: TableName, row: StoredRow): Promise<string>
  /** A row that is not there (any more) counts as removed. */
  remove(table: TableName, partition: string, row: string, etag?: string): Promise<void>
  list(table: TableName, partition: string): Promise<FoundRow[]>
  /** All rows of the table with this `v`, a page at a time. */
  under(table: TableName, v: string): AsyncIterable<FoundRow[]>
  /** All rows of the table that were last written before then (ms since the epoch, by the service's clock), a page at a time. */
  older(table: TableName, before: number): AsyncIterable<FoundRow[]>
  /** The first rows by row key, `limit` at most, behind the row `after`. */
  page(table: TableName, partition: string, limit: number, after?: string): Promise<FoundRow[]>
}

export interface TablesOptions {
  connection: StorageConnection
  /** One operation, with its retries. */
  timeoutMs?: number
  clock?: Clock
}

export function openTables({ connection, timeoutMs = 5_000, clock = systemClock }: TablesOptions): TableAccess {
  const clients = new Map(tableNames.map((table) => [table, openTable(connection, table)]))
  const on = <T>(table: TableName, operation: Operation<T>): Promise<T> => {
    const client = clients.get(table)
    if (!client) throw new TypeError('no such table')
    return within(clock, timeoutMs, (abortSignal) => withTable(client, { abortSignal }, operation)).catch((error: unknown) => {
      throw faultOf(error)
    })
  }
  async function* through(table: TableName, filter: string): AsyncGenerator<FoundRow[]> {
    const first = await on(table, async (client) => {
      const pages = client.listEntities({ queryOptions: { filter } }).byPage({ maxPageSize: pageSize })
      return { pages, page: await pages.next() }
    })
    const { pages } = first
    // Each page has the time of one operation.
    for (let { page } = first; !page.done; page = await on(table, () => pages.next())) yield page.value.map(foundRow)
  }
  return {
    get: (table, partition, row) => on(table, (client, options) => get(client, partition, row, options)),
    insert: (table, row) => on(table, async (client, options) => etagOf(await client.createEntity(row, options))),
    replace: (table, row, etag) =>
      on(table, async (client, options) => etagOf(await client.updateEntity(row, 'Replace', { ...options, etag }))),
    upsert: (table, row) => on(table, async (client, options) => etagOf(await client.upsertEntity(row, 'Replace', options))),
    remove: (table, partition, row, etag = '*') => on(table, (client, options) => remove(client, partition, row, { ...options, etag })),
    list: (table, partition) => on(table, (client, options) => list(client, partition, options)),
    under: (table, v) => through(table, odata`v eq ${v}`),
    older: (table, before) => through(table, odata`Timestamp lt ${new Date(before)}`),
    page: (table, partition, limit, after = '') => on(table, (client, options) => page(client, partition, limit, after, options)),
  }
}

const pageSize = 200

interface CallOptions {
  abortSignal: AbortSignal
}
type Operation<T> = (client: TableClient, options: CallOptions) => Promise<T>

const clientOptions: TableServiceClientOptions = { retryOptions: { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 1_000 } }

function openTable(connection: StorageConnection, table: TableName): TableClient {
  return connection.kind === 'identity'
    ? new TableClient(connection.url, table, connection.credential, clientOptions)
    : TableClient.fromConnectionString(connection.connectionString, table, { ...clientOptions, allowInsecureConnection: true })
}

async function withTable<T>(client: TableClient, options: CallOptions, operation: Operation<T>): Promise<T> {
  try {
    return await operation(client, options)
  } catch (error) {
    if (codeOf(error) !== 'TableNotFound') throw error
    await client.createTable(options) // succeeds where another instance was faster
    return await operation(client, options)
  }
}

async function get(client: TableClient, partition: string, row: string, options: CallOptions): Promise<FoundRow | undefined> {
  try {
    return foundRow(await client.getEntity(partition, row, options))
  } catch (error) {
    if (codeOf(error) === 'ResourceNotFound') return undefined
    throw error
  }
}

async function remove(client: TableClient, partition: string, row: string, options: CallOptions & { etag: string }): Promise<void> {
  try {
    await client.deleteEntity(partition, row, options)
  } catch (error) {
    // Also what a retry sees when the first attempt's answer was lost.
    if (codeOf(error) !== 'ResourceNotFound') throw error
  }
}

async function list(client: TableClient, partition: string, options: CallOptions): Promise<FoundRow[]> {
  const rows: FoundRow[] = []
  const filter = odata`PartitionKey eq ${partition}`
  for await (const entity of client.listEntities({ ...options, queryOptions: { filter } })) rows.push(foundRow(entity))
  return rows
}

async function page(client: TableClient, partition: string, limit: number, after: string, options: CallOptions): Promise<FoundRow[]> {
  const rows: FoundRow[] = []
  const filter = odata`PartitionKey eq ${partition} and RowKey gt ${after}`
  // A page may come short, even empty, though more rows follow (learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination).
  for await (const found of client.listEntities({ ...options, queryOptions: { filter } }).byPage({ maxPageSize: limit })) {
    rows.push(...found.map(foundRow))
    if (rows.length >= limit) break
  }
  return rows.slice(0, limit)
}

/** Columns somebody else removed or gave another type read as empty text, which no MAC fits. */
function foundRow(entity: Record<string, unknown>): FoundRow {
  const text = (name: string) => (typeof entity[name] === 'string' ? entity[name] : '')
  const columns = { v: text('v'), d: text('d'), w: text('w'), m: text('m') }
  return { partitionKey: text('partitionKey'), rowKey: text('rowKey'), ...columns, etag: text('etag') }
}

function etagOf({ etag }: { etag?: string }): string {
  if (!etag) throw new TypeError('the service answered without an ETag')
  return etag
}

const conflicts = ['EntityAlreadyExists', 'UpdateConditionNotSatisfied', 'ConditionNotMet']

function faultOf(error: unknown): Fault {
  const code = codeOf(error)
  // A replaced row that is gone has changed since it was read, too.
  if (conflicts.includes(code) || code === 'ResourceNotFound')
    return new Fault('STORE_CONFLICT', 'the row is not as it was read', { cause: error })
  return new Fault('STORE_UNAVAILABLE', `table storage failed (${code || faultWord(error)})`, { cause: error })
}

/** The service's own code (it stands in the parsed body), else that of the socket. */
function codeOf(error: unknown): string {
  const { code, details } = (error ?? {}) as { code?: unknown; details?: { odataError?: { code?: unknown } } }
  const found = details?.odataError?.code ?? code
  return typeof found === 'string' ? found : ''
}
