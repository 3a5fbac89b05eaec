import { TableClient } from '@azure/data-tables'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectionString } from '../../local/azurite.ts'
import { type EvidenceFacts, headOf, headText } from '../../shared/evidence.ts'
import type { EventName, Fields } from '../../shared/log.ts'
import { openRows } from '../store/rows.ts'
import { type Evidence, openEvidence } from './evidence.ts'
import type { Keyring } from './keyring.ts'
import { codeOf, startTestCloud, type TestCloud } from './test-cloud.ts'
import type { Vault } from './vault.ts'

let cloud: TestCloud
let keyring: Keyring
let evidence: Evidence
let logged: [EventName, Fields | undefined][]
const open = (vault: Vault = cloud.vault): Evidence =>
  openEvidence({ rows: cloud.keyring().rows, vault, log: (event, fields) => logged.push([event, fields]) })
const raw = () => TableClient.fromConnectionString(connectionString(cloud.azurite.addresses), 'state', { allowInsecureConnection: true })

beforeAll(async () => {
  cloud = await startTestCloud()
  keyring = cloud.keyring()
  await cloud.start()
})
afterAll(() => cloud.close())
beforeEach(async () => {
  logged = []
  evidence = open()
  for (const { rowKey } of await stored()) await raw().deleteEntity('evidence', rowKey)
  for (const { version } of await cloud.vault.secretVersions('package-key')) await cloud.vault.tagSecretVersion('package-key', version, {})
})

interface Stored {
  rowKey: string
  partitionKey: string
  v: string
  d: string
  w: string
  m: string
}
async function stored(): Promise<Stored[]> {
  await keyring.rows.list('state', 'evidence') // makes the table where there is none
  const rows: Stored[] = []
  for await (const { rowKey = '', partitionKey = '', v, d, w, m } of raw().listEntities<Stored>({
    queryOptions: { filter: "PartitionKey eq 'evidence'" },
  }))
    rows.push({ rowKey, partitionKey, v, d, w, m })
  return rows
}
const place = (sequence: number) => String(sequence).padStart(9, '0')
const write = (row: Stored) => raw().upsertEntity(row, 'Replace')
const erase = (sequence: number) => raw().deleteEntity('evidence', place(sequence))

const facts = (rolloverId: string, kind: EvidenceFacts['kind'] = 'begun'): EvidenceFacts => ({
  kind,
  rolloverId,
  why: 'byHand',
  reason: 'Grüße: "the auditor\'s visit"',
  by: 'timer',
  at: 1_780_000_000_000,
  versions: { packageKey: 'a'.repeat(32) },
})
async function fill(records = 4): Promise<void> {
  for (let sequence = 1; sequence <= records; sequence += 1) await evidence.append(facts(`run-${sequence}`))
}
const tags = async () => (await cloud.vault.secretVersions('package-key')).map((version) => version.tags)
const problems = async () => (await open().read()).chain.problems

