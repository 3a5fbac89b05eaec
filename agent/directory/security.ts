/**
 * Access lists over LDAP: reads the security descriptor of one object, writes its list (DACL) alone, finds who a name means.
 *
 * LDAP_SERVER_SD_FLAGS says which parts are meant: without it a reader needs the right to the SACL, and gets nothing, and a
 * writer replaces everything ([MS-ADTS] 3.1.1.3.4.1.11). The bytes are not looked into here (agent/ctl/descriptor.ts). Only
 * agentctl uses this; the service does not.
 */
import { Attribute, Ber, type BerWriter, Change, Control, EqualityFilter, type SearchOptions } from 'ldapts'
import type { Connection, WriteResult } from './connection.ts'
import { type Row, readSub } from './rows.ts'

/** Owner 1, group 2, DACL 4. The SACL (8) is for administrators alone. */
export const descriptorParts = { dacl: 4, ownerGroupAndDacl: 7 } as const
export type DescriptorParts = (typeof descriptorParts)[keyof typeof descriptorParts]

const type = 'nTSecurityDescriptor'

/** undefined: this account may not read it. Throws DIRECTORY_REFUSED if there is no such object. */
export async function readSecurityDescriptor(connection: Connection, dn: string, parts: DescriptorParts): Promise<Buffer | undefined> {
  const options: SearchOptions = { scope: 'base', attributes: [type], explicitBufferAttributes: [type] }
  const { searchEntries } = await connection.read((client) => client.search(dn, options, new SecurityDescriptorFlags(parts)))
  const value = searchEntries[0]?.[type]
  const [first] = Array.isArray(value) ? value : [value]
  return Buffer.isBuffer(first) ? first : undefined
}

/** Replaces the list; owner, group and SACL stay. The server works out anew what is inherited. */
export async function writeAccessList(connection: Connection, dn: string, descriptor: Buffer): Promise<WriteResult> {
  const change = new Change({ operation: 'replace', modification: new Attribute({ type, values: [descriptor] }) })
  return connection.write(async (client) => {
    await client.modify(dn, change, new SecurityDescriptorFlags(descriptorParts.dacl))
    return { kind: 'done' }
  })
}

/** Everything below `base` with this sAMAccountName: at most one in a domain. */
export const findAccounts = (connection: Connection, base: string, accountName: string, attributes: readonly string[]): Promise<Row[]> =>
  readSub(connection, base, new EqualityFilter({ attribute: 'sAMAccountName', value: accountName }), attributes)

/** Value: SEQUENCE { INTEGER flags }. */
class SecurityDescriptorFlags extends Control {
  readonly #value: Buffer

  constructor(parts: DescriptorParts) {
    super('1.2.840.113556.1.4.801', { critical: true })
    this.#value = Buffer.of(0x30, 3, Ber.Integer, 1, parts)
  }

  protected override writeControl(writer: BerWriter): void {
    writer.writeBuffer(this.#value, Ber.OctetString)
  }
}
