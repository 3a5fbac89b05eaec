/** A reset: one `replace` of unicodePwd by who has the right, with and without the policy hints. */
import { describe, expect, test } from 'vitest'
import { change, outcome, PolicyHints, quoted, reset } from '../../../local/directory/testing.ts'
import { type Bench, first, fresh } from './bench.ts'

const mustChange = change('replace', 'pwdLastSet', '0')
const unlock = change('replace', 'lockoutTime', '0')

export function resetContract(bench: Bench): void {
  test('counts as one write', async () => {
    const { dn, objectGuid } = await bench.newUser()
    await (await bench.service()).modify(dn, reset(fresh), new PolicyHints())
    expect(await bench.subject.control.user(dn)).toMatchObject({ passwordWrites: 1, mustChange: false })
    expect((await bench.subject.control.writes())[objectGuid]).toBe(1)
  })

  test.each([
    ['9 characters', 'Abcdef1!x', '53 0000052D'],
    ['10 characters', 'Abcdef1!xy', '0'],
    ['none', '', '53 0000052D'],
    ['one kind of character', 'aaaaaaaaaaaa', '53 0000052D'],
    ['two kinds', 'aaaaaaaaaaa1', '53 0000052D'],
    ['three kinds', 'aaaaaaaaaaA1', '0'],
    ['two kinds and a blank, which is none', 'aaaa bbbb 1111', '53 0000052D'],
    ['letters without case as the third kind', 'aaaa1111密码密码', '0'],
  ])('length and complexity: %s', async (_, password, expected) => {
    const { dn } = await bench.newUser()
    const service = await bench.service()
    expect(await outcome(service.modify(dn, reset(password), new PolicyHints()))).toBe(expected)
    expect(await bench.bind(dn, expected === '0' ? password : first)).toBe('0')
  })

  test.each([
    ['an emoji', 'Grüße-🙂-2026'],
    ['quotes', 'A"quoted"1\\word'],
    ['letters beyond ASCII', 'Ærøskøbing-Žluťoučký-7'],
    ['another script', 'Пароль-密码-77'],
    ['decomposed letters, which stay as they are', 'Zoe\u0308-decomposed-77'],
    ['blanks at both ends', ' Blank at both ends 7 '],
    ['127 units', `Aa1-${'x'.repeat(123)}`],
    ['127 units, of which 122 are 61 emoji', `Aa1-x${'🙂'.repeat(61)}`],
  ])('%s: a bind proves that it arrived as it was sent', async (_, password) => {
    const { dn } = await bench.newUser()
    await (await bench.service()).modify(dn, reset(password), new PolicyHints())
    expect(await bench.bind(dn, password)).toBe('0')
    expect(await bench.bind(dn, password.slice(0, -1))).toBe('49 52e')
  })

  test('an accent is no letter of its own: another normalisation is another password', async () => {
    const { dn } = await bench.newUser()
    await (await bench.service()).modify(dn, reset('Zoe\u0308-decomposed-77'))
    expect(await bench.bind(dn, 'Zo\u00eb-decomposed-77')).toBe('49 52e')
  })

  test.each([
    ['not quoted', [change('replace', 'unicodePwd', Buffer.from(fresh, 'utf16le'))]],
    ['UTF-8', [change('replace', 'unicodePwd', `"${fresh}"`)]],
    ['an odd number of octets', [change('replace', 'unicodePwd', Buffer.concat([quoted(fresh), Buffer.of(0)]))]],
    ['a single quote', [change('replace', 'unicodePwd', Buffer.from('"', 'utf16le'))]],
    ['a delete alone', [change('delete', 'unicodePwd', quoted(first))]],
    ['an add alone', [change('add', 'unicodePwd', quoted(fresh))]],
  ])('written as %s is refused and changes nothing', async (_, changes) => {
    const { dn } = await bench.newUser()
    expect(await outcome((await bench.service()).modify(dn, changes))).toBe('53 00002035')
    expect(await bench.bind(dn, first)).toBe('0')
  })

  describe('the policy hints', () => {
    test('both identifiers are offered', async () => {
      const { searchEntries } = await bench.client().search('', { scope: 'base', attributes: ['supportedControl'] })
      expect(searchEntries[0]?.['supportedControl']).toEqual(expect.arrayContaining(['1.2.840.113556.1.4.2239', '1.2.840.113556.1.4.2066']))
    })

    test('without them history is bypassed, with them it is not, under either identifier', async () => {
      const { dn } = await bench.newUser()
      const service = await bench.service()
      expect(await outcome(service.modify(dn, reset(first)))).toBe('0')
      expect(await outcome(service.modify(dn, reset(first), new PolicyHints()))).toBe('53 0000052D')
      expect(await outcome(service.modify(dn, reset(first), new PolicyHints('1.2.840.113556.1.4.2066')))).toBe('53 0000052D')
      expect(await outcome(service.modify(dn, reset(fresh), new PolicyHints()))).toBe('0')
    })

    test('history is as long as the policy says, the present password included', async () => {
      const { dn } = await bench.newUser()
      const service = await bench.service()
      const cycle = (n: number) => `Cycle#Word-${n}`
      for (const n of [1, 2, 3, 4, 5, 6]) await service.modify(dn, reset(cycle(n)), new PolicyHints())
      for (const n of [6, 5, 4, 3, 2]) {
        expect(await outcome(service.modify(dn, reset(cycle(n)), new PolicyHints())), cycle(n)).toBe('53 0000052D')
      }
      expect(await outcome(service.modify(dn, reset(cycle(1)), new PolicyHints()))).toBe('0')
    })

    test('together with pwdLastSet 0 in one modify it is always too young; one after the other is fine', async () => {
      const { dn } = await bench.newUser()
      const service = await bench.service()
      expect(await outcome(service.modify(dn, [...reset(fresh), mustChange], new PolicyHints()))).toBe('53 0000052D')
      expect(await bench.bind(dn, first)).toBe('0')
      expect(await outcome(service.modify(dn, reset(fresh), new PolicyHints()))).toBe('0')
      expect(await outcome(service.modify(dn, [mustChange]))).toBe('0')
      expect(await bench.bind(dn, fresh)).toBe('49 773')
    })

    test('minimum age counts with them, and not without; "must change" has no age', async () => {
      const { dn } = await bench.newUser()
      const service = await bench.service()
      await bench.withPolicy({ minPwdAgeMs: 86_400_000 }, async () => {
        expect(await outcome(service.modify(dn, reset(fresh), new PolicyHints()))).toBe('53 0000052D')
        expect(await outcome(service.modify(dn, reset(fresh)))).toBe('0')
        await service.modify(dn, [mustChange])
        expect(await outcome(service.modify(dn, reset(`${fresh}8`), new PolicyHints()))).toBe('0')
      })
    })
  })

  describe('and the lock-out', () => {
    test('a reset alone does not lift it', async () => {
      const { dn } = await bench.newUser()
      await bench.lockByGuessing(dn)
      expect(await outcome((await bench.service()).modify(dn, reset(fresh), new PolicyHints()))).toBe('0')
      expect(await bench.bind(dn, fresh)).toBe('49 775')
    })

    test('lockoutTime 0 in the same modify lifts it', async () => {
      const { dn } = await bench.newUser()
      await bench.lockByGuessing(dn)
      expect(await outcome((await bench.service()).modify(dn, [...reset(fresh), unlock], new PolicyHints()))).toBe('0')
      expect(await bench.bind(dn, fresh)).toBe('0')
    })

    test('a refused password lifts nothing: the modify is done as a whole or not at all', async () => {
      const { dn } = await bench.newUser()
      await bench.lockByGuessing(dn)
      expect(await outcome((await bench.service()).modify(dn, [...reset(first), unlock], new PolicyHints()))).toBe('53 0000052D')
      expect(await bench.subject.control.user(dn)).toMatchObject({ locked: true, passwordWrites: 0 })
    })

    test('lifting it twice, or from who was not locked, is fine', async () => {
      const { dn } = await bench.newUser()
      for (const _ of [1, 2]) expect(await outcome((await bench.service()).modify(dn, [unlock]))).toBe('0')
    })
  })
}