describe('the chain of evidence', () => {
  it('is empty and intact before the first record', async () => {
    expect(await evidence.read()).toEqual({ records: [], chain: { state: 'intact', problems: [], head: undefined } })
    expect(await evidence.head()).toBeUndefined()
    await evidence.keep()
    expect(await tags()).toEqual([{}])
  })

  it('holds what was said, numbered, with its head as a tag and in the log, other tags kept', async () => {
    const [version] = await cloud.vault.secretVersions('package-key')
    await cloud.vault.tagSecretVersion('package-key', version?.version ?? '', { rollover: 'first-1' })
    const first = await evidence.append(facts('run-1'))
    const second = await evidence.append(facts('run-1', 'adopted'))
    const { records, chain } = await open().read()
    expect(records).toEqual([
      { ...facts('run-1'), sequence: 1, previous: '0'.repeat(64) },
      { ...facts('run-1', 'adopted'), sequence: 2, previous: first.split('.')[1] },
    ])
    expect(chain).toEqual({ state: 'intact', problems: [], head: second })
    expect(await evidence.head()).toBe(second)
    expect(await tags()).toEqual([{ rollover: 'first-1', evidence: second }])
    expect(logged.map(([event, fields]) => [event, `${fields?.sequence}.${fields?.hash}`])).toEqual([
      ['evidenceHead', first],
      ['evidenceHead', second],
    ])
  })

  it('holds a record once, however often and by however many it is said', async () => {
    const instances = Array.from({ length: 4 }, () => open())
    const said = instances.flatMap((each) => [
      each.append(facts('run-1')),
      each.append(facts('run-2')),
      each.append(facts('run-1', 'adopted')),
    ])
    const heads = await Promise.all(said)
    expect(new Set(heads).size).toBe(3)
    const again = await evidence.append(facts('run-2'))
    expect(heads).toContain(again)
    const { records, chain } = await evidence.read()
    expect(records.map(({ rolloverId, kind }) => `${rolloverId} ${kind}`).toSorted()).toEqual([
      'run-1 adopted',
      'run-1 begun',
      'run-2 begun',
    ])
    expect(chain.state).toBe('intact')
    expect(await tags()).toEqual([{ evidence: chain.head }])
  })

  it.each([
    ['the same record', facts('run-1')],
    ['the next record', facts('run-2')],
  ])('killed between row and tag is made good by %s', async (_name, next) => {
    const killed = open({ ...cloud.vault, tagSecretVersion: () => Promise.reject(new Error('killed')) })
    await expect(killed.append(facts('run-1'))).rejects.toThrow('killed')
    expect(await tags()).toEqual([{}])
    expect((await evidence.read()).chain.state).toBe('intact')
    expect(await tags()).toEqual([{}])
    await evidence.append(next)
    expect(await tags()).toEqual([{ evidence: await evidence.head() }])
  })

  it('killed between row and tag is made good by the timer, once', async () => {
    const killed = open({ ...cloud.vault, tagSecretVersion: () => Promise.reject(new Error('killed')) })
    await expect(killed.append(facts('run-1'))).rejects.toThrow('killed')
    await evidence.keep()
    await evidence.keep()
    expect(await tags()).toEqual([{ evidence: await evidence.head() }])
    expect(logged.map(([event]) => event)).toEqual(['evidenceHead'])
  })

  it('goes on the newest enabled version when the package key was rolled; what older ones say stays', async () => {
    const first = await evidence.append(facts('run-1'))
    // The vault counts in seconds, and by its own clock.
    cloud.test.vault.control.age(2_000)
    const version = await cloud.vault.createSecretVersion('package-key', { rollover: 'run-2' })
    try {
      const second = await evidence.append(facts('run-2'))
      expect((await tags()).toSorted((a, b) => Number('rollover' in a) - Number('rollover' in b))).toEqual([
        { evidence: first },
        { rollover: 'run-2', evidence: second },
      ])
      await cloud.vault.disableSecretVersion('package-key', version)
      expect((await evidence.read()).chain).toEqual({ state: 'intact', problems: [], head: second })
      // The tag of a disabled version counts as well.
      await erase(2)
      expect(await problems()).toEqual([
        `record 2 is not there, but the tag on package key version ${version} names record 2: the end was cut off`,
      ])
    } finally {
      await cloud.vault.disableSecretVersion('package-key', version)
    }
  })

  it('stays as it is when its rows are written again under a new state key', async () => {
    await fill(2)
    const before = await evidence.read()
    const rolled = cloud.keyring()
    const stateKey = await cloud.vault.createSecretVersion('state-key', {})
    const subkey = async (purpose: 'rows', version = stateKey) => await rolled.stateKeys.subkey(purpose, version)
    const underNew = openRows({ tables: cloud.tables, keys: { subkey: subkey as typeof rolled.stateKeys.subkey }, log: () => {} })
    for (const { rowKey, value, etag } of await keyring.rows.list<unknown>('state', 'evidence'))
      await underNew.replace('state', 'evidence', rowKey, value, etag)
    expect((await stored()).map(({ v }) => v)).toEqual([stateKey, stateKey])
    expect(await open().read()).toEqual(before)
  })

  it('is not thought intact while the vault is away', async () => {
    await fill(1)
    cloud.test.vault.control.faults([{ kind: 'unavailable', count: 100 }])
    expect(await codeOf(evidence.read())).toBe('KEY_UNAVAILABLE')
    cloud.test.vault.control.faults([])
  })
})

