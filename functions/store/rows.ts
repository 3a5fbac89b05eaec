/**
 * Rows nobody can forge who can only write to the table.
 *
 * Each row carries an HMAC-SHA-256, under a subkey of the state key, over where it stands (table, both keys), the state
 * key's version, a write id and its JSON text: a row that was edited, moved or made elsewhere is ROW_REJECTED. What this
 * does not stop: putting an older row back into its own place. Whoever relies on freshness says so in the row.
 * The texts of `methods` are encrypted besides, under another subkey of the same version (contents.ts).
 * The write id makes every MAC unique, so that a write whose answer was lost recognizes itself when it is retried.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { Fault, isFault } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import type { SecretKey } from '../../shared/secret.ts'
import { decrypt, encrypt, type Place } from './contents.ts'
import type { FoundRow, StoredRow, TableAccess, TableName } from './tables.ts'

export interface Row<T> {
  value: T
  etag: string
  rowKey: string
}

/** `T` is plain JSON. Keys are 1 to 128 of `A-Z a-z 0-9 _ -`; other keys are INPUT_REFUSED. */
export interface Rows {
  read<T>(table: TableName, partition: string, row: string): Promise<Row<T> | undefined>
  /** These three answer the new ETag; insert and replace throw STORE_CONFLICT when the row is not as expected. */
  insert<T>(table: TableName, partition: string, row: string, value: T): Promise<string>
  replace<T>(table: TableName, partition: string, row: string, value: T, etag: string): Promise<string>
  put<T>(table: TableName, partition: string, row: string, value: T): Promise<string>
  remove(table: TableName, partition: string, row: string, etag?: string): Promise<void>
  /** Rejected rows are left out and logged; `rejected` is shown them. */
  list<T>(table: TableName, partition: string, rejected?: (row: RejectedRow) => void): Promise<Row<T>[]>
  /**
   * Writes rows that are under this version of the state key again under the current one, each after its MAC was checked;
   * what is rejected, or was changed meanwhile, is left. Ends early when the signal aborts.
   */
  renew(table: TableName, version: string, signal: AbortSignal): Promise<void>
  page<T>(table: TableName, partition: string, limit: number, after?: string): Promise<Page<T>>
}

export interface Page<T> {
  rows: Row<T>[]
  /** How many were left out because their MAC does not fit; logged. */
  rejected: number
  /** Row key of the last one, where more may follow. */
  last?: string
}

/** Where it stands, and its text as found: anybody may have written that. */
export type RejectedRow = Pick<StoredRow, 'rowKey' | 'd'>

export interface RowKey {
  version: string
  key: SecretKey
}

export interface RowKeys {
  /** Without a version: the key new rows are written under. With one: that key, if it is known and enabled. */
  subkey(purpose: 'rows'): Promise<RowKey>
  subkey(purpose: 'rows' | 'contents', version: string): Promise<RowKey | undefined>
}

export interface RowsOptions {
  tables: TableAccess
  keys: RowKeys
  log: Log
}

