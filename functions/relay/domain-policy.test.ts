import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { domainIdOf } from '../../shared/event.ts'
import type { PolicyFacts } from '../../shared/payload.ts'
import { createPolicyOf, strictest } from './domain-policy.ts'
import { startTestAgents, type TestAgents } from './test-agents.ts'

let t: TestAgents
beforeAll(async () => {
  t = await startTestAgents()
})
afterAll(() => t.cloud.close())
beforeEach(() => t.renew())

const plain: PolicyFacts = {
  minLength: 8,
  historyLength: 24,
  complexity: false,
  minAgeMinutes: 0,
  lockoutThreshold: 10,
  lockoutMinutes: 30,
}
const id = domainIdOf('corp.example.test')
const said = (policy: Partial<PolicyFacts>, reachable = true) => ({ domains: [{ id, reachable, policy: { ...plain, ...policy } }] })
const policyOf = () => createPolicyOf({ agents: t.here, clock: t.cloud.clock })('CORP.example.test')

describe('the policy of a domain', () => {
  it('is what an agent that reaches it says', async () => {
    await t.hear(t.heartbeat(t.newBoot(), 1, said({})))
    expect(await policyOf()).toEqual(plain)
  })

  it('is the strictest of what two say', async () => {
    await t.hear(t.heartbeat(t.newBoot(), 1, said({ minLength: 12, lockoutThreshold: 0 })))
    await t.hear(t.heartbeat(t.newBoot(), 1, said({ complexity: true, lockoutThreshold: 5, lockoutMinutes: 60 })))
    expect(await policyOf()).toEqual({ ...plain, minLength: 12, complexity: true, lockoutThreshold: 5, lockoutMinutes: 60 })
  })

  it('is not known where nobody reaches it, nobody serves it, or whoever did is gone', async () => {
    await t.hear(t.heartbeat(t.newBoot(), 1, said({}, false)))
    expect(await policyOf()).toBeUndefined()
    expect(await createPolicyOf({ agents: t.here, clock: t.cloud.clock })('other.example.test')).toBeUndefined()
    await t.hear(t.heartbeat(t.newBoot(), 1, said({})))
    t.cloud.pass(11 * 60_000)
    expect(await policyOf()).toBeUndefined()
  })
})

it('neither order nor repetition makes it laxer', () => {
  const facts = fc.record({
    minLength: fc.nat(255),
    historyLength: fc.nat(1_024),
    complexity: fc.boolean(),
    minAgeMinutes: fc.nat(2_000_000),
    lockoutThreshold: fc.nat(255),
    lockoutMinutes: fc.nat(65_535),
  })
  fc.assert(
    fc.property(facts, facts, facts, (a, b, c) => {
      const [left, right] = [strictest(strictest(a, b), c), strictest(c, strictest(b, strictest(a, a)))]
      expect(left).toEqual(right)
      const locks = [a, b, c].map(({ lockoutThreshold }) => lockoutThreshold).filter((each) => each > 0)
      for (const each of locks) expect(left.lockoutThreshold).toBeLessThanOrEqual(each)
      expect(left.lockoutThreshold > 0).toBe(locks.length > 0)
    }),
  )
})
