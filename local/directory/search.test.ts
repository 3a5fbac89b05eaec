import { type Client, EqualityFilter } from 'ldapts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { guidOctets, sidText } from './identifiers.ts'
import { sampleForest } from './seed.ts'
import { type Bench, outcome, startBench } from './testing.ts'

let bench: Bench
let service: Client
const forest = sampleForest({ extraUsers: 1005 })
const staff = 'OU=Staff,DC=corp,DC=example,DC=test'
const base = 'DC=corp,DC=example,DC=test'

beforeAll(async () => {
  bench = await startBench({ forest })
  service = await bench.asService()
})
afterAll(() => bench.close())

const user = (sam: string) => {
  const found = forest.users.find((one) => one.sam === sam)
  if (found === undefined) throw new Error('not in the sample')
  return found
}
const samsOf = async (filter: string | EqualityFilter, within = base) =>
  (await service.search(within, { filter, attributes: ['sAMAccountName'] })).searchEntries.map((entry) => entry['sAMAccountName'])

describe('without a bind', () => {
  test('rootDSE says what the server is, its time and its controls', async () => {
    const { searchEntries } = await bench.client().search('', { scope: 'base' })
    expect(searchEntries[0]).toMatchObject({
      defaultNamingContext: base,
      dnsHostName: 'dc1.corp.example.test',
      dsServiceName: `CN=NTDS Settings,CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,${base}`,
      currentTime: expect.stringMatching(/^\d{14}\.0Z$/),
      supportedControl: expect.arrayContaining(['1.2.840.113556.1.4.2239', '1.2.840.113556.1.4.2066', '1.2.840.113556.1.4.319']),
    })
  })

  test('nothing else is read', async () => {
    expect(await outcome(bench.client().search(base, { scope: 'base' }))).toBe('1 00002020')
    expect(await outcome(bench.client().search('', { scope: 'sub' }))).toBe('1 00002020')
  })
})

describe('finding the PDC emulator', () => {
  test('by rootDSE, fSMORoleOwner and dNSHostName', async () => {
    const head = (await service.search(base, { scope: 'base', attributes: ['fSMORoleOwner', 'minPwdAge', 'maxPwdAge'] })).searchEntries[0]
    expect(head).toMatchObject({ minPwdAge: '0', maxPwdAge: '-36288000000000' })
    const server = String(head?.['fSMORoleOwner']).replace('CN=NTDS Settings,', '')
    const { searchEntries } = await service.search(server, { scope: 'base', attributes: ['dNSHostName'] })
    expect(searchEntries[0]?.['dNSHostName']).toBe('dc1.corp.example.test')
  })

  test('the NetBIOS name stands in the partitions, which a search of the domain does not enter', async () => {
    const found = await service.search(`CN=Partitions,CN=Configuration,${base}`, { scope: 'one', filter: '(nETBIOSName=*)' })
    expect(found.searchEntries[0]).toMatchObject({ nETBIOSName: 'CORP', nCName: base })
    expect((await service.search(base, { filter: '(nETBIOSName=*)' })).searchEntries).toEqual([])
  })
})

describe('filters', () => {
  test.each([
    ['(sAMAccountName=ALICE.adams)', ['alice.adams']],
    ['(sAMAccountName=*ice.a*)', ['alice.adams']],
    ['(sAMAccountName=ali*ams)', ['alice.adams']],
    ['(|(cn=bob brown)(cn=alice adams))', ['alice.adams', 'bob.brown']],
    ['(&(objectCategory=person)(sAMAccountName=bob.*)(!(adminCount=1)))', ['bob.brown']],
    ['(&(sAMAccountName=*.disabled)(userAccountControl:1.2.840.113556.1.4.803:=2))', ['dave.disabled']],
    ['(&(objectClass=user)(lockoutTime>=1))', ['frank.locked']],
    ['(userPrincipalName=wild\\2a*)', []],
    ['(displayName=wild\\2acard \\28paren\\29)', ['odd.wild']],
    ['(displayName=O\'Neil, Pat "P.J.")', ['odd.comma']],
    ['(cn=\\20#Leading Blank)', ['odd.lead']],
    ['(cn=Zoë Østergård 李)', ['odd.unicode']],
    [`(memberOf=cn=domain admins, CN=Users,${base})`, ['Administrator', 'heidi.admin']],
    ['(noSuchAttribute=x)', []],
    ['(unicodePwd=*)', []],
    ['(tokenGroups=*)', []],
  ])('%s', async (filter, expected) => {
    expect((await samsOf(filter)).toSorted()).toEqual(expected.toSorted())
  })

  test('binary values match octet by octet', async () => {
    const carol = user('carol.clark')
    const anchor = Buffer.from(carol.immutableId, 'base64')
    expect(await samsOf(new EqualityFilter({ attribute: 'mS-DS-ConsistencyGuid', value: anchor }))).toEqual(['carol.clark'])
    const alice = Buffer.from(user('alice.adams').immutableId, 'base64')
    expect(await samsOf(new EqualityFilter({ attribute: 'objectGUID', value: alice }))).toEqual(['alice.adams'])
  })
})

