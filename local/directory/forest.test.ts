/** Two domains of one forest, each with a server of its own, and a second forest beside it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asOneForest, sampleForest, sharedPeople, withSharedPeople } from './seed.ts'
import { type Bench, outcome, reset, startBench } from './testing.ts'

const [corp, emea] = asOneForest(sampleForest(), sampleForest({ sample: 'emea' }))
let root: Bench
let child: Bench
beforeAll(async () => {
  ;[root, child] = await Promise.all([startBench({ forest: corp }), startBench({ forest: emea })])
})
afterAll(() => Promise.all([root.close(), child.close()]))

const textOf = async (bench: Bench, base: string, attribute: string): Promise<string> => {
  const { searchEntries } = await (await bench.asService()).search(base, { scope: 'base', attributes: [attribute] })
  return String(searchEntries[0]?.[attribute])
}

test('a child domain says whose child it is', async () => {
  const attributes = ['defaultNamingContext', 'rootDomainNamingContext', 'configurationNamingContext', 'dnsHostName']
  const { searchEntries } = await child.client().search('', { scope: 'base', attributes })
  expect(searchEntries[0]).toMatchObject({
    defaultNamingContext: 'DC=emea,DC=corp,DC=example,DC=test',
    rootDomainNamingContext: 'DC=corp,DC=example,DC=test',
    configurationNamingContext: 'CN=Configuration,DC=corp,DC=example,DC=test',
    dnsHostName: 'dc1.emea.corp.example.test',
  })
})

test('each domain has a PDC emulator of its own, and both servers know where it is', async () => {
  for (const [bench, forest] of [
    [root, corp],
    [child, emea],
  ] as const) {
    const owner = (await textOf(bench, forest.baseDn, 'fSMORoleOwner')).replace('CN=NTDS Settings,', '')
    for (const asked of [root, child]) expect(await textOf(asked, owner, 'dNSHostName')).toBe(forest.hostName)
  }
})

test('both servers list the domains of the forest', async () => {
  for (const bench of [root, child]) {
    const { searchEntries } = await (await bench.asService()).search('CN=Partitions,CN=Configuration,DC=corp,DC=example,DC=test', {
      scope: 'sub',
      filter: '(nETBIOSName=*)',
      attributes: ['nCName', 'dnsRoot'],
    })
    expect(searchEntries.map((entry) => entry['dnsRoot']).sort()).toEqual(['corp.example.test', 'emea.corp.example.test'])
    expect(searchEntries.map((entry) => entry['nCName']).sort()).toEqual([corp.baseDn, emea.baseDn])
  }
})

test('whoever asks the wrong server is sent to the other domain', async () => {
  const [vera] = emea.users
  const [alice] = corp.users
  if (!vera || !alice) throw new Error('nobody there')
  const [inRoot, inChild] = await Promise.all([root.asService(), child.asService()])
  expect(await outcome(inRoot.search(vera.dn, { scope: 'base' }))).toBe('10 0000202B')
  expect(await outcome(inRoot.modify(vera.dn, reset('Quite-Different-77')))).toBe('10 0000202B')
  expect(await outcome(inChild.search(alice.dn, { scope: 'base' }))).toBe('10 0000202B')
  expect(await outcome(inChild.modify(vera.dn, reset('Quite-Different-77')))).toBe('0')
  expect(await outcome(inRoot.search(`CN=nobody,${corp.baseDn}`, { scope: 'base' }))).toBe('32 00002030')
})

test('a search of the parent does not enter the child', async () => {
  const { searchEntries } = await (await root.asService()).search(corp.baseDn, { scope: 'sub', filter: '(sAMAccountName=vera.vogt)' })
  expect(searchEntries).toEqual([])
})

test('a person with an account in two forests has one source anchor', () => {
  const north = withSharedPeople(corp, sampleForest({ sample: 'north' }))
  const anchorOf = (sam: string) => corp.users.find((user) => user.sam === sam)?.immutableId
  expect(sharedPeople(corp, north).map(({ sam, immutableId }) => [sam, immutableId])).toEqual(
    ['alice.adams', 'carol.clark'].map((sam) => [sam, anchorOf(sam)]),
  )
  const everybody = [...corp.users, ...north.users].map(({ objectGuid }) => objectGuid)
  expect(new Set(everybody).size).toBe(everybody.length)
})

test('switched off and on, a server has its address and its people still', async () => {
  const bench = await startBench()
  const { control, addresses } = bench.directory
  control.addUser({ sam: 'kept', password: 'Start!Pass2026' })
  const { dn } = control.user('kept')
  await control.stop()
  await expect(bench.client().bind(dn, 'Start!Pass2026')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await control.start()
  expect(await outcome(bench.client(addresses.ldaps).bind(dn, 'Start!Pass2026'))).toBe('0')
  await bench.close()
})

test('the password filter of the start refuses', async () => {
  const bench = await startBench({ bannedSubstrings: ['Company'] })
  const { dn } = bench.directory.control.addUser({ sam: 'filtered', password: 'Start!Pass2026' })
  expect(await outcome((await bench.asService()).modify(dn, reset('My-company-2026')))).toBe('53 0000052D')
  await bench.close()
})
