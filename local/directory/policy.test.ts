import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Bench, change, changeOf, manualClock, outcome, PolicyHints, reset, startBench } from './testing.ts'

const clock = manualClock(Date.UTC(2026, 10, 22, 9, 30))
let bench: Bench
beforeAll(async () => {
  bench = await startBench({ clock })
})
afterAll(() => bench.close())

const password = 'Start!Pass2026'
const days = (n: number) => n * 86_400_000
const container = 'CN=Password Settings Container,CN=System,DC=corp,DC=example,DC=test'
const day = '-864000000000'

const settings = (precedence: number, minLength: number, appliesTo: string) => ({
  objectClass: 'msDS-PasswordSettings',
  'msDS-PasswordSettingsPrecedence': String(precedence),
  'msDS-PasswordReversibleEncryptionEnabled': 'FALSE',
  'msDS-PasswordHistoryLength': '2',
  'msDS-PasswordComplexityEnabled': 'FALSE',
  'msDS-MinimumPasswordLength': String(minLength),
  'msDS-MinimumPasswordAge': '0',
  'msDS-MaximumPasswordAge': '-9223372036854775808',
  'msDS-LockoutThreshold': '0',
  'msDS-LockoutObservationWindow': day,
  'msDS-LockoutDuration': day,
  'msDS-PSOAppliesTo': appliesTo,
})

test('the minimum age holds for changes and for resets with hints, and not for who must change', async () => {
  const service = await bench.asService()
  const { dn } = bench.directory.control.addUser({ sam: 'young', password })
  bench.directory.control.setPolicy({ minPwdAgeMs: days(1) })
  expect(await outcome(service.modify(dn, changeOf(password, 'x')))).toBe('19 0000052D')
  expect(await outcome(service.modify(dn, changeOf('Wrong!Pass2026', 'x')))).toBe('19 00000056')
  expect(await outcome(service.modify(dn, reset('Fresh#Word-78'), new PolicyHints()))).toBe('53 0000052D')
  expect(await outcome(service.modify(dn, reset('Fresh#Word-77')))).toBe('0')
  clock.advance(days(1))
  expect(await outcome(service.modify(dn, reset('Fresh#Word-78'), new PolicyHints()))).toBe('0')
  await service.modify(dn, [change('replace', 'pwdLastSet', '0')])
  expect(await outcome(service.modify(dn, changeOf('Fresh#Word-78', 'Fresh#Word-79')))).toBe('0')
  bench.directory.control.setPolicy({ minPwdAgeMs: 0 })
})

test('pwdLastSet -1 takes back a 0 and otherwise leaves the age alone', async () => {
  const service = await bench.asService()
  const { dn, sam } = bench.directory.control.addUser({ sam: 'aged', password })
  const before = bench.directory.control.user(sam).pwdLastSetMs
  clock.advance(days(1))
  await service.modify(dn, [change('replace', 'pwdLastSet', '-1')])
  expect(bench.directory.control.user(sam).pwdLastSetMs).toBe(before)
  await service.modify(dn, [change('replace', 'pwdLastSet', '0')])
  await service.modify(dn, [change('replace', 'pwdLastSet', '-1')])
  expect(bench.directory.control.user(sam).pwdLastSetMs).toBe(clock.now())
})

test('a settings object of one’s own beats that of a group, and among equals the lowest precedence wins', async () => {
  const administrator = await bench.asAdministrator()
  const service = await bench.asService()
  const group = 'CN=Server Team,OU=Groups,DC=corp,DC=example,DC=test'
  const { dn } = bench.directory.control.addUser({ sam: 'strict', password })
  const resultant = async () =>
    (await service.search(dn, { scope: 'base', attributes: ['msDS-ResultantPSO'] })).searchEntries[0]?.['msDS-ResultantPSO']

  expect(await resultant()).toEqual([])
  await administrator.modify(group, [change('add', 'member', dn)])
  await administrator.add(`CN=team,${container}`, settings(1, 14, group))
  expect(await resultant()).toBe(`CN=team,${container}`)
  expect(await outcome(service.modify(dn, reset('aaaaaaaaaaaaa')))).toBe('53 0000052D')
  expect(await outcome(service.modify(dn, reset('aaaaaaaaaaaaaa')))).toBe('0')

  await administrator.add(`CN=own,${container}`, settings(20, 4, dn))
  await administrator.add(`CN=other,${container}`, settings(30, 4, dn))
  expect(await resultant()).toBe(`CN=own,${container}`)
  expect(await outcome(service.modify(dn, reset('abcd')))).toBe('0')
})

test('the contents of settings objects are for administrators', async () => {
  const administrator = await bench.asAdministrator()
  const service = await bench.asService()
  await administrator.add(`CN=hidden,${container}`, settings(99, 4, 'CN=Server Team,OU=Groups,DC=corp,DC=example,DC=test'))
  expect(await outcome(service.search(`CN=hidden,${container}`, { scope: 'base' }))).toBe('32 00002030')
  expect((await service.search(container, { scope: 'one' })).searchEntries).toEqual([])
  expect(await outcome(administrator.search(`CN=hidden,${container}`, { scope: 'base' }))).toBe('0')
})
