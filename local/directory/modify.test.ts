import { Control } from 'ldapts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Bench, change, changeOf, outcome, PolicyHints, reset, startBench } from './testing.ts'

let bench: Bench
beforeAll(async () => {
  bench = await startBench()
})
afterAll(() => bench.close())

const password = 'Start!Pass2026'
let counter = 0
function newUser(traits: Parameters<Bench['directory']['control']['addUser']>[0]['traits'] = []) {
  counter += 1
  return bench.directory.control.addUser({ sam: `member${counter}`, password, traits })
}
const unlock = change('replace', 'lockoutTime', '0')

describe('the service account', () => {
  test('may do its four things in its scope, named by DN or by GUID', async () => {
    const service = await bench.asService()
    const { dn, objectGuid } = newUser(['locked'])
    for (const name of [dn, `<GUID=${objectGuid}>`]) {
      expect(await outcome(service.modify(name, [...reset(`Fresh#Word-${name.length}`), unlock], new PolicyHints()))).toBe('0')
      expect(await outcome(service.modify(name, [change('replace', 'pwdLastSet', '0')]))).toBe('0')
      expect(await outcome(service.modify(name, [change('replace', 'pwdLastSet', '-1')]))).toBe('0')
    }
    expect(bench.directory.control.user(dn)).toMatchObject({ locked: false, mustChange: false, passwordWrites: 2 })
  })

  test('may do nothing else', async () => {
    const service = await bench.asService()
    const { dn, sam } = newUser()
    expect(await outcome(service.modify(dn, [change('replace', 'displayName', 'x')]))).toBe('50 00002098')
    expect(await outcome(service.modify(dn, [...reset('Fresh#Word-77'), change('replace', 'displayName', 'x')]))).toBe('50 00002098')
    expect(await outcome(service.modify(dn, [change('replace', 'userAccountControl', '514')]))).toBe('50 00002098')
    expect(await outcome(service.modify('OU=Staff,DC=corp,DC=example,DC=test', [change('replace', 'description', 'x')]))).toBe(
      '50 00002098',
    )
    expect(await outcome(service.modify('DC=corp,DC=example,DC=test', [change('replace', 'minPwdLength', '1')]))).toBe('50 00002098')
    expect(await outcome(service.add('CN=new,OU=Staff,DC=corp,DC=example,DC=test', { objectClass: 'user' }))).toBe('50 00002098')
    expect(await outcome(service.del(dn))).toBe('50 00002098')
    expect(bench.directory.control.verifyPassword(sam, password)).toBe(true)
  })

  test('resets nobody out of scope and nobody protected, but helps anybody who knows the old password to change', async () => {
    const service = await bench.asService()
    for (const trait of ['outOfScope', 'protected'] as const) {
      const { dn } = newUser([trait])
      expect(await outcome(service.modify(dn, reset('Fresh#Word-77'))), trait).toBe('50 00002098')
      expect(await outcome(service.modify(dn, [unlock])), trait).toBe('50 00002098')
      expect(await outcome(service.modify(dn, changeOf(password, 'Fresh#Word-77'))), trait).toBe('0')
    }
  })

  test('has the rights it was granted and no longer those that were revoked', async () => {
    const { control, forest } = bench.directory
    const service = await bench.asService()
    const { dn } = newUser()
    control.revoke(forest.serviceAccount.dn)
    expect(await outcome(service.modify(dn, reset('Fresh#Word-77')))).toBe('50 00002098')
    control.grant(forest.serviceAccount.dn, forest.serviceAccount.scope, ['resetPassword'])
    expect(await outcome(service.modify(dn, [...reset('Fresh#Word-77'), unlock]))).toBe('50 00002098')
    expect(await outcome(service.modify(dn, reset('Fresh#Word-77')))).toBe('0')
    control.grant(forest.serviceAccount.dn, forest.serviceAccount.scope, ['lockoutTime', 'pwdLastSet', 'changePassword'])
  })
})

test('users change their own password and nothing more', async () => {
  const { dn } = newUser()
  const user = await bench.bound(dn, password)
  expect(await outcome(user.modify(dn, reset('Fresh#Word-77')))).toBe('50 00002098')
  expect(await outcome(user.modify(dn, [unlock]))).toBe('50 00002098')
  expect(await outcome(user.modify(dn, changeOf(password, 'Fresh#Word-77')))).toBe('0')
})

