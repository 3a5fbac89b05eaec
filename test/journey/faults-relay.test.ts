/**
 * The wires break while the agent lives: sends without an answer, replies that are lost, connections that end or go dead, a broker
 * that is gone for a while, a directory that hangs up. Every answer stays true, and one message leads to one write.
 */
import { expect, it, vi } from 'vitest'
import type { System } from '../../local/what-runs.ts'
import { submit, whenQueuesAreEmpty, whenWritten, writesOf } from './faults.fixture.ts'
import { messagesSent, passGate, patience, personNamed, signIn, useSystem } from './support.ts'

vi.setConfig({ testTimeout: 60_000 })

const times = { ldapMs: 2_500, lockMs: 4_000, startWithinMs: 14_000, ttlMs: 26_000, answerMs: 30_000 }
const running = useSystem({ agents: 1, times, extraUsers: 20 })

const done = { status: 200, body: { code: 'done', effect: 'changed' } }

async function ready(system: System, sam: string) {
  const person = personNamed(system, sam)
  return { person, flow: await passGate(system, person) }
}

/** Both sides listen again: the agent for requests, the functions for their replies. */
async function whenReconnected({ parts }: System): Promise<void> {
  const { requests, replies } = await parts.bus.call('stats')
  expect(requests?.receivers).toBe(1)
  expect(replies?.receivers).toBe(1)
}

it('a send that the broker took and did not confirm: one message, and the answer does not wait for the confirmation', async () => {
  const system = running()
  const { person, flow } = await ready(system, 'user0001')
  const before = await messagesSent(system)
  await system.parts.bus.call('fault', { kind: 'sendsInDoubt', queue: 'requests' })

  const answer = await flow.password('Not-In-Doubt-1')

  expect(answer).toMatchObject(done)
  expect(await messagesSent(system)).toEqual({ requests: before.requests + 1, replies: before.replies + 1 })
  expect(await writesOf(system, person)).toBe(1)
  await system.parts.bus.call('clearFaults')
})

it('a send that the broker first loses is sent again under the same id', async () => {
  const system = running()
  const { person, flow } = await ready(system, 'user0002')
  const { requests } = await messagesSent(system)
  await system.parts.bus.call('fault', { kind: 'rejectSends', queue: 'requests', count: 3 })

  expect(await flow.password('Sent-Again-1')).toMatchObject(done)
  expect((await messagesSent(system)).requests).toBe(requests + 1)
  expect(await writesOf(system, person)).toBe(1)
})

it('a lost reply is sent again, and nothing is written again', async () => {
  const system = running()
  const { person, flow } = await ready(system, 'user0003')
  await system.parts.bus.call('fault', { kind: 'ignoreSends', queue: 'replies', count: 1 })

  expect(await flow.password('Told-At-Last-1')).toMatchObject(done)
  expect(await writesOf(system, person)).toBe(1)
  expect(await signIn(system, person.dn, 'Told-At-Last-1')).toBe('accepted')
  await whenQueuesAreEmpty(system)
})

it('the directory hangs up after the write: it is read back, and the answer is the truth', async () => {
  const system = running()
  const { person, flow } = await ready(system, 'user0004')
  await system.parts.directory.call('fault', { kind: 'dropAfterWrite', operation: 'modify' })

  expect(await flow.password('Read-Back-Again-1')).toMatchObject(done)
  expect(await writesOf(system, person)).toBe(1)
  expect(await signIn(system, person.dn, 'Read-Back-Again-1')).toBe('accepted')
})

it('the directory hangs up before anything was written: "not changed", and the same flow succeeds a moment later', async () => {
  const system = running()
  const { person, flow } = await ready(system, 'user0005')
  await system.parts.directory.call('fault', { kind: 'dropBeforeWrite', operation: 'search' })

  expect(await flow.password('The-First-Try-1')).toMatchObject({ status: 503, body: { code: 'directoryUnavailable', state: 'verified' } })
  expect(await signIn(system, person.dn, person.password)).toBe('accepted')
  expect(await flow.password('The-Second-Try-2')).toMatchObject(done)
  expect(await signIn(system, person.dn, 'The-Second-Try-2')).toBe('accepted')
  expect(await writesOf(system, person)).toBe(1)
})

it('all connections end while the directory is writing: the person is told what it did', async () => {
  const system = running()
  const { bus, directory } = system.parts
  const { person, flow } = await ready(system, 'user0006')
  await directory.call('fault', { kind: 'hang', operation: 'modify' })
  const sent = await submit(system, flow, 'Survives-The-Break-1')
  await directory.call('whenHeld')

  expect(await bus.call('dropConnections', {})).toBeGreaterThan(1)
  await directory.call('clearFaults')
  await whenWritten(system, person)

  expect(await sent.answer).toMatchObject(done)
  await vi.waitFor(() => whenReconnected(system), patience)
  // Where the reply got through and the end of its message did not, the message comes once more.
  await whenQueuesAreEmpty(system)
  expect(await writesOf(system, person)).toBe(1)
})

it('an outage of the broker: nothing is promised while it lasts, and afterwards it works as before', async () => {
  const system = running()
  const { bus } = system.parts
  const { person, flow } = await ready(system, 'user0007')
  const { requests } = await messagesSent(system)
  await bus.call('down')

  const meanwhile = await flow.password('During-The-Outage-1')

  expect(meanwhile).toMatchObject({ status: 503, body: { code: 'serviceDown', effect: 'notChanged', state: 'verified' } })
  expect((await messagesSent(system)).requests).toBe(requests)
  await bus.call('up')
  await vi.waitFor(() => whenReconnected(system), patience)
  expect(await flow.password('After-The-Outage-1')).toMatchObject(done)
  expect(await signIn(system, person.dn, 'After-The-Outage-1')).toBe('accepted')
  expect(await writesOf(system, person)).toBe(1)
  await whenQueuesAreEmpty(system)
})

it('every connection is closed properly and without a reason, which no SDK notices: a submit at that moment succeeds', async () => {
  const system = running()
  const { person, flow } = await ready(system, 'user0008')

  expect(await system.parts.bus.call('dropConnections', { silent: 'close' })).toBeGreaterThan(1)

  expect(await flow.password('After-The-Silence-1')).toMatchObject(done)
  await vi.waitFor(() => whenReconnected(system), patience)
  expect(await writesOf(system, person)).toBe(1)
  await whenQueuesAreEmpty(system)
})

it('every connection is dead and stays open: a submit at that moment succeeds on new ones', async () => {
  const system = running()
  const { bus } = system.parts
  const { person, flow } = await ready(system, 'user0009')

  expect(await bus.call('dropConnections', { silent: 'freeze' })).toBeGreaterThan(1)

  expect(await flow.password('Half-Open-Doors-1')).toMatchObject(done)
  await bus.call('thaw')
  await vi.waitFor(() => whenReconnected(system), patience)
  expect(await writesOf(system, person)).toBe(1)
  await whenQueuesAreEmpty(system)
})
