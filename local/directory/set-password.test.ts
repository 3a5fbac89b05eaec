import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Bench, change, changeOf, outcome, PolicyHints, quoted, reset, startBench } from './testing.ts'

let bench: Bench
beforeAll(async () => {
  bench = await startBench({ clearPort: 0 })
})
afterAll(() => bench.close())

let counter = 0
const first = 'Start!Pass2026'
function newUser(password = first) {
  counter += 1
  return bench.directory.control.addUser({ sam: `person${counter}`, name: `Person ${counter}`, password })
}

describe('a reset', () => {
  test('sets the password, counts as one write and leaves the old one useless', async () => {
    const service = await bench.asService()
    const { dn, sam } = newUser()
    await service.modify(dn, reset('Fresh#Word-77'))
    expect(bench.directory.control.verifyPassword(sam, 'Fresh#Word-77')).toBe(true)
    expect(bench.directory.control.verifyPassword(sam, first)).toBe(false)
    expect(bench.directory.control.user(sam).passwordWrites).toBe(1)
    expect(await outcome(bench.client().bind(dn, 'Fresh#Word-77'))).toBe('0')
    expect(await outcome(bench.client().bind(dn, first))).toBe('49 52e')
  })

  test.each([
    ['too short', 'Ab1!', '53 0000052D'],
    ['empty', '', '53 0000052D'],
    ['one kind of character', 'aaaaaaaaaaaa', '53 0000052D'],
    ['two kinds', 'aaaaaaaaaaa1', '53 0000052D'],
    ['three kinds', 'aaaaaaaaaaA1', '0'],
    ['quotes inside', 'A"quoted"1word', '0'],
    ['an emoji', 'Grüße-🙂-2026', '0'],
    ['300 characters', 'Aa1!'.repeat(75), '0'],
  ])('of a password that is %s', async (_, password, expected) => {
    const service = await bench.asService()
    expect(await outcome(service.modify(newUser().dn, reset(password)))).toBe(expected)
  })

  test.each([
    ['not quoted', [change('replace', 'unicodePwd', Buffer.from('Fresh#Word-77', 'utf16le'))]],
    ['UTF-8', [change('replace', 'unicodePwd', '"Fresh#Word-77"')]],
    ['an odd number of octets', [change('replace', 'unicodePwd', Buffer.concat([quoted('Fresh#Word-77'), Buffer.of(0)]))]],
    ['a single quote', [change('replace', 'unicodePwd', Buffer.from('"', 'utf16le'))]],
    ['no value', [change('replace', 'unicodePwd')]],
    ['two values', [change('replace', 'unicodePwd', quoted('Fresh#Word-77'), quoted('Fresh#Word-78'))]],
    ['a delete alone', [change('delete', 'unicodePwd', quoted(first))]],
    ['an add alone', [change('add', 'unicodePwd', quoted('Fresh#Word-77'))]],
    [
      'a reset and a change at once',
      [change('delete', 'unicodePwd', quoted(first)), change('replace', 'unicodePwd', quoted('Fresh#Word-77'))],
    ],
  ])('written as %s is refused and changes nothing', async (_, changes) => {
    const service = await bench.asService()
    const { dn, sam } = newUser()
    expect(await outcome(service.modify(dn, changes))).toBe('53 00002035')
    expect(bench.directory.control.verifyPassword(sam, first)).toBe(true)
  })

  test('goes around history without the policy hints and obeys it with them, under either OID', async () => {
    const service = await bench.asService()
    const { dn } = newUser()
    expect(await outcome(service.modify(dn, reset(first)))).toBe('0')
    expect(await outcome(service.modify(dn, reset(first), new PolicyHints()))).toBe('53 0000052D')
    expect(await outcome(service.modify(dn, reset(first), new PolicyHints('1.2.840.113556.1.4.2066')))).toBe('53 0000052D')
    expect(await outcome(service.modify(dn, reset('Fresh#Word-77'), new PolicyHints()))).toBe('0')
  })

  test('with hints and pwdLastSet 0 in one modify is too young; the two one after the other are not', async () => {
    const service = await bench.asService()
    const { dn, sam } = newUser()
    const mustChange = change('replace', 'pwdLastSet', '0')
    expect(await outcome(service.modify(dn, [...reset('Fresh#Word-77'), mustChange], new PolicyHints()))).toBe('53 0000052D')
    expect(await outcome(service.modify(dn, reset('Fresh#Word-77'), new PolicyHints()))).toBe('0')
    expect(await outcome(service.modify(dn, [mustChange]))).toBe('0')
    expect(bench.directory.control.user(sam).mustChange).toBe(true)
    expect(await outcome(bench.client().bind(dn, 'Fresh#Word-77'))).toBe('49 773')
  })

  test('on the clear port is refused, whatever the rights', async () => {
    const { administrator } = bench.directory.forest
    const client = bench.client(bench.directory.addresses['ldap'])
    await client.bind(administrator.dn, administrator.password)
    expect(await outcome(client.modify(newUser().dn, reset('Fresh#Word-77')))).toBe('53 0000001F')
  })

  test('is refused by a password filter', async () => {
    const service = await bench.asService()
    const { dn } = newUser()
    bench.directory.control.setPolicy({ bannedSubstrings: ['contoso'] })
    expect(await outcome(service.modify(dn, reset('My-Contoso-2026')))).toBe('53 0000052D')
    bench.directory.control.setPolicy({ bannedSubstrings: [] })
    expect(await outcome(service.modify(dn, reset('My-Contoso-2026')))).toBe('0')
  })

  test('may not contain the account name or a part of the display name', async () => {
    const service = await bench.asService()
    const user = bench.directory.control.addUser({
      sam: 'qwx',
      name: 'Hildegard von-Bingen',
      displayName: 'Bingen, Hildegard',
      password: first,
    })
    expect(await outcome(service.modify(user.dn, reset('1-QWX-password')))).toBe('53 0000052D')
    expect(await outcome(service.modify(user.dn, reset('1-hildegarD-x')))).toBe('53 0000052D')
    expect(await outcome(service.modify(user.dn, reset('1-hilde-gard-X')))).toBe('0')
  })
})

