import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Secret } from '../../shared/secret.ts'
import { always, fine, nothing, type Sample, startSample } from './directory.fixture.ts'

let sample: Sample
beforeEach(async () => {
  sample = await startSample()
})
afterEach(() => sample.close())

describe('proof', () => {
  test.each([
    ['alice.adams', 'right'],
    ['dave.disabled', 'right'],
    ['erin.expired', 'right'],
    ['grace.must', 'right'],
    ['odd.comma', 'right'],
    ['odd.lead', 'right'],
    ['odd.wild', 'right'],
    ['frank.locked', 'unsure'],
  ])('%s with the password: %s', async (sam, proof) => {
    expect(await sample.directory.provePassword(await sample.find(sam), Secret.fromText(sample.person(sam).password))).toBe(proof)
  })

  test('another password is wrong and counts once', async () => {
    expect(await sample.directory.provePassword(await sample.find('alice.adams'), Secret.fromText(fine))).toBe('wrong')
    expect(sample.server.control.user('alice.adams').badPwdCount).toBe(1)
  })

  test('no password proves nothing', async () => {
    expect(await sample.directory.provePassword(await sample.find('alice.adams'), Secret.fromText(''))).toBe('unsure')
  })

  test('a server that cannot be reached proves nothing', async () => {
    const alice = await sample.find('alice.adams')
    sample.server.control.fault({ kind: 'dropBeforeWrite', operation: 'bind' })
    expect(await sample.directory.provePassword(alice, Secret.fromText(sample.person('alice.adams').password))).toBe('unsure')
  })

  test('the proof leaves no connection behind and the warm one bound', async () => {
    await sample.directory.provePassword(await sample.find('alice.adams'), Secret.fromText(sample.person('alice.adams').password))
    expect(await sample.find('bob.brown')).toMatchObject({ accountName: 'bob.brown' })
  })

  test('when the password was set, by the clock of the server', async () => {
    const user = await sample.find('alice.adams')
    const before = await sample.directory.passwordState(user)
    expect(before.pwdLastSet).toBe(user.pwdLastSet)
    await sample.directory.setPassword(user, Secret.fromText(fine), nothing, always)
    const after = await sample.directory.passwordState(user)
    expect(after.pwdLastSet).toBeGreaterThan(before.pwdLastSet)
    expect(Math.abs(after.serverNow - (after.pwdLastSetMs ?? Number.NaN))).toBeLessThan(60_000)
    expect(await sample.directory.passwordState(await sample.find('grace.must'))).toMatchObject({ pwdLastSet: 0n, pwdLastSetMs: undefined })
  })
})
