/** What the product makes of a refusal: the rule that was broken, whichever words the server uses. */
import { describe, expect, test } from 'vitest'
import { Secret } from '../../../shared/secret.ts'
import { always, type Bench, first, fresh, nothing } from './bench.ts'

export function outcomeContract(bench: Bench): void {
  const secret = Secret.fromText

  describe('before the write', () => {
    test.each([
      ['alice.adams', undefined],
      ['dave.disabled', 'accountDisabled'],
      ['erin.expired', 'accountExpired'],
      ['karl.card', 'smartCardRequired'],
      ['judy.fixed', undefined],
      ['grace.must', undefined],
    ])('%s: %s', async (sam, kind) => {
      expect((await bench.directory.eligibility(await bench.find(bench.sample(sam).immutableId)))?.kind).toBe(kind)
    })

    test('minimum age, with the time at which it ends', async () => {
      const { dn, immutableId } = await bench.newUser()
      const setAtMs = (await bench.subject.control.user(dn)).pwdLastSetMs ?? Number.NaN
      const young = await bench.withPolicy({ minPwdAgeMs: 3_600_000 }, async () => {
        const directory = bench.open()
        return directory.eligibility(await bench.find(immutableId, directory))
      })
      expect(young).toEqual({ kind: 'policy.minAge', retryAt: setAtMs + 3_600_000 })
    })
  })

  describe('refused', () => {
    async function refused(immutableId: string, password: string, directory = bench.directory) {
      const user = await bench.find(immutableId, directory)
      const result = await directory.setPassword(user, secret(password), { unlock: true, mustChange: true }, always)
      if (result.kind !== 'refused') throw new Error(result.kind)
      return directory.diagnose(user, secret(password), result)
    }

    test.each([
      ['Short-7', { kind: 'policy.length', minLength: 10 }],
      ['onlylowercase', { kind: 'policy.complexity' }],
      [first, { kind: 'policy.history', historyLength: 5 }],
    ])('%s: %j', async (password, outcome) => {
      const { dn, immutableId } = await bench.newUser()
      expect(await refused(immutableId, password)).toEqual(outcome)
      expect(await bench.subject.control.user(dn)).toMatchObject({ passwordWrites: 0, mustChange: false })
    })

    test('too young, where only the server knows', async () => {
      const { immutableId } = await bench.newUser()
      const outcome = await bench.withPolicy({ minPwdAgeMs: 3_600_000 }, () => refused(immutableId, fresh, bench.open()))
      expect(outcome.kind).toBe('policy.minAge')
    })

    test('outside the scope', async () => {
      expect(await refused(bench.sample('mallory.other').immutableId, fresh)).toEqual({ kind: 'permissionDenied' })
    })

    test('gone since it was found', async () => {
      const { dn, immutableId } = await bench.newUser()
      const user = await bench.find(immutableId)
      await (await bench.administrator()).del(dn)
      const result = await bench.directory.setPassword(user, secret(fresh), nothing, always)
      if (result.kind !== 'refused') throw new Error(result.kind)
      expect(await bench.directory.diagnose(user, secret(fresh), result)).toEqual({ kind: 'userNotFound' })
      expect(await bench.directory.locate(immutableId)).toEqual({ kind: 'userNotFound' })
    })

    test('the service account itself, by its credentials', async () => {
      const directory = bench.open({ bindPassword: secret('Wrong!Pass2026') })
      await expect(directory.locate(bench.sample('alice.adams').immutableId)).rejects.toMatchObject({ code: 'DIRECTORY_CONFIGURATION' })
    })
  })
}
