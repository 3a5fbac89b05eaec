import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { UsageError } from './program.ts'
import { corpDn, type Forests, labDn, linesIn, startForests } from './scope.fixture.ts'
import { run } from './scope.ts'

const shared = Buffer.alloc(16, 0x71).toString('base64')
const twice = Buffer.alloc(16, 0x72).toString('base64')
const corpRule = { name: 'people', forest: 'corp', baseDn: `OU=Staff,${corpDn}`, precedence: 10 }
const labRule = { name: 'labs', forest: 'lab', baseDn: labDn, precedence: 20 }

let forests: Forests
beforeAll(async () => {
  forests = await startForests()
  const { corp, lab } = forests
  for (const { control } of [corp, lab]) control.setAttributes('alice.adams', { 'mS-DS-ConsistencyGuid': shared })
  for (const sam of ['odd.quote', 'odd.signs']) corp.control.setAttributes(sam, { 'mS-DS-ConsistencyGuid': twice })
  corp.control.setAttributes('odd.wild', { 'mS-DS-ConsistencyGuid': corp.control.user('bob.brown').immutableId, info: 'copied' })
  lab.control.setAttributes('carol.clark', { employeeID: '4711' })
})
afterAll(() => forests.close())

async function report(rules: readonly object[], ...args: string[]) {
  const out = join(forests.folder, 'report')
  const said: string[] = []
  const io = { print: () => expect.unreachable(), complain: (text: string) => void said.push(text), colour: false }
  const code = await run(['--settings', await forests.settings(rules), '--out', out, '--format', 'json', ...args], io)
  const lines = await linesIn(out)
  const statusOf = (sam: string, rule = 'people') => {
    const line = lines.find((each) => each.sAMAccountName === sam && each.rule === rule)
    return line && `${line.status} ${line.detail}`.trim()
  }
  return { code, lines, statusOf, said: said.join('\n'), out }
}

test('one line an account, with what a request for it would come to', async () => {
  const { code, lines, statusOf, said } = await report([corpRule, labRule])
  expect(code).toBe(0)
  const sams = forests.corp.forest.users.filter(({ traits }) => !traits.includes('outOfScope')).map(({ sam }) => sam)
  expect(lines.flatMap((line) => (line.rule === 'people' ? [line.sAMAccountName] : [])).sort()).toEqual(sams.sort())
  expect(Object.fromEntries(sams.map((sam) => [sam, statusOf(sam)]))).toMatchObject({
    'alice.adams': 'inScope',
    'bob.brown': 'inScope',
    'dave.disabled': 'disabled',
    'erin.expired': 'expired 2001-01-01T00:00:00.000Z',
    'frank.locked': 'inScope',
    'heidi.admin': 'protected adminCount',
    'ivan.nested': 'protected Backup Operators',
    'karl.card': 'smartCard',
    'odd.quote': 'ambiguous 2 accounts, by people',
    'odd.signs': 'ambiguous 2 accounts, by people',
    'odd.wild': 'outranked it is the objectGUID of another account',
  })
  expect(statusOf('alice.adams', 'labs')).toBe('outranked by people')
  expect(statusOf('bob.brown', 'labs')).toBe('inScope')
  const carol = forests.corp.control.user('carol.clark')
  expect(lines.find(({ dn }) => dn === carol.dn)).toEqual({
    rule: 'people',
    forest: 'corp',
    domain: 'corp.example.test',
    dn: carol.dn,
    sAMAccountName: 'carol.clark',
    userPrincipalName: carol.upn,
    sourceAnchor: carol.immutableId,
    status: 'inScope',
    detail: '',
  })
  expect(said).toMatch(/^protected +\d+$/m)
  expect(said).toMatch(new RegExp(`^all +${lines.length}$`, 'm'))
})

test('the same person in two forests under equal rules is nobody’s to choose', async () => {
  const { statusOf } = await report([{ ...corpRule, precedence: 20 }, labRule])
  for (const rule of ['people', 'labs']) expect(statusOf('alice.adams', rule)).toBe('ambiguous 2 accounts, by people and labs')
})

test('an anchor of another attribute; who lacks it is unlinked', async () => {
  const { statusOf } = await report([{ ...labRule, anchor: 'employeeID' }])
  expect(statusOf('carol.clark', 'labs')).toBe('inScope')
  expect(statusOf('bob.brown', 'labs')).toBe('noAnchor employeeID is empty')
})

