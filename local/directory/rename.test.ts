import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Bench, change, outcome, reset, startBench } from './testing.ts'

let bench: Bench
beforeAll(async () => {
  bench = await startBench()
})
afterAll(() => bench.close())

const password = 'Start!Pass2026'
const base = 'DC=corp,DC=example,DC=test'
let counter = 0
const newUser = () => bench.directory.control.addUser({ sam: `renamed${++counter}`, password })

test('a move takes identity, password and memberships along, and leaves the delegated rights behind', async () => {
  const administrator = await bench.asAdministrator()
  const { dn, sam, objectGuid } = newUser()
  await administrator.modify(`CN=Server Team,OU=Groups,${base}`, [change('add', 'member', dn)])
  const moved = `CN=${sam},OU=Other,${base}`
  expect(await outcome(administrator.modifyDN(dn, moved))).toBe('0')
  expect(bench.directory.control.user(moved)).toMatchObject({ objectGuid, memberOf: [`CN=Server Team,OU=Groups,${base}`] })
  expect(await outcome(bench.client().bind(moved, password))).toBe('0')
  const service = await bench.asService()
  expect(await outcome(service.search(dn, { scope: 'base' }))).toBe('32 00002030')
  expect(await outcome(service.modify(`<GUID=${objectGuid}>`, reset('Quite-Different-77')))).toBe('50 00002098')
})

test('a new name shows in every attribute that has it', async () => {
  const administrator = await bench.asAdministrator()
  const { dn } = newUser()
  const renamed = `CN=O'Neil\\, Pat (${counter}),OU=Staff,${base}`
  expect(await outcome(administrator.modifyDN(dn, renamed))).toBe('0')
  const { searchEntries } = await administrator.search(renamed, { scope: 'base', attributes: ['cn', 'name', 'distinguishedName'] })
  const name = `O'Neil, Pat (${counter})`
  expect(searchEntries).toEqual([{ dn: renamed, cn: name, name, distinguishedName: renamed }])
})

test('what lies below a container goes with it, rights included', async () => {
  const administrator = await bench.asAdministrator()
  const service = await bench.asService()
  await administrator.add(`OU=Team,OU=Staff,${base}`, { objectClass: 'organizationalUnit' })
  const { dn, sam } = newUser()
  await administrator.modifyDN(dn, `CN=${sam},OU=Team,OU=Staff,${base}`)
  await administrator.modifyDN(`OU=Team,OU=Staff,${base}`, `OU=Crew,OU=Staff,${base}`)
  const user = `CN=${sam},OU=Crew,OU=Staff,${base}`
  expect(bench.directory.control.user(sam).dn).toBe(user)
  expect(await outcome(service.modify(user, reset('Quite-Different-77')))).toBe('0')
})

test.each([
  ['to nowhere', `CN=x,OU=Nowhere,${base}`, '80 00002095'],
  ['onto somebody else', `CN=Alice Adams,OU=Staff,${base}`, '68 00002071'],
  ['by another kind of name', `OU=x,OU=Staff,${base}`, '34 00002032'],
])('%s it is refused', async (_, target, expected) => {
  const administrator = await bench.asAdministrator()
  const { dn, objectGuid } = newUser()
  expect(await outcome(administrator.modifyDN(dn, target))).toBe(expected)
  expect(bench.directory.control.user(dn)).toMatchObject({ objectGuid })
})

test('nor below itself, nor by who is no administrator, nor somebody who is not there', async () => {
  const administrator = await bench.asAdministrator()
  const staff = `OU=Staff,${base}`
  expect(await outcome(administrator.modifyDN(staff, `OU=Staff,${staff}`))).toBe('53 00002035')
  expect(await outcome(administrator.modifyDN(`CN=nobody,${staff}`, 'CN=x'))).toBe('32 00002030')
  expect(await outcome((await bench.asService()).modifyDN(newUser().dn, 'CN=x'))).toBe('50 00002098')
})