describe('bases', () => {
  test('a GUID in three spellings, a SID, and every odd name', async () => {
    const { objectGuid, immutableId } = user('alice.adams')
    const hex = Buffer.from(immutableId, 'base64').toString('hex')
    for (const name of [`<GUID=${objectGuid}>`, `<guid=${objectGuid.toUpperCase()}>`, `<GUID=${hex}>`]) {
      const { searchEntries } = await service.search(name, {
        scope: 'base',
        attributes: ['objectGUID'],
        explicitBufferAttributes: ['objectGUID'],
      })
      expect(searchEntries[0]?.['objectGUID']).toEqual(guidOctets(objectGuid))
    }
    for (const { dn, sam } of forest.users.slice(0, 19)) expect(await samsOf('(objectClass=*)', dn)).toEqual([sam])
  })

  test.each([
    ['CN=nobody,OU=Staff,DC=corp,DC=example,DC=test', '32 00002030'],
    ['<GUID=11111111-1111-1111-1111-111111111111>', '32 00002030'],
    ['DC=elsewhere,DC=test', '32 00002030'],
    ['<GUID=short>', '34 00002032'],
    ['CN=x,,DC=test', '34 00002032'],
    ['nobody', '34 00002032'],
  ])('%s', async (name, expected) => {
    expect(await outcome(service.search(name, { scope: 'base' }))).toBe(expected)
  })
})

describe('attributes', () => {
  test('all, without what is constructed or secret', async () => {
    const { searchEntries } = await service.search(user('alice.adams').dn, { scope: 'base' })
    expect(searchEntries[0]).toMatchObject({ sAMAccountName: 'alice.adams', distinguishedName: user('alice.adams').dn, badPwdCount: '0' })
    expect(Object.keys(searchEntries[0] ?? {})).not.toContain('unicodePwd')
    expect(Object.keys(searchEntries[0] ?? {})).not.toContain('tokenGroups')
  })

  test('tokenGroups holds groups of groups and the primary group, at base scope only', async () => {
    const read = async (sam: string) => {
      const options = { scope: 'base' as const, attributes: ['tokenGroups', 'adminCount'], explicitBufferAttributes: ['tokenGroups'] }
      const found = (await service.search(user(sam).dn, options)).searchEntries[0]
      return { adminCount: found?.['adminCount'], sids: ([found?.['tokenGroups']].flat() as Buffer[]).map(sidText) }
    }
    const nested = await read('ivan.nested')
    expect(nested.adminCount).toEqual([])
    expect(nested.sids).toEqual(expect.arrayContaining(['S-1-5-32-551', 'S-1-5-32-545', `${forest.domainSid}-513`]))
    expect((await read('heidi.admin')).sids).toEqual(expect.arrayContaining(['S-1-5-32-544', `${forest.domainSid}-512`]))
    expect((await read('alice.adams')).sids.toSorted()).toEqual([`${forest.domainSid}-513`, 'S-1-5-32-545'].toSorted())
    expect(await outcome(service.search(staff, { scope: 'sub', filter: '(cn=Bob Brown)', attributes: ['tokenGroups'] }))).toBe('1 00002120')
  })

  test('what the reader may write: two attributes in its scope, nothing outside or on protected accounts', async () => {
    const read = async (sam: string) =>
      [
        (await service.search(user(sam).dn, { scope: 'base', attributes: ['allowedAttributesEffective'] })).searchEntries[0]?.[
          'allowedAttributesEffective'
        ],
      ]
        .flat()
        .toSorted()
    expect(await read('alice.adams')).toEqual(['lockoutTime', 'pwdLastSet'])
    expect(await read('ivan.nested')).toEqual(['lockoutTime', 'pwdLastSet'])
    expect(await read('mallory.other')).toEqual([])
    expect(await read('heidi.admin')).toEqual([])
  })

  test('the computed account control tells a lock and a due password change', async () => {
    const read = async (sam: string) =>
      (await service.search(user(sam).dn, { scope: 'base', attributes: ['msDS-User-Account-Control-Computed'] })).searchEntries[0]?.[
        'msDS-User-Account-Control-Computed'
      ]
    expect([await read('alice.adams'), await read('frank.locked'), await read('grace.must')]).toEqual(['0', '16', '8388608'])
  })
})

describe('many entries', () => {
  test('more than 1,000 need paging, and then all come once', async () => {
    expect(await outcome(service.search(staff, { attributes: ['cn'] }))).toBe('4')
    const { searchEntries } = await service.search(staff, { attributes: ['cn'], paged: { pageSize: 400 }, filter: '(objectClass=user)' })
    expect(new Set(searchEntries.map((entry) => entry.dn)).size).toBe(forest.users.length - 1)
  })

  test('a size limit cuts the answer', async () => {
    expect((await service.search(staff, { scope: 'one', attributes: ['1.1'], sizeLimit: 2 })).searchEntries).toHaveLength(2)
  })
})