describe('an administrator', () => {
  test('adds, changes and deletes users and group members', async () => {
    const administrator = await bench.asAdministrator()
    const dn = 'CN=Made\\, By Hand,OU=Staff,DC=corp,DC=example,DC=test'
    const group = 'CN=Server Team,OU=Groups,DC=corp,DC=example,DC=test'
    await administrator.add(dn, { objectClass: 'user', sAMAccountName: 'made.by.hand', userAccountControl: '514' })
    await administrator.modify(dn, reset(password))
    await administrator.modify(dn, [change('replace', 'userAccountControl', '512')])
    expect(await outcome(bench.client().bind(dn, password))).toBe('0')
    await administrator.modify(group, [change('add', 'member', dn)])
    expect(bench.directory.control.user(dn).memberOf).toEqual([group])
    expect(await outcome(administrator.modify(group, [change('add', 'member', dn)]))).toBe('68 00000562')
    await administrator.del(dn)
    expect(await outcome(administrator.modify(dn, [unlock]))).toBe('32 00002030')
    expect((await administrator.search(group, { scope: 'base', attributes: ['member'] })).searchEntries[0]?.['member']).not.toBe(dn)
  })

  test.each([
    ['an unknown attribute', change('replace', 'noSuchAttribute', 'x'), '16 00000057'],
    ['an attribute of the system', change('replace', 'objectGUID', Buffer.alloc(16, 1)), '19 0000202F'],
    ['the naming attribute', change('replace', 'cn', 'x'), '67 00002016'],
    ['a second value', change('add', 'displayName', 'x'), '20 0000200D'],
    ['a value that is not there', change('delete', 'description'), '16 00002085'],
    ['a text as a number', change('replace', 'userAccountControl', 'x'), '21 00000057'],
    ['a pwdLastSet that is neither 0 nor -1', change('replace', 'pwdLastSet', '5'), '80 00000057'],
    ['no pwdLastSet', change('delete', 'pwdLastSet'), '53 00002077'],
  ])('is refused %s, and the password in the same modify is not set', async (_, wrong, expected) => {
    const administrator = await bench.asAdministrator()
    const { dn, sam } = newUser()
    expect(await outcome(administrator.modify(dn, [...reset('Fresh#Word-77'), wrong]))).toBe(expected)
    expect(bench.directory.control.verifyPassword(sam, password)).toBe(true)
    expect(bench.directory.control.user(sam).passwordWrites).toBe(0)
  })

  test('is refused an add without a password, a parent, a class, or with a name in use', async () => {
    const administrator = await bench.asAdministrator()
    const { dn, sam } = newUser()
    const add = (name: string, attributes: Record<string, string>) => outcome(administrator.add(name, attributes))
    const enabled = { objectClass: 'user', userAccountControl: '512' }
    expect(await add('CN=a,OU=Staff,DC=corp,DC=example,DC=test', enabled)).toBe('53 0000052D')
    expect(await add('CN=a,OU=Nowhere,DC=corp,DC=example,DC=test', enabled)).toBe('32 00002030')
    expect(await add('CN=a,OU=Staff,DC=corp,DC=example,DC=test', { displayName: 'a' })).toBe('65 00002014')
    expect(await add(dn, enabled)).toBe('68 00002071')
    expect(await add('CN=a,OU=Staff,DC=corp,DC=example,DC=test', { objectClass: 'user', sAMAccountName: sam })).toBe('68 00002071')
    expect(await outcome(administrator.del('OU=Staff,DC=corp,DC=example,DC=test'))).toBe('66 00002015')
  })
})

describe('controls', () => {
  test('an unknown one refuses the request only if it is critical', async () => {
    const service = await bench.asService()
    const { dn } = newUser()
    expect(await outcome(service.modify(dn, [unlock], new Control('1.2.3.4.5', { critical: true })))).toBe('12 00000057')
    expect(await outcome(service.modify(dn, [unlock], new Control('1.2.3.4.5', { critical: false })))).toBe('0')
    expect(await outcome(service.modify(dn, [unlock], new Control('1.2.840.113556.1.4.2239', { critical: true })))).toBe('12 00000057')
  })

  test('a server without the policy hints does not offer and does not take them', async () => {
    const service = await bench.asService()
    const { control } = bench.directory
    control.setSupportedControls(['1.2.840.113556.1.4.319'])
    const { searchEntries } = await service.search('', { scope: 'base', attributes: ['supportedControl'] })
    expect(searchEntries[0]?.['supportedControl']).toBe('1.2.840.113556.1.4.319')
    expect(await outcome(service.modify(newUser().dn, reset('Fresh#Word-77'), new PolicyHints()))).toBe('12 00000057')
  })
})