describe('a change', () => {
  test('needs the old password, and a wrong one counts towards the lock-out', async () => {
    const service = await bench.asService()
    const { dn, sam } = newUser()
    expect(await outcome(service.modify(dn, changeOf('Wrong!Pass2026', 'Fresh#Word-77')))).toBe('19 00000056')
    expect(bench.directory.control.user(sam).badPwdCount).toBe(1)
    expect(await outcome(service.modify(dn, changeOf(first, 'Fresh#Word-77')))).toBe('0')
    expect(bench.directory.control.verifyPassword(sam, 'Fresh#Word-77')).toBe(true)
  })

  test('obeys length, complexity and history without being asked', async () => {
    const service = await bench.asService()
    const { dn } = newUser()
    expect(await outcome(service.modify(dn, changeOf(first, 'Ab1!')))).toBe('19 0000052D')
    expect(await outcome(service.modify(dn, changeOf(first, 'aaaaaaaaaaaa')))).toBe('19 0000052D')
    expect(await outcome(service.modify(dn, changeOf(first, first)))).toBe('19 0000052D')
  })

  test('remembers as many passwords as the policy says, the present one included', async () => {
    const service = await bench.asService()
    const { dn } = newUser()
    const cycle = (n: number) => `Cycle#Word-${n}`
    for (const n of [1, 2, 3, 4, 5, 6]) await service.modify(dn, reset(cycle(n)))
    for (const n of [6, 5, 4, 3, 2]) expect(await outcome(service.modify(dn, changeOf(cycle(6), cycle(n))))).toBe('19 0000052D')
    expect(await outcome(service.modify(dn, changeOf(cycle(6), cycle(1))))).toBe('0')
  })

  test('is refused while the account is locked, also with the right password', async () => {
    const service = await bench.asService()
    const user = bench.directory.control.addUser({ sam: 'locked.change', password: first, traits: ['locked'] })
    expect(await outcome(service.modify(user.dn, changeOf(first, 'Fresh#Word-77')))).toBe('19 00000775')
    expect(await outcome(service.modify(user.dn, changeOf('Wrong!Pass2026', 'Fresh#Word-77')))).toBe('19 00000775')
  })

  test('works for who must change, is expired or disabled: only a logon is refused to them', async () => {
    const service = await bench.asService()
    for (const trait of ['mustChange', 'expired', 'disabled'] as const) {
      const user = bench.directory.control.addUser({ sam: `change.${trait}`, password: first, traits: [trait] })
      expect(await outcome(service.modify(user.dn, changeOf(first, 'Fresh#Word-77')))).toBe('0')
    }
  })

  test('is denied where the user may not change the password; a reset is not', async () => {
    const service = await bench.asService()
    const user = bench.directory.control.addUser({ sam: 'fixed', password: first, traits: ['cannotChange'] })
    expect(await outcome(service.modify(user.dn, changeOf(first, 'Fresh#Word-77')))).toBe('19 00000005')
    expect(await outcome(service.modify(user.dn, reset('Fresh#Word-77')))).toBe('0')
  })
})
