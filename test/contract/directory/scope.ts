/** What a report about everybody says of protection: the same as tokenGroups says of each account by itself. */
import { ExtensibleFilter } from 'ldapts'
import { describe, expect, test } from 'vitest'
import { consistencyGuid } from '../../../agent/directory/account.ts'
import { endpointOf, openConnection } from '../../../agent/directory/connection.ts'
import { type ListedAccount, listAccounts, listAnchors } from '../../../agent/directory/listing.ts'
import { readProtectedMembers } from '../../../agent/directory/protected-members.ts'
import { systemClock } from '../../../shared/clock.ts'
import { Secret } from '../../../shared/secret.ts'
import { type Bench, read } from './bench.ts'

const transitive = '1.2.840.113556.1.4.1941'

export function scopeContract(bench: Bench): void {
  async function listed(): Promise<ListedAccount[]> {
    const { addresses, ca, forest } = bench.subject
    const { dn, password } = forest.serviceAccount
    const endpoint = endpointOf(`ldaps://${forest.hostName}`, { [forest.hostName]: new URL(addresses.ldaps).host })
    const options = { clock: systemClock, ca, openMs: 8000, ldapMs: 8000 }
    const connection = await openConnection(endpoint, { dn, password: Secret.fromText(password) }, options)
    const scope = { baseDn: forest.baseDn, anchor: consistencyGuid }
    const protectedBy = await readProtectedMembers(connection, forest.baseDn)
    const accounts = await all(listAccounts(connection, scope, protectedBy))
    const anchors = await all(listAnchors(connection, scope))
    connection.reset()
    expect(anchors).toEqual(accounts.map(({ guid, anchor, isOwner }) => ({ guid, anchor, isOwner })))
    return accounts
  }

  async function bothSay(): Promise<Map<string, { report: boolean; agent: boolean; by: string | undefined }>> {
    const said = new Map<string, { report: boolean; agent: boolean; by: string | undefined }>()
    for (const { guid, accountName, protectedBy: by } of await listed()) {
      const user = await bench.directory.account({ domain: domainOf(bench), guid })
      said.set(accountName, { report: by !== undefined, agent: user?.protected === true, by })
    }
    return said
  }

  test('protected: the report and the agent agree about everybody', async () => {
    const said = await bothSay()
    for (const { sam } of bench.forest.users) expect(said.has(sam), sam).toBe(true)
    for (const [name, { report, agent }] of said) expect({ name, is: report }).toEqual({ name, is: agent })
    expect(said.get('heidi.admin')?.report).toBe(true)
    expect(said.get('ivan.nested')?.by).toBe('Backup Operators')
    expect(said.get('alice.adams')?.report).toBe(false)
  })

  test('a protected primary group, which lists no members', async () => {
    const { dn, sam } = await bench.newUser({ traits: ['protected'] })
    await bench.subject.control.setAttributes(dn, { primaryGroupID: '512', adminCount: null })
    expect((await bothSay()).get(sam)).toEqual({ report: true, agent: true, by: 'Domain Admins' })
  })

  describe('the matching rule in chain', () => {
    const names = async (matchType: string, value: string) => {
      const filter = new ExtensibleFilter({ matchType, rule: transitive, value })
      const found = await read(await bench.service(), bench.forest.baseDn, { scope: 'sub', filter }, 'sAMAccountName')
      return found.map((entry) => String(entry['sAMAccountName']))
    }
    const backup = () => `CN=Backup Operators,CN=Builtin,${bench.forest.baseDn}`

    test('members of members', async () => {
      expect(await names('memberOf', backup())).toEqual(expect.arrayContaining(['Server Team', 'ivan.nested']))
      expect(await names('memberOf', backup())).not.toContain('alice.adams')
    })

    test('the groups around somebody', async () => {
      const around = await names('member', bench.sample('ivan.nested').dn)
      expect(around).toEqual(expect.arrayContaining(['Server Team', 'Backup Operators']))
      expect(around).not.toContain('Domain Users')
    })

    test('a group that is not there has none', async () => {
      expect(await names('memberOf', `CN=Nobody Here,${bench.forest.baseDn}`)).toEqual([])
    })
  })
}

async function all<T>(pages: AsyncIterable<T[]>): Promise<T[]> {
  const found: T[] = []
  for await (const page of pages) found.push(...page)
  return found
}

const domainOf = ({ forest }: Bench) => forest.hostName.split('.').slice(1).join('.')
