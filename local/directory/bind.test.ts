import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Bench, change, changeOf, manualClock, outcome, reset, startBench } from './testing.ts'

const clock = manualClock(Date.UTC(2026, 10, 22, 9, 30))
let bench: Bench
beforeAll(async () => {
  bench = await startBench({ clock })
})
afterAll(() => bench.close())

const password = 'Start!Pass2026'
const minutes = (n: number) => n * 60_000
const bind = (name: string, word: string) => outcome(bench.client().bind(name, word))

test('a name is a DN, a userPrincipalName or DOMAIN\\account, in any case; nothing else', async () => {
  const { dn } = bench.directory.control.addUser({ sam: 'nina', name: 'Nina, "the" Namer', password })
  for (const name of [dn, dn.toLowerCase(), 'nina@corp.example.test', 'NINA@CORP.EXAMPLE.TEST', 'CORP\\nina', 'corp\\Nina']) {
    expect(await bind(name, password), name).toBe('0')
  }
  for (const name of [
    'nina',
    'OTHER\\nina',
    'nina@elsewhere.test',
    'Nina, "the" Namer',
    'CN=nina,,',
    '*@corp.example.test',
    'OU=Staff,DC=corp,DC=example,DC=test',
  ]) {
    expect(await bind(name, password), name).toBe('49 52e')
  }
})

test('every reason but a lock is told only to who knows the password', async () => {
  for (const [trait, reason] of [
    ['disabled', '49 533'],
    ['expired', '49 701'],
    ['mustChange', '49 773'],
    ['locked', '49 775'],
  ] as const) {
    const { dn } = bench.directory.control.addUser({ sam: `bind.${trait}`, password, traits: [trait] })
    expect(await bind(dn, password), trait).toBe(reason)
    expect(await bind(dn, 'wrong'), trait).toBe(trait === 'locked' ? '49 775' : '49 52e')
  }
  expect(await bind('CN=nobody,OU=Staff,DC=corp,DC=example,DC=test', password)).toBe('49 52e')
})

test('a password older than the policy allows says 532, outside the logon hours 530', async () => {
  const { dn } = bench.directory.control.addUser({ sam: 'old.password', password })
  bench.directory.control.setPolicy({ maxPwdAgeMs: minutes(60) })
  expect(await bind(dn, password)).toBe('0')
  clock.advance(minutes(61))
  expect(await bind(dn, password)).toBe('49 532')
  bench.directory.control.setPolicy({ maxPwdAgeMs: null })
  expect(await bind(dn, password)).toBe('0')
  bench.directory.control.setAttributes(dn, { logonHours: Buffer.alloc(21).toString('base64') })
  expect(await bind(dn, password)).toBe('49 530')
})

test('wrong passwords lock the account at the threshold, and the lock ends by itself', async () => {
  bench.directory.control.setPolicy({ lockoutThreshold: 3, lockoutWindowMs: minutes(10), lockoutMs: minutes(30) })
  const { dn, sam } = bench.directory.control.addUser({ sam: 'lock.me', password })
  expect([await bind(dn, 'a'), await bind(dn, 'b'), await bind(dn, password)]).toEqual(['49 52e', '49 52e', '0'])
  expect(bench.directory.control.user(sam).badPwdCount).toBe(0)
  expect([await bind(dn, 'a'), await bind(dn, 'b'), await bind(dn, 'c'), await bind(dn, password)]).toEqual([
    '49 52e',
    '49 52e',
    '49 52e',
    '49 775',
  ])
  clock.advance(minutes(30))
  expect(await bind(dn, password)).toBe('0')
  expect(bench.directory.control.user(sam).locked).toBe(false)
})

test('wrong passwords further apart than the observation window never lock', async () => {
  bench.directory.control.setPolicy({ lockoutThreshold: 2, lockoutWindowMs: minutes(10) })
  const { dn } = bench.directory.control.addUser({ sam: 'slow.guess', password })
  for (let guess = 0; guess < 4; guess += 1) {
    expect(await bind(dn, 'wrong')).toBe('49 52e')
    clock.advance(minutes(10))
  }
  expect(await bind(dn, password)).toBe('0')
})

test('a reset does not unlock, lockoutTime 0 does', async () => {
  const service = await bench.asService()
  const { dn, sam } = bench.directory.control.addUser({ sam: 'unlock.me', password, traits: ['locked'] })
  await service.modify(dn, reset('Fresh#Word-77'))
  expect(await bind(dn, 'Fresh#Word-77')).toBe('49 775')
  await service.modify(dn, [change('replace', 'lockoutTime', '0')])
  expect(await bind(dn, 'Fresh#Word-77')).toBe('0')
  expect(bench.directory.control.user(sam).badPwdCount).toBe(0)
})

test('wrong old passwords of changes lock as those of binds do', async () => {
  const service = await bench.asService()
  bench.directory.control.setPolicy({ lockoutThreshold: 2 })
  const { dn } = bench.directory.control.addUser({ sam: 'wrong.changer', password })
  const guess = () => outcome(service.modify(dn, changeOf('Wrong!Pass2026', 'Fresh#Word-77')))
  expect([await guess(), await guess(), await guess()]).toEqual(['19 00000056', '19 00000056', '19 00000775'])
})

test('the two passwords before are not counted where the server forgives them', async () => {
  const service = await bench.asService()
  const { dn, sam } = bench.directory.control.addUser({ sam: 'phone.owner', password })
  await service.modify(dn, reset('Fresh#Word-77'))
  expect(await bind(dn, password)).toBe('49 52e')
  expect(bench.directory.control.user(sam).badPwdCount).toBe(1)
  bench.directory.control.setPolicy({ forgivesRecentPasswords: true })
  expect(await bind(dn, password)).toBe('49 52e')
  expect(bench.directory.control.user(sam).badPwdCount).toBe(1)
})

test('a failed bind leaves the connection anonymous', async () => {
  const client = await bench.asService()
  const { dn } = bench.directory.control.addUser({ sam: 'fallen', password })
  expect(await outcome(client.bind(dn, 'wrong'))).toBe('49 52e')
  expect(await outcome(client.modify(dn, reset('Fresh#Word-77')))).toBe('1 00002020')
})

test('no password is no password: neither anonymous with a name nor SASL gets in', async () => {
  const { dn } = bench.directory.control.addUser({ sam: 'empty.word', password })
  expect(await bind(dn, '')).toBe('49 52e')
  expect(await outcome(bench.client().bindSASL('PLAIN', `\0${dn}\0${password}`))).toBe('7 00002027')
})
