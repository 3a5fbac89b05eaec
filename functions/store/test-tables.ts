/** Tables in memory, for tests in which thousands of rows are written and storage is not the question. */
import { Fault } from '../../shared/fault.ts'
import type { FoundRow, StoredRow, TableAccess, TableName } from './tables.ts'

export function memoryTables(): TableAccess {
  const rows = new Map<string, FoundRow>()
  let writes = 0
  const keyOf = (table: TableName, partition: string, row: string) => `${table}/${partition}/${row}`
  const under = (table: TableName, partition: string) =>
    [...rows]
      .filter(([key]) => key.startsWith(keyOf(table, partition, '')))
      .map(([, row]) => row)
      .toSorted((a, b) => (a.rowKey < b.rowKey ? -1 : 1))
  const write = async (table: TableName, row: StoredRow, expected: (there: FoundRow | undefined) => boolean): Promise<string> => {
    const key = keyOf(table, row.partitionKey, row.rowKey)
    if (!expected(rows.get(key))) throw new Fault('STORE_CONFLICT', 'the row is not as it was read')
    writes += 1
    const etag = `W/"${writes}"`
    rows.set(key, { ...row, etag })
    return etag
  }
  return {
    get: async (table, partition, row) => rows.get(keyOf(table, partition, row)),
    insert: (table, row) => write(table, row, (there) => there === undefined),
    replace: (table, row, etag) => write(table, row, (there) => there?.etag === etag),
    upsert: (table, row) => write(table, row, () => true),
    async remove(table, partition, row, etag = '*') {
      const there = rows.get(keyOf(table, partition, row))
      if (there && etag !== '*' && there.etag !== etag) throw new Fault('STORE_CONFLICT', 'the row is not as it was read')
      rows.delete(keyOf(table, partition, row))
    },
    list: async (table, partition) => under(table, partition),
    page: async (table, partition, limit, after = '') =>
      under(table, partition)
        .filter(({ rowKey }) => rowKey > after)
        .slice(0, limit),
    // No row here knows when it was written.
    async *older() {
      yield []
    },
    async *under(table, v) {
      yield [...rows].filter(([key, row]) => key.startsWith(`${table}/`) && row.v === v).map(([, row]) => row)
    },
  }
}
