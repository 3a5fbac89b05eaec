/**
 * The domain's administrator over LDAPS: adds, reads and changes entries. Everything `populate.ts` and `control.ts` do goes
 * through here, so nothing in Samba's database is touched behind its back.
 */
import { Attribute, Change, Client, EqualityFilter } from 'ldapts'
import { DaclOnly, editAces, withoutInheritance } from './descriptor.ts'

export interface Target {
  url: string
  hostName: string
  ca: string
}

export type Value = string | number | bigint | Buffer
export type Values = Record<string, Value | readonly Value[] | undefined>
/** Attribute names in lower case; every value as bytes. */
export type Row = ReadonlyMap<string, readonly Buffer[]>

export interface Administrator {
  add(dn: string, values: Values): Promise<void>
  /** An empty list removes the attribute. */
  replace(dn: string, values: Values): Promise<void>
  addMember(group: string, member: string): Promise<void>
  /** `name`: sAMAccountName, DN or `<GUID=…>`. Throws if there is none. */
  read(name: string, attributes: readonly string[]): Promise<Row>
  readAll(filter: string, attributes: readonly string[]): Promise<Row[]>
  editAccess(dn: string, edit: (aces: readonly Buffer[]) => readonly Buffer[]): Promise<void>
  blockInheritance(dn: string): Promise<void>
  close(): Promise<void>
}

export const quoted = (password: string): Buffer => Buffer.from(`"${password}"`, 'utf16le')

const toAttributes = (values: Values): Attribute[] =>
  Object.entries(values)
    .filter((pair): pair is [string, Value | readonly Value[]] => pair[1] !== undefined)
    .map(([type, value]) => {
      const list = (Array.isArray(value) ? value : [value]).map((each) => (Buffer.isBuffer(each) ? each : String(each)))
      return new Attribute({ type, values: list as string[] })
    })

const toRow = (entry: Record<string, unknown>): Row =>
  new Map(Object.entries(entry).map(([name, value]) => [name.toLowerCase(), (Array.isArray(value) ? value : [value]).map(toBuffer)]))
const toBuffer = (value: unknown): Buffer => (Buffer.isBuffer(value) ? value : Buffer.from(String(value)))

export async function asAdministrator(
  target: Target,
  baseDn: string,
  { dn, password }: { dn: string; password: string },
): Promise<Administrator> {
  // Samba closes a connection after 15 idle minutes; the next call then binds anew.
  const client = new Client({ url: target.url, tlsOptions: { ca: target.ca, servername: target.hostName }, autoRebind: true })
  await client.bind(dn, password)
  const search = async (base: string, options: object, attributes: readonly string[]) => {
    const asBytes = { attributes: [...attributes], explicitBufferAttributes: [...attributes] }
    return (await client.search(base, { ...options, ...asBytes })).searchEntries.map(toRow)
  }
  const isDn = (name: string) => name.includes('=')
  const bySam = (name: string) => ({ scope: 'sub', filter: new EqualityFilter({ attribute: 'sAMAccountName', value: name }) })
  const editDescriptor = async (name: string, edit: (descriptor: Buffer) => Buffer) => {
    const type = 'nTSecurityDescriptor'
    const options = { scope: 'base' as const, attributes: [type], explicitBufferAttributes: [type] }
    const { searchEntries } = await client.search(name, options, new DaclOnly())
    const modification = new Attribute({ type, values: [edit(toBuffer(searchEntries[0]?.[type]))] })
    await client.modify(name, new Change({ operation: 'replace', modification }), new DaclOnly())
  }
  return {
    add: (name, values) => client.add(name, toAttributes(values)),
    replace: (name, values) =>
      client.modify(
        name,
        toAttributes(values).map((modification) => new Change({ operation: 'replace', modification })),
      ),
    addMember: (group, member) =>
      client.modify(group, new Change({ operation: 'add', modification: new Attribute({ type: 'member', values: [member] }) })),
    async read(name, attributes) {
      const [row] = isDn(name) ? await search(name, { scope: 'base' }, attributes) : await search(baseDn, bySam(name), attributes)
      if (row === undefined) throw new Error('no entry of this name')
      return row
    },
    readAll: (filter, attributes) => search(baseDn, { scope: 'sub', filter, paged: { pageSize: 100 } }, attributes),
    editAccess: (name, edit) => editDescriptor(name, (descriptor) => editAces(descriptor, edit)),
    blockInheritance: (name) => editDescriptor(name, withoutInheritance),
    close: () => client.unbind(),
  }
}
