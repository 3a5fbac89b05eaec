/**
 * A search too large to hold: one page after the other, the next asked for only when the one before has been used up.
 *
 * Each page is one operation with the connection's own limit, so the search as a whole may take as long as it takes. Windows
 * gives at most 1,000 entries a page (MaxPageSize); [MS-ADTS] 3.1.1.3.4.1.13, RFC 2696. Values are bytes, as in rows.ts.
 */
import type { Filter } from 'ldapts'
import type { Connection } from './connection.ts'
import { type Row, rowOf } from './rows.ts'

const pageSize = 500

/** Faults are those of Connection.read. */
export async function* readPages(
  connection: Connection,
  base: string,
  filter: Filter,
  attributes: readonly string[],
): AsyncGenerator<Row[], void, undefined> {
  const asBytes = { attributes: [...attributes], explicitBufferAttributes: [...attributes] }
  const options = { scope: 'sub', filter, paged: { pageSize }, ...asBytes } as const
  let pages: AsyncIterator<Parameters<typeof rowOf>[0][]> | undefined
  for (;;) {
    const page = await connection.read((client) => {
      pages ??= entriesOf(client.searchPaginated(base, options))
      return pages.next()
    })
    if (page.done) return
    yield page.value.map(rowOf)
  }
}

async function* entriesOf<E>(results: AsyncIterable<{ searchEntries: E[] }>): AsyncGenerator<E[], void, undefined> {
  for await (const { searchEntries } of results) yield searchEntries
}
