/**
 * Who in one domain is protected, for a report about everybody: tokenGroups is computed for one account at a time, so the
 * protected groups are asked for all their members instead.
 *
 * LDAP_MATCHING_RULE_TRANSITIVE_EVAL ([MS-ADTS] 3.1.1.3.4.4.3) walks groups in groups. It does not know primary groups, which
 * are never listed as members: an account whose primary group is protected, or lies in a protected one, is found by its
 * primaryGroupID. Groups of other domains are not asked for; there, adminCount tells.
 */
import { ExtensibleFilter, PresenceFilter } from 'ldapts'
import type { Connection } from './connection.ts'
import { readPages } from './pages.ts'
import { isProtectedSid, protectedRids } from './protected.ts'
import { allOf, bytesOf, findBase, integerOf, type Row, required, textOf } from './rows.ts'

/** Name of what protects it; undefined if nothing does. */
export type ProtectedBy = (row: Row) => string | undefined

/** What `ProtectedBy` reads of an account. */
export const protectionAttributes = ['objectGUID', 'objectSid', 'adminCount', 'primaryGroupID'] as const

const anything = new PresenceFilter({ attribute: 'objectClass' })
const inChain = '1.2.840.113556.1.4.1941'

interface Members {
  /** objectGUID in hex -> name of the protected group. */
  accounts: Map<string, string>
  /** RID of a group of this domain -> name of the protected group it is, or is in. */
  groups: Map<number, string>
}

/** `domainHead`: DN. Reads each protected group that there is, and whoever is in it. */
export async function readProtectedMembers(connection: Connection, domainHead: string): Promise<ProtectedBy> {
  const head = required(await findBase(connection, domainHead, anything, ['objectSid']), 'the domain head')
  const domainSid = required(bytesOf(head, 'objectSid'), 'objectSid')
  const members: Members = { accounts: new Map(), groups: new Map() }
  for (const { name, sid } of protectedSids(domainSid)) await addMembers(connection, domainHead, { name, sid }, members)
  return (row) => protectedBy(row, members)
}

function protectedBy(row: Row, { accounts, groups }: Members): string | undefined {
  if ((integerOf(row, 'adminCount') ?? 0n) > 0n) return 'adminCount'
  const sid = required(bytesOf(row, 'objectSid'), 'objectSid')
  if (isProtectedSid(sid)) return 'built-in account'
  const guid = required(bytesOf(row, 'objectGUID'), 'objectGUID').toString('hex')
  // Everybody has a primary group: without it nobody could be said to be in none.
  return accounts.get(guid) ?? groups.get(Number(required(integerOf(row, 'primaryGroupID'), 'primaryGroupID')))
}

async function addMembers(connection: Connection, base: string, { name, sid }: Named, { accounts, groups }: Members): Promise<void> {
  const group = await findBase(connection, `<SID=${sid.toString('hex')}>`, anything, ['distinguishedName', 'objectClass'])
  if (group === undefined || !isGroup(group)) return
  groups.set(ridOf(sid), name)
  const dn = required(textOf(group, 'distinguishedName'), 'distinguishedName')
  const within = new ExtensibleFilter({ matchType: 'memberOf', rule: inChain, value: dn })
  for await (const page of readPages(connection, base, within, ['objectGUID', 'objectSid', 'objectClass'])) {
    for (const row of page) {
      const [guid, own] = [bytesOf(row, 'objectGUID'), bytesOf(row, 'objectSid')]
      if (own !== undefined && isGroup(row)) keepFirst(groups, ridOf(own), name)
      else if (guid !== undefined) keepFirst(accounts, guid.toString('hex'), name)
    }
  }
}

function keepFirst<K>(map: Map<K, string>, key: K, name: string): void {
  if (!map.has(key)) map.set(key, name)
}

interface Named {
  name: string
  sid: Buffer
}

/** [MS-DTYP] 2.4.2.4. */
const builtinDomain = Buffer.from('01020000000000052000000000000000', 'hex')

function protectedSids(domainSid: Buffer): Named[] {
  const inDomain = Buffer.concat([domainSid, Buffer.alloc(4)])
  inDomain.writeUInt8(domainSid.readUInt8(1) + 1, 1)
  const named = (prefix: Buffer, rids: Readonly<Record<number, string>>) =>
    Object.entries(rids).map(([rid, name]) => ({ name, sid: withRid(prefix, Number(rid)) }))
  return [...named(inDomain, protectedRids.domain), ...named(builtinDomain, protectedRids.builtin)]
}

function withRid(prefix: Buffer, rid: number): Buffer {
  const sid = Buffer.from(prefix)
  sid.writeUInt32LE(rid, sid.length - 4)
  return sid
}

const ridOf = (sid: Buffer): number => sid.readUInt32LE(sid.length - 4)
const isGroup = (row: Row): boolean => allOf(row, 'objectClass').some((name) => name.toString('utf8').toLowerCase() === 'group')
