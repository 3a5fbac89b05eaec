/** Who may come in, and which reason a refusal gives: the data codes from which the agent tells a right password from a wrong one. */
import { expect, test } from 'vitest'
import { reset } from '../../../local/directory/testing.ts'
import { type Bench, first, fresh } from './bench.ts'

export function bindContract(bench: Bench): void {
  test('by DN, by user principal name, by DOMAIN\\name; letter case does not matter', async () => {
    const { dn, upn, sam } = await bench.newUser()
    for (const name of [dn, dn.toUpperCase(), upn, upn.toUpperCase(), `${bench.forest.netbiosName}\\${sam}`]) {
      expect(await bench.bind(name, first), name).toBe('0')
    }
  })

  test('a name that does not exist looks like a wrong password', async () => {
    const { dn, upn } = await bench.newUser()
    const names = [`CN=nobody,${bench.forest.serviceAccount.scope}`, upn.replace('person', 'nobody'), 'garbage']
    for (const name of names) expect(await bench.bind(name, first), name).toBe('49 52e')
    expect(await bench.bind(dn, fresh)).toBe('49 52e')
  })

  test.each([
    ['disabled', '49 533'],
    ['expired', '49 701'],
    ['mustChange', '49 773'],
  ] as const)('%s is told to who knows the password, and to nobody else', async (trait, refusal) => {
    const { dn } = await bench.newUser({ traits: [trait] })
    expect(await bench.bind(dn, first)).toBe(refusal)
    expect(await bench.bind(dn, fresh)).toBe('49 52e')
  })

  test('outside the hours of logon', async () => {
    const { dn } = await bench.newUser()
    await bench.subject.control.setAttributes(dn, { logonHours: Buffer.alloc(21).toString('base64') })
    expect(await bench.bind(dn, first)).toBe('49 530')
    expect(await bench.bind(dn, fresh)).toBe('49 52e')
  })

  test('an expired password', async () => {
    const { dn } = await bench.newUser()
    await bench.withPolicy({ maxPwdAgeMs: 1 }, async () => {
      expect(await bench.bind(dn, first)).toBe('49 532')
      expect(await bench.bind(dn, fresh)).toBe('49 52e')
    })
    expect(await bench.bind(dn, first)).toBe('0')
  })

  test('guessing locks, and then the right password and a wrong one get the same answer', async () => {
    const { dn } = await bench.newUser()
    await bench.lockByGuessing(dn)
    expect(await bench.bind(dn, first)).toBe('49 775')
    expect(await bench.bind(dn, fresh)).toBe('49 775')
    expect(await bench.subject.control.user(dn)).toMatchObject({ locked: true, badPwdCount: 10 })
  })

  test('a good logon forgets the bad ones', async () => {
    const { dn } = await bench.newUser()
    await bench.bind(dn, fresh)
    expect(await bench.subject.control.user(dn)).toMatchObject({ badPwdCount: 1 })
    await bench.bind(dn, first)
    expect(await bench.subject.control.user(dn)).toMatchObject({ badPwdCount: 0 })
  })

  test('the old password is of no use after a reset', async () => {
    const { dn } = await bench.newUser()
    await (await bench.service()).modify(dn, reset(fresh))
    expect(await bench.bind(dn, first)).toBe('49 52e')
    expect(await bench.bind(dn, fresh)).toBe('0')
  })
}
