/** The service account does its four things below one place, and nothing else. Who may do more says 50, with or without digits. */
import { expect, test } from 'vitest'
import { change, changeOf, outcome, PolicyHints, reset } from '../../../local/directory/testing.ts'
import { type Bench, codeOf, first, fresh, valuesOf } from './bench.ts'

const unlock = change('replace', 'lockoutTime', '0')
const mustChange = change('replace', 'pwdLastSet', '0')

export function rightsContract(bench: Bench): void {
  test('the four, in its scope', async () => {
    const { dn } = await bench.newUser()
    const service = await bench.service()
    expect(await outcome(service.modify(dn, reset(fresh), new PolicyHints()))).toBe('0')
    expect(await outcome(service.modify(dn, changeOf(fresh, `${fresh}8`)))).toBe('0')
    expect(await outcome(service.modify(dn, [unlock]))).toBe('0')
    expect(await outcome(service.modify(dn, [mustChange]))).toBe('0')
    expect(await outcome(service.modify(dn, [change('replace', 'pwdLastSet', '-1')]))).toBe('0')
  })

  test('nothing else', async () => {
    const { dn } = await bench.newUser()
    const { serviceAccount, baseDn } = bench.forest
    const service = await bench.service()
    expect(await codeOf(service.modify(dn, [change('replace', 'displayName', 'x')]))).toBe('50')
    expect(await codeOf(service.modify(dn, [change('replace', 'userAccountControl', '514')]))).toBe('50')
    expect(await codeOf(service.modify(dn, [...reset(fresh), change('replace', 'displayName', 'x')]))).toBe('50')
    expect(await codeOf(service.modify(serviceAccount.scope, [change('replace', 'description', 'x')]))).toBe('50')
    expect(await codeOf(service.modify(baseDn, [change('replace', 'minPwdLength', '1')]))).toBe('50')
    expect(await codeOf(service.add(`CN=new,${serviceAccount.scope}`, { objectClass: 'user' }))).toBe('50')
    expect(await codeOf(service.del(dn))).toBe('50')
    expect(await bench.bind(dn, first)).toBe('0')
  })

  test('nobody outside the scope, itself included', async () => {
    const { dn } = await bench.newUser({ traits: ['outOfScope'] })
    const service = await bench.service()
    for (const target of [dn, bench.forest.serviceAccount.dn, bench.forest.administrator.dn]) {
      expect(await codeOf(service.modify(target, reset(fresh), new PolicyHints())), target).toBe('50')
      expect(await codeOf(service.modify(target, [unlock])), target).toBe('50')
      expect(await codeOf(service.modify(target, [mustChange])), target).toBe('50')
    }
  })

  test('allowedAttributesEffective shows it beforehand', async () => {
    const service = await bench.service()
    const writable = async (dn: string) => (await valuesOf(service, dn, 'allowedAttributesEffective')).map(String).sort()
    expect(await writable((await bench.newUser()).dn)).toEqual(['lockoutTime', 'pwdLastSet'])
    expect(await writable((await bench.newUser({ traits: ['outOfScope'] })).dn)).toEqual([])
  })

  test('rights can be taken and given one by one', async () => {
    const { dn } = await bench.newUser()
    const { control, forest } = bench.subject
    const service = await bench.service()
    await control.revoke(forest.serviceAccount.dn)
    expect(await codeOf(service.modify(dn, reset(fresh)))).toBe('50')
    await control.grant(forest.serviceAccount.dn, forest.serviceAccount.scope, ['resetPassword'])
    expect(await codeOf(service.modify(dn, [...reset(fresh), unlock]))).toBe('50')
    expect(await outcome(service.modify(dn, reset(fresh)))).toBe('0')
    await control.grant(forest.serviceAccount.dn, forest.serviceAccount.scope, ['lockoutTime', 'pwdLastSet', 'changePassword'])
    expect(await outcome(service.modify(dn, [unlock]))).toBe('0')
  })

  test('who may not change the password may have it reset', async () => {
    const { dn } = await bench.newUser({ traits: ['cannotChange'] })
    const service = await bench.service()
    // 19 without digits on Samba, 50 in local/directory.
    expect(['19', '50']).toContain(await codeOf(service.modify(dn, changeOf(first, fresh))))
    expect(await bench.bind(dn, first)).toBe('0')
    expect(await outcome(service.modify(dn, reset(fresh), new PolicyHints()))).toBe('0')
  })

  test('without a bind nothing is read and nothing is written', async () => {
    const { dn } = await bench.newUser()
    const client = bench.client()
    expect(await outcome(client.search(dn, { scope: 'base' }))).toBe('1 00002020')
    expect(await outcome(client.modify(dn, reset(fresh)))).toBe('1 00002020')
  })

  test('who is not there', async () => {
    const service = await bench.service()
    expect(await outcome(service.modify(`CN=nobody,${bench.forest.serviceAccount.scope}`, reset(fresh), new PolicyHints()))).toBe(
      '32 00002030',
    )
  })
}
