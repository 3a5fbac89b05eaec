/**
 * People as `agentctl doctor` looks for them: some of a scope, or whom a name means. The service does not use this.
 *
 * Of a scope the first page is read, and then no more is asked for (RFC 2696): a large one costs what a small one does.
 */
import { OrFilter } from 'ldapts'
import { equal, personWith, type View } from './account.ts'
import type { Connection } from './connection.ts'
import { bytesOf, readSub } from './rows.ts'

const attribute = 'objectGUID'
/** Windows gives no more at once (MaxPageSize). */
const pageSize = 1_000

/** objectGUIDs of at most `count` people below `baseDn`, spread evenly over the first page. */
export async function samplePeople(connection: Connection, baseDn: string, view: View, count: number): Promise<Buffer[]> {
  const found = await connection.read(async (client) => {
    const asBytes = { attributes: [attribute], explicitBufferAttributes: [attribute] }
    const pages = client.searchPaginated(baseDn, { scope: 'sub', filter: personWith(view), paged: { pageSize }, ...asBytes })
    for await (const { searchEntries } of pages) return searchEntries
    return []
  })
  const guids = found.flatMap((entry) => [entry[attribute] ?? []].flat().map((value) => Buffer.from(value)))
  const step = Math.max(1, guids.length / count)
  return Array.from({ length: Math.min(count, guids.length) }, (_, at) => guids[Math.floor(at * step)]).filter((guid) => guid !== undefined)
}

/** objectGUIDs of the people below `baseDn` with this userPrincipalName or sAMAccountName. */
export async function peopleNamed(connection: Connection, baseDn: string, name: string, view: View): Promise<Buffer[]> {
  const named = new OrFilter({ filters: ['userPrincipalName', 'sAMAccountName'].map((each) => equal(each, name)) })
  const rows = await readSub(connection, baseDn, personWith(view, named), [attribute])
  return rows.map((row) => bytesOf(row, attribute)).filter((guid) => guid !== undefined)
}
