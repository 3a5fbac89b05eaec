/**
 * Whoever knows their password changes it, on a real Active Directory; whoever guesses learns nothing, and locks nobody out.
 */
import { expect, it, vi } from 'vitest'
import { call, type ResetFlow } from '../../local/reset-client.ts'
import type { System } from '../../local/what-runs.ts'
import { messagesSent, passGate, personNamed, signIn, useSystem } from './support.ts'

vi.setConfig({ testTimeout: 60_000 })
const running = useSystem({ directory: 'samba', extraUsers: 3, settings: { CHANGE_REFUSAL_MS: '50' } })

const change = ({ url }: System, { id, cookie }: ResetFlow, currentPassword: string, newPassword: string, from = '192.0.2.1') =>
  call(url, 'change', { body: { flow: id, currentPassword, newPassword }, headers: { cookie, 'x-forwarded-for': from } })

async function gated(sam: string) {
  const system = running()
  const person = personNamed(system, sam)
  return { system, person, flow: await passGate(system, person) }
}
const done = { status: 200, body: { code: 'done', effect: 'changed' } }
const wrong = { status: 422, body: { code: 'wrongPassword', effect: 'notChanged', state: 'verified' } }

it.each(['alice.adams', 'grace.must', 'odd.unicode'])('with the right current password it is changed: %s', async (sam) => {
  const { system, person, flow } = await gated(sam)
  expect(await change(system, flow, person.password, 'Changed-By-Owner-1')).toMatchObject(done)
  expect(await signIn(system, person.dn, 'Changed-By-Owner-1')).toBe('accepted')
})

it('one that has expired is changed by whoever knows it', async () => {
  const { system, person, flow } = await gated('user0002')
  await system.parts.directory.call('setPolicy', { maxPwdAgeMs: 1 })
  const answer = await change(system, flow, person.password, 'Changed-After-All-1')
  await system.parts.directory.call('setPolicy', { maxPwdAgeMs: 42 * 86_400_000 })
  expect(answer).toMatchObject(done)
  expect(await signIn(system, person.dn, 'Changed-After-All-1')).toBe('accepted')
})

it('one that breaks a rule is refused by that rule, and the next one is taken', async () => {
  const { system, person, flow } = await gated('bob.brown')
  expect(await change(system, flow, person.password, 'Wq7#x')).toMatchObject({ status: 422, body: { code: 'policy.length' } })
  expect(await change(system, flow, person.password, 'Long-Enough-Now-1')).toMatchObject(done)
})

it.each(['dave.disabled', 'erin.expired', 'judy.fixed', 'heidi.admin'])(
  '%s hears what everybody hears, and is not changed',
  async (sam) => {
    const { system, person, flow } = await gated(sam)
    const plain = await gated('user0003')
    const told = await change(system, flow, person.password, 'Not-To-Be-Set-1')
    const { body } = await change(system, plain.flow, 'Certainly-Not-It-1', 'Not-To-Be-Set-1')
    expect(told).toMatchObject(wrong)
    expect(told.body).toEqual(body)
    expect((await flow.read()).body).toMatchObject({ outcome: 'wrongPassword' })
  },
)

it('a thousand wrong ones from many addresses, on four flows at once, lock nobody out, and the owner resets', async () => {
  const { system, person, flow } = await gated('user0001')
  const flows = [flow, await passGate(system, person), await passGate(system, person), await passGate(system, person)]
  await system.parts.directory.call('setPolicy', { lockoutThreshold: 5, lockoutWindowMs: 30 * 60_000, lockoutMs: 30 * 60_000 })
  const before = await messagesSent(system)
  const codes = new Map<string, number>()
  const guesses = Array.from({ length: 1_000 }, (_, n) => n)
  const guess = async () => {
    for (let n = guesses.shift(); n !== undefined; n = guesses.shift()) {
      const on = flows[n % flows.length] ?? flow
      const { body } = await change(system, on, `Guess-${n}-x`, 'Attacker-Wants-1', `198.51.${n % 100}.${n % 250}`)
      codes.set(body.code, (codes.get(body.code) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: 20 }, guess))

  // Busy: another of the flows has a request under way. That is about no password.
  expect([...codes.keys()].filter((code) => code !== 'busy')).toEqual(['wrongPassword'])
  const { requests } = await messagesSent(system)
  expect(requests - before.requests).toBeLessThanOrEqual(3)
  const facts = await system.parts.directory.call('user', person.sam)
  expect([facts.locked, facts.badPwdCount <= 3, facts.passwordWrites]).toEqual([false, true, 0])
  expect(await signIn(system, person.dn, person.password)).toBe('accepted')
  expect(await (await passGate(system, person)).password('Mine-After-All-1')).toMatchObject(done)
})

it('an account that is locked out is unlocked by its owner, and the password stays', async () => {
  const { system, person, flow } = await gated('frank.locked')
  expect((await system.parts.directory.call('user', person.sam)).locked).toBe(true)
  const answer = await call(system.url, `reset/${flow.id}/unlock`, { method: 'POST', headers: { cookie: flow.cookie } })
  expect(answer).toMatchObject({ status: 200, body: { code: 'unlocked', effect: 'notChanged' } })
  expect((await system.parts.directory.call('user', person.sam)).locked).toBe(false)
  expect(await signIn(system, person.dn, person.password)).toBe('accepted')
})
