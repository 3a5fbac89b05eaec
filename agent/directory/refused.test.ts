import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Secret } from '../../shared/secret.ts'
import { always, fine, nothing, type Sample, startSample } from './directory.fixture.ts'

let sample: Sample
beforeEach(async () => {
  sample = await startSample()
})
afterEach(() => sample.close())

describe('before the write', () => {
  test.each([
    ['alice.adams', undefined],
    ['dave.disabled', 'accountDisabled'],
    ['erin.expired', 'accountExpired'],
    ['karl.card', 'smartCardRequired'],
    ['judy.fixed', undefined],
  ])('%s: %s', async (sam, kind) => {
    expect((await sample.directory.eligibility(await sample.find(sam)))?.kind).toBe(kind)
  })

  test('minimum age, with the time at which it ends', async () => {
    sample.server.control.setPolicy({ minPwdAgeMs: 3_600_000 })
    const setAtMs = sample.server.control.user('alice.adams').pwdLastSetMs ?? Number.NaN
    expect(await sample.directory.eligibility(await sample.find('alice.adams'))).toEqual({
      kind: 'policy.minAge',
      retryAt: setAtMs + 3_600_000,
    })
  })
})

describe('refused', () => {
  async function refusalOf(sam: string, password: string) {
    const user = await sample.find(sam)
    const result = await sample.directory.setPassword(user, Secret.fromText(password), nothing, always)
    if (result.kind !== 'refused') throw new Error(result.kind)
    expect(sample.server.control.user(sam).passwordWrites).toBe(0)
    return sample.directory.diagnose(user, Secret.fromText(password), result)
  }

  test.each([
    ['alice.adams', 'Short-7', { kind: 'policy.length', minLength: 10 }],
    ['alice.adams', 'onlylowercase', { kind: 'policy.complexity' }],
    ['alice.adams', 'x-ALICE.adams-7', { kind: 'policy.containsName' }],
    ['bob.brown', 'My-brown-Bear-7', { kind: 'policy.containsName' }],
    ['odd.comma', "O'NEIL-rules-77", { kind: 'policy.containsName' }],
    ['mallory.other', fine, { kind: 'permissionDenied' }],
    ['heidi.admin', fine, { kind: 'permissionDenied' }],
  ])('%s, %s', async (sam, password, outcome) => {
    expect(await refusalOf(sam, password)).toEqual(outcome)
  })

  test('a password of the past', async () => {
    expect(await refusalOf('alice.adams', sample.person('alice.adams').password)).toEqual({ kind: 'policy.history', historyLength: 5 })
  })

  test('too young, where only the server knows', async () => {
    sample.server.control.setPolicy({ minPwdAgeMs: 3_600_000 })
    expect((await refusalOf('alice.adams', fine)).kind).toBe('policy.minAge')
  })

  test('by a filter', async () => {
    sample.server.control.setPolicy({ bannedSubstrings: ['different'], pwdHistoryLength: 0 })
    expect(await refusalOf('alice.adams', fine)).toEqual({ kind: 'policy.filter' })
  })

  test.each([
    ['busy', 'directoryUnavailable'],
    ['unavailable', 'directoryUnavailable'],
  ] as const)('%s', async (kind, outcome) => {
    await sample.directory.facts()
    sample.server.control.fault({ kind, operation: 'modify' })
    expect(await refusalOf('alice.adams', fine)).toEqual({ kind: outcome })
  })
})