test('a filter, and one account under two rules', async () => {
  const narrow = { ...corpRule, name: 'narrow', precedence: 1, filter: '(sAMAccountName=bob*)' }
  const { lines, statusOf } = await report([corpRule, narrow])
  expect(lines.filter(({ rule }) => rule === 'narrow').map(({ sAMAccountName }) => sAMAccountName)).toEqual(['bob.brown'])
  expect(statusOf('bob.brown', 'narrow')).toBe('inScope')
  expect(statusOf('bob.brown')).toBe('outranked by narrow')
})

test('a rule that is switched off is left out, shown with --all, and outranks nobody', async () => {
  const off = { ...labRule, precedence: 1, enabled: false }
  expect((await report([corpRule, off])).lines.some(({ rule }) => rule === 'labs')).toBe(false)
  const { statusOf } = await report([corpRule, off], '--all')
  expect(statusOf('alice.adams', 'labs')).toBe('ruleDisabled')
  expect(statusOf('alice.adams')).toBe('inScope')
})

test('--only shows these lines, and counts all', async () => {
  const { lines, said } = await report([corpRule], '--only', 'protected', '--only', 'disabled')
  expect(new Set(lines.map(({ status }) => status))).toEqual(new Set(['protected', 'disabled']))
  expect(said).toMatch(/^inScope +\d+$/m)
})

test('CSV into a file of its owner’s alone, with nothing left beside it', async () => {
  const out = join(forests.folder, 'report.csv')
  const io = { print: () => expect.unreachable(), complain: () => undefined, colour: false }
  expect(await run(['--settings', await forests.settings([corpRule]), '--out', out], io)).toBe(0)
  const text = await readFile(out, 'utf8')
  expect(text).toMatch(/^rule,forest,domain,dn,/)
  expect(text.split('\r\n')).toContainEqual(
    expect.stringMatching(/^people,corp,corp\.example\.test,"CN=Alice Adams,OU=Staff,DC=corp,.*",alice\.adams,/),
  )
  expect((await stat(out)).mode & 0o777).toBe(0o600)
  expect((await readdir(forests.folder)).filter((name) => name.endsWith('.part'))).toEqual([])
})

describe('a forest that cannot be read', () => {
  test('is named, and the other is there', async () => {
    const gone = await startForests()
    await gone.lab.close()
    const said: string[] = []
    const out = join(gone.folder, 'report')
    const io = { print: () => expect.unreachable(), complain: (text: string) => void said.push(text), colour: false }
    const args = ['--settings', await gone.settings([corpRule, labRule]), '--out', out, '--format', 'json']
    expect(await run(args, io)).toBe(1)
    expect(new Set((await linesIn(out)).map(({ forest }) => forest))).toEqual(new Set(['corp']))
    expect(said.join('\n')).toContain('Not read: rule labs, forest lab: nobody listens there')
    await gone.corp.close()
  })

  test('a base that is not there', async () => {
    const { code, lines, said } = await report([corpRule, { ...labRule, baseDn: `OU=Nowhere,${labDn}` }])
    expect(code).toBe(1)
    expect(lines.length).toBeGreaterThan(10)
    expect(said).toContain('Not read: rule labs, forest lab: there is no object of this name')
  })

  test('a server that is not available', async () => {
    forests.lab.control.fault({ kind: 'unavailable', operation: 'bind' })
    const { code, said } = await report([corpRule, labRule])
    expect(code).toBe(1)
    expect(said).toContain('Not read: rule labs')
  })
})

test.each([
  ['an unknown option', ['--nonsense'], /not known/],
  ['another format', ['--format', 'xml'], /--format/],
  ['an unknown status', ['--only', 'nobody'], /--only must be one of ruleDisabled/],
  ['settings that are not there', ['--settings', 'none.json'], /the settings file cannot be read/],
  ['a folder that is not there', ['--out', 'nowhere/at/all'], /--out/],
])('%s is a usage error', async (_, args, message) => {
  const io = { print: () => expect.unreachable(), complain: () => expect.unreachable(), colour: false }
  const failed = run(['--settings', await forests.settings([corpRule]), ...args], io)
  await expect(failed).rejects.toThrow(UsageError)
  await expect(failed).rejects.toThrow(message)
})
