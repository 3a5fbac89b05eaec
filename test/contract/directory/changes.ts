/** A change: delete the old value and add the new one, in one modify. Policy is never bypassed. */
import { expect, test } from 'vitest'
import { changeOf, outcome } from '../../../local/directory/testing.ts'
import { type Bench, first, fresh } from './bench.ts'

export function changeContract(bench: Bench): void {
  test('with the old password', async () => {
    const { dn } = await bench.newUser()
    expect(await outcome((await bench.service()).modify(dn, changeOf(first, fresh)))).toBe('0')
    expect(await bench.bind(dn, fresh)).toBe('0')
  })

  test('a wrong old password is told apart, and counts', async () => {
    const { dn } = await bench.newUser()
    expect(await outcome((await bench.service()).modify(dn, changeOf('Wrong!Pass2026', fresh)))).toBe('19 00000056')
    expect(await bench.subject.control.user(dn)).toMatchObject({ badPwdCount: 1, passwordWrites: 0 })
  })

  test('while locked it is refused, the right old password or not', async () => {
    const { dn } = await bench.newUser({ traits: ['locked'] })
    const service = await bench.service()
    expect(await outcome(service.modify(dn, changeOf(first, fresh)))).toBe('19 00000775')
    expect(await outcome(service.modify(dn, changeOf('Wrong!Pass2026', fresh)))).toBe('19 00000775')
  })

  test.each([
    ['too short', 'Ab1!'],
    ['not complex', 'aaaaaaaaaaaa'],
    ['the present one', first],
  ])('%s', async (_, password) => {
    const { dn } = await bench.newUser()
    expect(await outcome((await bench.service()).modify(dn, changeOf(first, password)))).toBe('19 0000052D')
    expect(await bench.bind(dn, first)).toBe('0')
  })

  test('too young: the wrong old password is found first', async () => {
    const { dn } = await bench.newUser()
    const service = await bench.service()
    await bench.withPolicy({ minPwdAgeMs: 86_400_000 }, async () => {
      expect(await outcome(service.modify(dn, changeOf(first, fresh)))).toBe('19 0000052D')
      expect(await outcome(service.modify(dn, changeOf('Wrong!Pass2026', fresh)))).toBe('19 00000056')
    })
  })

  test.each(['mustChange', 'expired', 'disabled'] as const)('%s: only the logon is refused to them', async (trait) => {
    const { dn } = await bench.newUser({ traits: [trait] })
    expect(await outcome((await bench.service()).modify(dn, changeOf(first, fresh)))).toBe('0')
  })

  test('whoever makes it needs the old password, not a right', async () => {
    const { dn } = await bench.newUser({ traits: ['outOfScope'] })
    expect(await outcome((await bench.service()).modify(dn, changeOf(first, fresh)))).toBe('0')
  })
}
