import { afterEach, beforeEach, expect, test } from 'vitest'
import { Secret } from '../../shared/secret.ts'
import { always, authority, clockByHand, fine, nothing, type Sample, startSample } from './directory.fixture.ts'
import { addPolicyObject } from './policy-object.fixture.ts'

let sample: Sample
let hand: ReturnType<typeof clockByHand>
beforeEach(async () => {
  hand = clockByHand()
  sample = await startSample({ clock: hand.clock })
})
afterEach(() => sample.close())

test('the policy of the domain, kept for a minute', async () => {
  const alice = await sample.find('alice.adams')
  const first = {
    minLength: 10,
    historyLength: 5,
    complexity: true,
    minAgeMs: 0,
    minAgeMinutes: 0,
    lockoutThreshold: 10,
    lockoutWindowMs: 1_800_000,
    lockoutMinutes: 30,
  }
  expect(await sample.directory.policy(alice)).toEqual(first)
  sample.server.control.setPolicy({ minPwdLength: 14, pwdHistoryLength: 24, complexity: false, minPwdAgeMs: 90_500 })
  hand.pass(59_999)
  expect(await sample.directory.policy(alice)).toEqual(first)
  hand.pass(1)
  const second = {
    minLength: 14,
    historyLength: 24,
    complexity: false,
    minAgeMs: 90_500,
    minAgeMinutes: 2,
    lockoutThreshold: 10,
    lockoutWindowMs: 1_800_000,
    lockoutMinutes: 30,
  }
  expect(await sample.directory.policy(alice)).toEqual(second)
})

test('a fine-grained policy applies to whom the directory says, if it can be read', async () => {
  await addPolicyObject(sample.server, authority.ca, sample.person('alice.adams').dn)
  const { dn, password } = sample.server.forest.administrator
  const directory = sample.open({ bindDn: dn, bindPassword: Secret.fromText(password) })
  const strict = {
    minLength: 40,
    historyLength: 0,
    complexity: true,
    minAgeMs: 60_000,
    minAgeMinutes: 1,
    lockoutThreshold: 0,
    lockoutWindowMs: 1_800_000,
    lockoutMinutes: 30,
  }
  expect(await directory.policy(await sample.find('alice.adams'))).toEqual(strict)
  expect(await directory.policy(await sample.find('bob.brown'))).toMatchObject({ minLength: 10 })
})

test('one that cannot be read is not replaced by the policy of the domain', async () => {
  await addPolicyObject(sample.server, authority.ca, sample.person('alice.adams').dn)
  const { directory } = sample
  const alice = await sample.find('alice.adams')
  expect(await directory.policy(alice)).toBeUndefined()
  expect(await directory.eligibility(alice)).toBeUndefined()
  const refusal = await directory.setPassword(alice, Secret.fromText(fine), nothing, always)
  if (refusal.kind !== 'refused') throw new Error(refusal.kind)
  expect(await directory.diagnose(alice, Secret.fromText(fine), refusal)).toEqual({ kind: 'policy.filter' })
})
