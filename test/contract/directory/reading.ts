/** What the agent reads: the server itself, the domain, and users by names that break software. */
import { EqualityFilter, OrFilter } from 'ldapts'
import { describe, expect, test } from 'vitest'
import { guidOctets, sidText } from '../../../local/directory/identifiers.ts'
import { change, outcome } from '../../../local/directory/testing.ts'
import { type Bench, codeOf, equal, read, valuesOf } from './bench.ts'

const unlock = change('replace', 'lockoutTime', '0')
const nobody = '<GUID=11111111-1111-1111-1111-111111111111>'

export function readingContract(bench: Bench): void {
  test('the rootDSE, without a bind', async () => {
    const [root] = (await bench.client().search('', { scope: 'base', attributes: ['defaultNamingContext', 'dnsHostName', 'currentTime'] }))
      .searchEntries
    expect(root).toMatchObject({ defaultNamingContext: expect.stringMatching(new RegExp(`^${bench.forest.baseDn}$`, 'i')) })
    expect(String(root?.['dnsHostName']).toLowerCase()).toBe(bench.forest.hostName)
    expect(root?.['currentTime']).toMatch(/^\d{14}\.0Z$/)
  })

  test('the way to the PDC emulator', async () => {
    const service = await bench.service()
    const [owner] = await valuesOf(service, bench.forest.baseDn, 'fSMORoleOwner')
    const server = /^CN=NTDS Settings,(.+)$/i.exec(String(owner))?.[1] ?? ''
    expect((await valuesOf(service, server, 'dNSHostName')).map(String)).toEqual([bench.forest.hostName])
  })

  test('the password policy, by the service account', async () => {
    const policy = { minPwdLength: '10', pwdHistoryLength: '5', pwdProperties: '1', minPwdAge: '0', lockoutThreshold: '10' }
    const [head] = (
      await (await bench.service()).search(bench.forest.baseDn, { scope: 'base', attributes: [...Object.keys(policy), 'maxPwdAge'] })
    ).searchEntries
    expect(head).toMatchObject({ ...policy, maxPwdAge: '-36288000000000' })
  })

  test('pages', async () => {
    const service = await bench.service()
    const options = { scope: 'sub' as const, filter: '(objectCategory=person)', attributes: ['cn'], paged: { pageSize: 7 } }
    const sizes: number[] = []
    for await (const { searchEntries } of service.searchPaginated(bench.forest.serviceAccount.scope, options))
      sizes.push(searchEntries.length)
    expect(sizes.length).toBeGreaterThan(2)
    expect(sizes.slice(0, -1).every((size) => size === 7)).toBe(true)
  })

  describe('<GUID=…>', () => {
    test('names an entry wherever a DN may stand', async () => {
      const { objectGuid, sam } = await bench.newUser()
      const service = await bench.service()
      for (const name of [`<GUID=${objectGuid}>`, `<GUID=${objectGuid.toUpperCase()}>`]) {
        expect((await valuesOf(service, name, 'sAMAccountName')).map(String)).toEqual([sam])
        expect(await outcome(service.modify(name, [unlock]))).toBe('0')
      }
    })

    test('that nobody has', async () => {
      const service = await bench.service()
      expect(await codeOf(service.search(nobody, { scope: 'base' }))).toBe('32')
      expect(await codeOf(service.modify(nobody, [unlock]))).toBe('32')
      expect(await codeOf(service.search('<GUID=zz>', { scope: 'base' }))).toBe('34')
    })
  })

  describe('by bytes', () => {
    test.each([
      ['objectGUID', 'alice.adams'],
      ['mS-DS-ConsistencyGuid', 'carol.clark'],
    ])('%s', async (attribute, sam) => {
      const { immutableId, objectGuid } = bench.sample(sam)
      const value = attribute === 'objectGUID' ? guidOctets(objectGuid) : Buffer.from(immutableId, 'base64')
      const found = await read(await bench.service(), bench.forest.baseDn, equal(attribute, value ?? ''), 'sAMAccountName')
      expect(found.map((entry) => String(entry['sAMAccountName']))).toEqual([sam])
    })

    test('either of two attributes, bytes that look like a filter included', async () => {
      const { dn, sam } = await bench.newUser()
      const bytes = Buffer.from('*)(cn=*)\\2a\0\xff\xfe)', 'latin1').subarray(0, 16)
      await bench.subject.control.setAttributes(dn, { 'mS-DS-ConsistencyGuid': bytes.toString('base64') })
      const filters = ['mS-DS-ConsistencyGuid', 'objectGUID'].map((attribute) => new EqualityFilter({ attribute, value: bytes }))
      const either = { scope: 'sub', filter: new OrFilter({ filters }) } as const
      const found = await read(await bench.service(), bench.forest.baseDn, either, 'sAMAccountName')
      expect(found.map((entry) => String(entry['sAMAccountName']))).toEqual([sam])
    })
  })

  describe('injection', () => {
    test.each(['*', 'alice*', '*)(objectClass=*', 'alice.adams)(|(cn=*)', '\\2a', 'a\0b'])(
      '%j is a name that nobody has',
      async (value) => {
        expect(await read(await bench.service(), bench.forest.baseDn, equal('sAMAccountName', value), 'cn')).toEqual([])
      },
    )

    test('a star and brackets in a name are found as themselves', async () => {
      const found = await read(await bench.service(), bench.forest.baseDn, equal('cn', 'wild*card (paren)'), 'sAMAccountName')
      expect(found.map((entry) => String(entry['sAMAccountName']))).toEqual(['odd.wild'])
    })
  })

  test.each(['odd.comma', 'odd.slash', 'odd.lead', 'odd.quote', 'odd.signs', 'odd.wild', 'odd.unicode'])(
    'an odd name, %s: read, written and bound by its DN',
    async (sam) => {
      const { dn, password } = bench.sample(sam)
      const service = await bench.service()
      expect((await valuesOf(service, dn, 'sAMAccountName')).map(String)).toEqual([sam])
      expect((await valuesOf(service, dn, 'distinguishedName')).map(String)).toEqual([dn])
      expect(await outcome(service.modify(dn, [unlock]))).toBe('0')
      expect(await bench.bind(dn, password)).toBe('0')
    },
  )

  describe('tokenGroups', () => {
    const groupsOf = async (dn: string) => (await valuesOf(await bench.service(), dn, 'tokenGroups')).map(sidText)
    const domainGroup = (rid: number) => `${bench.forest.domainSid}-${rid}`

    test('the primary group', async () => {
      expect(await groupsOf(bench.sample('alice.adams').dn)).toContain(domainGroup(513))
    })

    test('groups in groups', async () => {
      expect(await groupsOf(bench.sample('ivan.nested').dn)).toContain('S-1-5-32-551')
      expect(await groupsOf(bench.sample('heidi.admin').dn)).toEqual(expect.arrayContaining([domainGroup(512), 'S-1-5-32-544']))
    })

    test('a primary group in other groups', async () => {
      const { dn } = await bench.newUser({ traits: ['protected'] })
      await bench.subject.control.setAttributes(dn, { primaryGroupID: '512' })
      expect(await groupsOf(dn)).toEqual(expect.arrayContaining([domainGroup(512), 'S-1-5-32-544']))
    })
  })

  test('the lock-out shows in the computed flags', async () => {
    const lockedBit = async (dn: string) =>
      Number(String((await valuesOf(await bench.service(), dn, 'msDS-User-Account-Control-Computed'))[0])) & 0x10
    expect(await lockedBit(bench.sample('frank.locked').dn)).toBe(0x10)
    expect(await lockedBit(bench.sample('alice.adams').dn)).toBe(0)
  })

  test('passwords are never returned', async () => {
    const { dn } = await bench.newUser()
    for (const client of [await bench.service(), await bench.administrator()]) {
      expect(await valuesOf(client, dn, 'unicodePwd')).toEqual([])
    }
  })
}
