/**
 * One agent, and nobody to take over when it dies: whoever waits is told "we cannot tell yet", the service is down at once,
 * and as soon as the agent is back everybody learns what really happened, in the flow and by mail.
 */
import { expect, it, vi } from 'vitest'
import type { SampleUser } from '../../local/directory/seed.ts'
import { call } from '../../local/reset-client.ts'
import type { System } from '../../local/what-runs.ts'
import { about, kill, restart, submit, whenQueuesAreEmpty, writesOf } from './faults.fixture.ts'
import { messagesSent, passGate, patience, personNamed, signIn, useSystem, whenUp } from './support.ts'

vi.setConfig({ testTimeout: 90_000 })

const times = { ldapMs: 2_500, lockMs: 4_000, startWithinMs: 6_500, ttlMs: 11_000, answerMs: 14_500 }
const running = useSystem({ agents: 1, times, extraUsers: 20 })

const unknown = { status: 504, body: { code: 'unknown', effect: 'unknown', state: 'settled' } }
const changed = { body: { state: 'settled', outcome: 'done', effect: 'changed' } }
const notChanged = { body: { state: 'verified', outcome: 'expired', effect: 'notChanged' } }

/** The mail that tells how it ended. The agent looks every five seconds, once the message is dead. */
async function toldByMail(system: System, { mail }: SampleUser, subject: string): Promise<void> {
  const subjects = async () => (await system.parts.mail.call('messages', mail)).map((each) => each.subject)
  await vi.waitFor(async () => expect(await subjects()).toContain(subject), patience)
}

it('killed with requests in hand and restarted too late for them: everybody learns the truth afterwards', async () => {
  const system = running()
  const { directory, bus } = system.parts
  const [agent] = system.agents
  if (!agent) throw new Error('no agent')
  const ready = async (sam: string) => {
    const person = personNamed(system, sam)
    return { person, flow: await passGate(system, person), ours: `Ours-For-${sam.slice(-1)}-x` }
  }
  const [severed, delayed, unheard, untouched] = await Promise.all([
    ready('user0001'),
    ready('user0002'),
    ready('user0003'),
    ready('user0004'),
  ])
  const send = ({ flow, ours }: typeof severed) => submit(system, flow, ours)

  // The connection breaks under the write, before the directory has carried it out: when the lock has run out, it is done.
  await directory.call('fault', { kind: 'dropBeforeWrite', operation: 'modify' })
  expect(await (await send(severed)).answer).toMatchObject({ body: { code: 'done' } })
  // Written and answered; the answer lies on its queue until it is too late.
  await bus.call('fault', { kind: 'holdQueue', queue: 'replies' })
  const { replies } = await messagesSent(system)
  const late = await send(delayed)
  await vi.waitFor(async () => expect((await messagesSent(system)).replies).toBe(replies + 1), patience)
  // Written, and the broker takes no answer.
  await bus.call('fault', { kind: 'rejectSends', queue: 'replies' })
  const recorded = await send(unheard)
  await agent.event('listenerError', about(recorded.request))
  // Taken, and killed before anything was written.
  await directory.call('fault', { kind: 'hang', operation: 'search' })
  const taken = await send(untouched)
  await directory.call('whenHeld')
  await kill(agent)
  await directory.call('clearFaults')

  expect(await Promise.all([late.answer, recorded.answer, taken.answer])).toMatchObject([unknown, unknown, unknown])
  expect((await call(system.url, 'status')).body).toEqual({ writeback: 'down' })
  await restart(system, 'agent-1')
  await whenUp(system)
  await bus.call('clearFaults')

  await toldByMail(system, delayed.person, 'Your password was reset')
  await toldByMail(system, unheard.person, 'Your password was reset')
  await toldByMail(system, untouched.person, 'Your password was not reset')
  for (const { flow, person, ours } of [severed, delayed, unheard]) {
    expect(await flow.read()).toMatchObject(changed)
    expect(await signIn(system, person.dn, ours)).toBe('accepted')
    expect(await writesOf(system, person)).toBe(1)
  }
  expect(await untouched.flow.read()).toMatchObject(notChanged)
  expect(await signIn(system, untouched.person.dn, untouched.person.password)).toBe('accepted')
  expect(await writesOf(system, untouched.person)).toBe(0)
  await whenQueuesAreEmpty(system)
})
