/**
 * Reading entries: attribute names in lower case, values as raw bytes, whatever the server's spelling or the value's look.
 *
 * Every requested attribute is declared binary to ldapts: a GUID that happens to be valid UTF-8 would come back as a string.
 * Times: FILETIME counts 100 ns since 1601 ([MS-DTYP] 2.3.3); GeneralizedTime is given in UTC (RFC 4517 section 3.3.13).
 */
import type { Entry, Filter, SearchOptions } from 'ldapts'
import { Fault } from '../../shared/fault.ts'
import type { Connection } from './connection.ts'
import { refusalOf } from './refusal.ts'

export type Row = ReadonlyMap<string, readonly Buffer[]>

/** Windows answers with at most 1,000 entries (MaxPageSize): a search is always paged. */
const pageSize = 100

export async function readSub(connection: Connection, base: string, filter: Filter, attributes: readonly string[]): Promise<Row[]> {
  return search(connection, base, { scope: 'sub', filter, paged: { pageSize } }, attributes)
}

/** The one entry named by `base`; '' is the rootDSE. Throws DIRECTORY_REFUSED if there is none. */
export async function readBase(connection: Connection, base: string, attributes: readonly string[]): Promise<Row> {
  const [row] = await search(connection, base, { scope: 'base' }, attributes)
  if (!row) throw new Fault('DIRECTORY_REFUSED', 'an entry that must exist was not returned')
  return row
}

/** The entry named by `base` if it is there and fits: noSuchObject is an answer here. */
export async function findBase(
  connection: Connection,
  base: string,
  filter: Filter,
  attributes: readonly string[],
): Promise<Row | undefined> {
  const [row] = await search(connection, base, { scope: 'base', filter }, attributes, [noSuchObject])
  return row
}

const noSuchObject = 32

async function search(
  connection: Connection,
  base: string,
  options: SearchOptions,
  attributes: readonly string[],
  meansNone: readonly number[] = [],
): Promise<Row[]> {
  const asBytes = { attributes: [...attributes], explicitBufferAttributes: [...attributes] }
  const entries = await connection.read(async (client) => {
    try {
      return (await client.search(base, { ...options, ...asBytes })).searchEntries
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal && meansNone.includes(refusal.ldapCode)) return []
      throw error
    }
  })
  return entries.map(rowOf)
}

export const rowOf = (entry: Entry): Row => new Map(Object.entries(entry).map(([name, value]) => [name.toLowerCase(), toBuffers(value)]))

const toBuffers = (value: unknown): Buffer[] => (Array.isArray(value) ? value : [value]).map((each) => Buffer.from(each))

export const bytesOf = (row: Row, name: string): Buffer | undefined => row.get(name.toLowerCase())?.[0]
export const textOf = (row: Row, name: string): string | undefined => bytesOf(row, name)?.toString('utf8')
export const allOf = (row: Row, name: string): readonly Buffer[] => row.get(name.toLowerCase()) ?? []

/** At most 64 bits ([MS-ADTS] 3.1.1.2.2.2, LargeInteger): what is computed from one then fits a JavaScript number where it is ms. */
export function integerOf(row: Row, name: string): bigint | undefined {
  const text = textOf(row, name)
  const value = text !== undefined && /^-?[0-9]{1,20}$/.test(text) ? BigInt(text) : undefined
  return value !== undefined && BigInt.asIntN(64, value) === value ? value : undefined
}

/** An attribute without which nothing can be decided: unreadable means that the service account lacks a right. */
export function required<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Fault('DIRECTORY_CONFIGURATION', `the service account cannot read ${name}`, { permanent: true })
  return value
}

/** Names an entry by its objectGUID, as search base and as the target of a modify ([MS-ADTS] 3.1.1.3.1.2.4). Survives a rename. */
export function guidDn(guid: Buffer): string {
  const hex = Buffer.from([3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map((at) => guid.readUInt8(at))).toString('hex')
  return `<GUID=${hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')}>`
}

const fileTimeOfEpochMs = 11_644_473_600_000
export const fileTimeToMs = (fileTime: bigint): number => Number(fileTime / 10_000n) - fileTimeOfEpochMs

/** The server's clock in ms, to the second: the only clock that its own timestamps are compared with. */
export const readServerNow = async (connection: Connection): Promise<number> =>
  serverTimeIn(await readBase(connection, '', ['currentTime']))

/** `currentTime` of a rootDSE. */
export function serverTimeIn(root: Row): number {
  const text = required(textOf(root, 'currentTime'), 'currentTime')
  // Date.parse would guess at any other form.
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d+)?Z$/.exec(text) ?? []
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  if (!(ms >= 0)) throw new Fault('DIRECTORY_REFUSED', `currentTime has an unexpected form of ${text.length} characters`)
  return ms
}