export function openRows({ tables, keys, log }: RowsOptions): Rows {
  const sealed = async (table: TableName, partitionKey: string, rowKey: string, value: unknown): Promise<StoredRow> => {
    checkKeys(partitionKey, rowKey)
    const { version, key } = await keys.subkey('rows')
    const text = jsonOf(value)
    const d = isSecret(table) ? encrypt(await contentsKey(version), [table, partitionKey, rowKey, version], text) : text
    const unsigned = { partitionKey, rowKey, v: version, d, w: randomBytes(12).toString('base64url') }
    return { ...unsigned, m: macOf(key, table, unsigned).toString('base64url') }
  }
  const contentsKey = async (version: string) => {
    const found = await keys.subkey('contents', version)
    if (found === undefined) throw new Fault('ROW_REJECTED', 'the state key of a row was retired', { permanent: true })
    return found.key
  }
  const textOf = async (table: TableName, { partitionKey, rowKey, v, d }: FoundRow): Promise<string> => {
    if (!isSecret(table)) return d
    const place: Place = [table, partitionKey, rowKey, v]
    const text = decrypt(await contentsKey(v), place, d)
    if (text === undefined) throw new Fault('ROW_REJECTED', `the contents of a row in ${table} do not open`, { permanent: true })
    return text
  }
  const opened = async <T>(table: TableName, row: FoundRow): Promise<Row<T>> => {
    const known = await keys.subkey('rows', row.v)
    const problem = known === undefined ? 'version' : fits(known.key, table, row) ? undefined : 'mac'
    if (problem === undefined) return { value: JSON.parse(await textOf(table, row)), etag: row.etag, rowKey: row.rowKey }
    log('rowRejected', { reason: `${table}.${problem}`, keyVersion: row.v || undefined })
    throw new Fault('ROW_REJECTED', `the ${problem} of a row in ${table} does not fit`, { permanent: true })
  }
  const openedOf = async <T>(table: TableName, found: FoundRow[], rejected?: (row: RejectedRow) => void): Promise<Row<T>[]> => {
    const openedOrNot = async (row: FoundRow) => {
      try {
        return await opened<T>(table, row)
      } catch (error) {
        if (!isFault(error, 'ROW_REJECTED')) throw error
        rejected?.({ rowKey: row.rowKey, d: row.d })
        return undefined
      }
    }
    return (await Promise.all(found.map(openedOrNot))).filter((row) => row !== undefined)
  }
  /** A conflict with the row we have just written ourselves is none: the SDK tried again after a lost answer. */
  const unlessOurs = async (table: TableName, row: StoredRow, write: Promise<string>): Promise<string> => {
    try {
      return await write
    } catch (error) {
      if (!isFault(error, 'STORE_CONFLICT')) throw error
      const there = await tables.get(table, row.partitionKey, row.rowKey)
      if (there?.m === row.m) return there.etag
      throw error
    }
  }
  return {
    async read(table, partition, rowKey) {
      checkKeys(partition, rowKey)
      const row = await tables.get(table, partition, rowKey)
      return row && (await opened(table, row))
    },
    async insert(table, partition, rowKey, value) {
      const row = await sealed(table, partition, rowKey, value)
      return await unlessOurs(table, row, tables.insert(table, row))
    },
    async replace(table, partition, rowKey, value, etag) {
      const row = await sealed(table, partition, rowKey, value)
      return await unlessOurs(table, row, tables.replace(table, row, etag))
    },
    async put(table, partition, rowKey, value) {
      return await tables.upsert(table, await sealed(table, partition, rowKey, value))
    },
    async remove(table, partition, rowKey, etag) {
      checkKeys(partition, rowKey)
      await tables.remove(table, partition, rowKey, etag)
    },
    async list<T>(table: TableName, partition: string, rejected?: (row: RejectedRow) => void) {
      checkKeys(partition)
      const found = await tables.list(table, partition)
      return await openedOf<T>(table, found, rejected)
    },
    async renew(table, version, signal) {
      const renewed = async (row: FoundRow): Promise<void> => {
        const { value, etag } = await opened(table, row)
        const next = await sealed(table, row.partitionKey, row.rowKey, value)
        await unlessOurs(table, next, tables.replace(table, next, etag))
      }
      for await (const page of tables.under(table, version)) {
        for (let start = 0; start < page.length && !signal.aborted; start += renewedAtOnce) {
          await Promise.all(page.slice(start, start + renewedAtOnce).map((row) => renewed(row).catch(unlessLeft)))
        }
        if (signal.aborted) break
      }
    },
    async page<T>(table: TableName, partition: string, limit: number, after?: string) {
      checkKeys(partition, ...(after === undefined ? [] : [after]))
      const found = await tables.page(table, partition, limit, after)
      const good = await openedOf<T>(table, found)
      const last = found.length === limit ? found.at(-1)?.rowKey : undefined
      return { rows: good, rejected: found.length - good.length, ...(last !== undefined && { last }) }
    },
  }
}

const renewedAtOnce = 16

/** Tables whose texts are encrypted. */
const isSecret = (table: TableName) => table === 'methods'

function unlessLeft(error: unknown): void {
  if (!isFault(error, 'ROW_REJECTED') && !isFault(error, 'STORE_CONFLICT') && !isFault(error, 'INPUT_REFUSED')) throw error
}

const keyForm = /^[A-Za-z0-9_-]{1,128}$/

/** Table Storage forbids some characters and its filters quote others; none of ours needs either. */
function checkKeys(...keys: string[]): void {
  if (!keys.every((key) => keyForm.test(key)))
    throw new Fault('INPUT_REFUSED', 'a row key has 1 to 128 of A-Za-z0-9_-', { permanent: true })
}

/** A text column holds 64 KiB of UTF-16 (Table service data model, property types). */
const maxJsonUnits = 32_000

function jsonOf(value: unknown): string {
  const json: string | undefined = JSON.stringify(value)
  if (json === undefined) throw new TypeError('a row holds a JSON value')
  if (json.length > maxJsonUnits)
    throw new Fault('INPUT_REFUSED', `a row holds ${maxJsonUnits} characters, not ${json.length}`, { permanent: true })
  return json
}

/** A JSON array of strings has one reading, so no two different rows give the same text. */
function macOf(key: SecretKey, table: TableName, { partitionKey, rowKey, v, w, d }: Omit<StoredRow, 'm'>): Buffer {
  return createHmac('sha256', key)
    .update(JSON.stringify([table, partitionKey, rowKey, v, w, d]), 'utf8')
    .digest()
}

function fits(key: SecretKey, table: TableName, row: StoredRow): boolean {
  const claimed = Buffer.from(row.m, 'base64url')
  const expected = macOf(key, table, row)
  return claimed.length === expected.length && timingSafeEqual(claimed, expected)
}