describe('tampering by whoever can write to the table', () => {
  let rows: Stored[]
  const row = (sequence: number): Stored => rows[sequence - 1] as Stored
  let version: string
  beforeEach(async () => {
    await fill()
    rows = await stored()
    version = (await cloud.vault.secretVersions('package-key')).find((each) => each.tags['evidence'])?.version ?? ''
  })
  const tag = () => `the tag on package key version ${version}`

  const forms: [string, () => Promise<unknown>, () => string[]][] = [
    [
      'an edit',
      () => write({ ...row(2), d: row(2).d.replace('byHand', 'enable') }),
      () => ['record 2 does not fit its MAC: it was edited'],
    ],
    ['an edit of the last', () => write({ ...row(4), d: '{}' }), () => ['record 4 does not fit its MAC: it was edited']],
    ['an edit to something else', () => write({ ...row(1), d: 'no JSON' }), () => ['record 1 does not fit its MAC: it was edited']],
    ['a removal', () => erase(2), () => ['record 2 is not there: removed']],
    ['a removal of several', () => Promise.all([erase(1), erase(2)]), () => ['records 1 to 2 are not there: removed']],
    [
      'an exchange of two',
      () => Promise.all([write({ ...row(2), rowKey: place(3) }), write({ ...row(3), rowKey: place(2) })]),
      () => [
        'in the place of record 2 stands a row of record 3: the order was changed',
        'in the place of record 3 stands a row of record 2: the order was changed',
      ],
    ],
    [
      'a copy in the place of another',
      () => write({ ...row(3), rowKey: place(2) }),
      () => ['in the place of record 2 stands a row of record 3: the order was changed'],
    ],
    ['the end cut off', () => erase(4), () => [`record 4 is not there, but ${tag()} names record 4: the end was cut off`]],
    [
      'more of the end cut off',
      () => Promise.all([erase(4), erase(3)]),
      () => [`records 3 to 4 are not there, but ${tag()} names record 4: the end was cut off`],
    ],
    [
      'everything removed',
      () => Promise.all([1, 2, 3, 4].map(erase)),
      () => [`there is no record at all, but ${tag()} names record 4: everything was removed`],
    ],
    [
      'rows added',
      () => Promise.all([write({ ...row(4), rowKey: place(5) }), write({ ...row(4), rowKey: 'other' })]),
      () => [
        'in the place of record 5 stands a row of record 4: the order was changed',
        'a row that is no record stands among them: it was added',
      ],
    ],
  ]

  it.each(forms)('is found: %s', async (_name, tamper, expected) => {
    expect(await problems()).toEqual([])
    await tamper()
    expect(await problems()).toEqual(expected())
    logged = []
    await evidence.keep()
    expect(logged).toEqual([['evidenceBroken', { count: expected().length }]])
  })

  it.each(forms)('is still found when records were added afterwards: %s', async (_name, tamper) => {
    await tamper()
    const head = await evidence.append(facts('later'))
    await evidence.append(facts('later still'))
    expect(Number.parseInt(head, 10)).toBeGreaterThan(4)
    const { chain, records } = await open().read()
    expect(chain.state).toBe('broken')
    expect(records.at(-1)).toMatchObject({ rolloverId: 'later still', previous: head.split('.')[1] })
    expect(await tags()).toContainEqual({ evidence: chain.head })
  })

  it('is no more when everything is put back', async () => {
    await Promise.all([write({ ...row(2), d: '{}' }), erase(4)])
    expect(await problems()).toHaveLength(2)
    await Promise.all(rows.map(write))
    expect(await problems()).toEqual([])
  })
})

describe('tampering by whoever can write rows like us', () => {
  beforeEach(() => fill())
  const rewrite = async (sequence: number, over: object) => {
    const found = await keyring.rows.read<object>('state', 'evidence', place(sequence))
    await keyring.rows.put('state', 'evidence', place(sequence), { ...found?.value, ...over })
  }

  it('is found by the record after, or by the tag', async () => {
    await rewrite(2, { reason: 'another' })
    expect(await problems()).toEqual(['record 3 does not continue record 2: one of them was rewritten'])
    await rewrite(4, { reason: 'another' })
    expect(await problems()).toContainEqual(expect.stringMatching(/^the tag on .* names another record 4 than the one that is there/))
  })

  it('is found by the place of a record', async () => {
    await rewrite(2, { sequence: 3 })
    await rewrite(3, { sequence: 2 })
    expect((await problems()).filter((problem) => problem.endsWith('the order was changed'))).toHaveLength(3)
  })

  it('is found where the row is none of ours', async () => {
    await keyring.rows.put('state', 'evidence', place(3), { hello: 'world' })
    expect(await problems()).toEqual(['record 3 was written by another version of this product'])
    expect((await evidence.read()).records).toHaveLength(3)
  })

  it('is found by a tag that is none', async () => {
    const [version] = await cloud.vault.secretVersions('package-key')
    await cloud.vault.tagSecretVersion('package-key', version?.version ?? '', { evidence: '4' })
    expect(await problems()).toEqual([`the tag on package key version ${version?.version} is no head of a chain: it was changed`])
  })

  it('is found by nothing but a head noted elsewhere when rows and tags are made up anew', async () => {
    const noted = (await evidence.head()) ?? ''
    const { records } = await evidence.read()
    let previous = '0'.repeat(64)
    for (const record of records) {
      const forged = { ...record, reason: 'another', previous }
      await keyring.rows.put('state', 'evidence', place(record.sequence), forged)
      previous = headOf(forged).hash
    }
    for (const { version, tags: there } of await cloud.vault.secretVersions('package-key'))
      if (there['evidence']) await cloud.vault.tagSecretVersion('package-key', version, { evidence: `4.${previous}` })
    const { chain } = await open().read()
    expect(chain).toEqual({ state: 'intact', problems: [], head: `4.${previous}` })
    expect(noted).not.toBe(chain.head)
    expect(noted).toBe(headText(headOf(records.at(-1) ?? { sequence: 0, previous: '' })))
  })
})
