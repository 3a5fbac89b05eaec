/**
 * Submitting twice, from one tab or from two: one password is set, one message is sent, and everybody is told the truth.
 *
 * The directory holds a write where two submits must be under way at the same time; nothing here depends on how long
 * anything takes.
 */
import { describe, expect, it } from 'vitest'
import { call } from '../../local/reset-client.ts'
import { messagesSent, passGate, personNamed, signIn, useSystem } from './support.ts'

/** Long ones: what the directory holds here must not run into a limit, however slow the machine. */
const times = { ldapMs: 25_000, lockMs: 30_000, startWithinMs: 35_000, ttlMs: 70_000, answerMs: 80_000 }
const running = useSystem({ extraUsers: 16, times })

const done = { code: 'done', effect: 'changed', state: 'settled' }
const busy = { code: 'busy', effect: 'notChanged', retryable: true, state: 'verified' }

describe('one tab', () => {
  it('a double click sets one password with one message, and one of the answers says that it is a repeat', async () => {
    const system = running()
    const person = personNamed(system, 'user0001')
    const flow = await passGate(system, person)
    const before = await messagesSent(system)

    const answers = await Promise.all([flow.password('Double-Click-1'), flow.password('Double-Click-1')])

    for (const answer of answers) expect(answer).toMatchObject({ status: 200, body: done })
    expect(answers.map(({ body }) => body.repeated).toSorted()).toEqual([true, undefined])
    expect(await messagesSent(system)).toEqual({ requests: before.requests + 1, replies: before.replies + 1 })
    expect(await system.parts.directory.call('user', person.sam)).toMatchObject({ passwordWrites: 1 })
    expect(await signIn(system, person.dn, 'Double-Click-1')).toBe('accepted')
  })

  it('submitting again later tells the stored outcome; the other password is not looked at', async () => {
    const system = running()
    const person = personNamed(system, 'user0002')
    const flow = await passGate(system, person)
    const first = await flow.password('First-Choice-1')
    const before = await messagesSent(system)

    const again = await flow.password('Second-Choice-2')

    expect(again.status).toBe(200)
    expect(again.body).toEqual({ ...first.body, repeated: true })
    expect(await messagesSent(system)).toEqual(before)
    expect(await signIn(system, person.dn, 'First-Choice-1')).toBe('accepted')
    expect(await signIn(system, person.dn, 'Second-Choice-2')).toBe('refused')
  })

  it('a final refusal is told again in the same words', async () => {
    const system = running()
    const flow = await passGate(system, personNamed(system, 'heidi.admin'))
    const first = await flow.password('Some-Password-1')
    const again = await flow.password('Some-Password-1')
    expect(first).toMatchObject({ status: 403, body: { code: 'protectedAccount', state: 'settled' } })
    expect(again.status).toBe(403)
    expect(again.body).toEqual({ ...first.body, repeated: true })
  })

  it('a double click with a password that the directory refuses is refused twice, and the flow goes on', async () => {
    const system = running()
    const flow = await passGate(system, personNamed(system, 'user0003'))
    const answers = await Promise.all([flow.password('Ab3-efgh'), flow.password('Ab3-efgh')])
    for (const { status, body } of answers) {
      expect(status).toBe(422)
      expect(body).toMatchObject({ code: 'policy.length', minLength: 10, state: 'verified' })
    }
    expect(await flow.password('Long-Enough-12')).toMatchObject({ status: 200, body: done })
  })
})

describe('two tabs', () => {
  it('with both cookies in one jar are two flows that do not disturb one another', async () => {
    const system = running()
    const person = personNamed(system, 'user0004')
    const tabs = [await passGate(system, person), await passGate(system, person)]
    const cookie = tabs.map((tab) => tab.cookie).join('; ')
    const submit = (tab: { id: string } | undefined, newPassword: string) =>
      call(system.url, `reset/${tab?.id}/password`, { body: { newPassword }, headers: { cookie } })

    expect(await submit(tabs[0], 'From-Tab-One-1')).toMatchObject({ status: 200, body: done })
    expect(await submit(tabs[1], 'From-Tab-Two-2')).toMatchObject({ status: 200, body: done })
    expect(await signIn(system, person.dn, 'From-Tab-One-1')).toBe('refused')
    expect(await signIn(system, person.dn, 'From-Tab-Two-2')).toBe('accepted')
  })

  it('at the same time: the second is busy while the first is under way, however often it clicks, and may go on afterwards', async () => {
    const system = running()
    const { directory } = system.parts
    const person = personNamed(system, 'user0005')
    const first = await passGate(system, person)
    const second = await passGate(system, person)
    const before = await messagesSent(system)
    await directory.call('fault', { kind: 'hang', operation: 'modify' })
    const underWay = first.password('First-Under-Way-1')
    await directory.call('whenHeld')

    const clicks = await Promise.all(Array.from({ length: 12 }, () => second.password('Second-Meanwhile-2')))

    for (const { status, body } of clicks) expect({ status, body }).toMatchObject({ status: 503, body: busy })
    expect(await messagesSent(system)).toEqual({ requests: before.requests + 1, replies: before.replies })
    await directory.call('clearFaults')
    expect(await underWay).toMatchObject({ status: 200, body: done })
    expect(await second.password('Second-Afterwards-3')).toMatchObject({ status: 200, body: done })
    expect(await signIn(system, person.dn, 'Second-Afterwards-3')).toBe('accepted')
  })

  it('a flow that is under way says so, and nobody else can read it', async () => {
    const system = running()
    const { directory } = system.parts
    const flow = await passGate(system, personNamed(system, 'user0006'))
    await directory.call('fault', { kind: 'hang', operation: 'modify' })
    const underWay = flow.password('Under-Way-Now-1')
    await directory.call('whenHeld')

    const meanwhile = await flow.read()
    const verifiedAgain = await flow.verify('12345678')
    await directory.call('clearFaults')

    expect(await underWay).toMatchObject({ status: 200, body: done })
    expect(meanwhile).toMatchObject({ status: 200, body: { state: 'submitted' } })
    expect(meanwhile.body).not.toHaveProperty('outcome')
    expect(verifiedAgain).toMatchObject({ status: 409, body: { code: 'wrongState', state: 'submitted' } })
  })
})

describe('more people at once than the directory takes', () => {
  it('it is given no more than it takes, the others are told "busy", and whoever presses again on the same flow is served', async () => {
    const system = running()
    const { directory } = system.parts
    const people = Array.from({ length: 10 }, (_, at) => personNamed(system, `user${String(at + 7).padStart(4, '0')}`))
    const flows = await Promise.all(people.map((person) => passGate(system, person)))
    const writes = async () => Promise.all(people.map(async ({ sam }) => (await directory.call('user', sam)).passwordWrites))
    await directory.call('slowDown', 800)

    const answers = await Promise.all(flows.map((flow) => flow.password('All-At-Once-1')))

    const told = answers.map(({ body }) => body.code as string)
    expect(new Set(told)).toEqual(new Set(['done', 'busy']))
    for (const answer of answers) if (answer.body.code === 'busy') expect(answer).toMatchObject({ status: 503, body: busy })
    expect(await writes()).toEqual(told.map((code) => (code === 'done' ? 1 : 0)))

    await directory.call('slowDown', 0)
    for (const [at, flow] of flows.entries())
      if (told[at] === 'busy') expect(await flow.password('All-At-Once-1')).toMatchObject({ status: 200, body: done })
    expect(await writes()).toEqual(told.map(() => 1))
    for (const { dn } of people) expect(await signIn(system, dn, 'All-At-Once-1')).toBe('accepted')
  })
})
