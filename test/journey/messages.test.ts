/**
 * What travels, measured on the bus as it was sent: how many messages, how large, and how long they live.
 * The limits are those of docs/protocol.md, Sizes and Messages.
 */
import { randomBytes } from 'node:crypto'
import { expect, it, vi } from 'vitest'
import { call } from '../../local/reset-client.ts'
import type { System } from '../../local/what-runs.ts'
import { defaultTimes } from '../../shared/times.ts'
import { passGate, patience, personNamed, signIn, useSystem } from './support.ts'

const running = useSystem({ extraUsers: 3 })

const wholeMessageBytes = 1024
/** AMQP 1.0 transfer frame around a message: 8 bytes of header, a performative of some 30. */
const frameBytes = 64
const limits = { requests: 480, replies: 220, events: 400 } as const
type QueueName = keyof typeof limits

const recent = (system: System, queue: QueueName) => system.parts.bus.call('recent', queue)
async function counts({ parts }: System) {
  const { requests, replies, events } = await parts.bus.call('stats')
  return { requests: requests?.sent ?? 0, replies: replies?.sent ?? 0, events: events?.sent ?? 0 }
}

it('a start is one message: the heartbeat', async () => {
  const system = running()
  expect(await counts(system)).toEqual({ requests: 0, replies: 0, events: 1 })
})

it('a password is two messages, the longest possible password as well, with a trace as well', async () => {
  const system = running()
  const person = personNamed(system, 'user0001')
  const plain = await passGate(system, person)
  expect(await plain.password('A-Short-One-1')).toMatchObject({ status: 200 })
  expect(await counts(system)).toEqual({ requests: 1, replies: 1, events: 1 })

  const traced = await passGate(system, person)
  const longest = `Aa1-${'xyzwv'.repeat(25).slice(0, 123)}`
  const traceparent = `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`
  const headers = { cookie: traced.cookie, traceparent }
  const answer = await call(system.url, `reset/${traced.id}/password`, { body: { newPassword: longest }, headers })
  expect(answer).toMatchObject({ status: 200, body: { code: 'done' } })
  expect(await counts(system)).toEqual({ requests: 2, replies: 2, events: 1 })
  expect(await signIn(system, person.dn, longest)).toBe('accepted')

  const [without, withTrace] = await recent(system, 'requests')
  // Key, length and 25 bytes of trace; the length of the password is not to be seen.
  expect((withTrace?.bodyBytes ?? 0) - (without?.bodyBytes ?? 0)).toBe(28)
})

it('a refusal is two messages too', async () => {
  const system = running()
  const flow = await passGate(system, personNamed(system, 'user0002'))
  expect(await flow.password('Wq7#x')).toMatchObject({ status: 422, body: { code: 'policy.length' } })
  expect(await counts(system)).toEqual({ requests: 3, replies: 3, events: 1 })
})

it('a request lives no longer than agreed, less what had passed when it was sent', async () => {
  const messages = await recent(running(), 'requests')
  expect(messages).toHaveLength(3)
  for (const { timeToLiveMs } of messages) {
    expect(timeToLiveMs).toBeLessThanOrEqual(defaultTimes.ttlMs)
    expect(timeToLiveMs).toBeGreaterThan(defaultTimes.ttlMs - 5_000)
  }
})

it('an end is one message: the goodbye', async () => {
  const system = running()
  expect(await system.agents[0]?.stop()).toBe(0)
  await vi.waitFor(async () => expect(await counts(system)).toEqual({ requests: 3, replies: 3, events: 2 }), patience)
})

it('every message is as small as promised', async () => {
  const system = running()
  const measured = await Promise.all(
    (['requests', 'replies', 'events'] as const).map(async (queue) => {
      const messages = await recent(system, queue)
      const bodyBytes = Math.max(...messages.map((message) => message.bodyBytes))
      const encodedBytes = Math.max(...messages.map((message) => message.encodedBytes))
      return { queue, bodyBytes, encodedBytes }
    }),
  )
  for (const { queue, bodyBytes, encodedBytes } of measured) {
    expect(bodyBytes).toBeGreaterThan(0)
    expect(bodyBytes).toBeLessThanOrEqual(limits[queue])
    expect(encodedBytes + frameBytes).toBeLessThan(wholeMessageBytes)
  }
  const line = measured.map(({ queue, bodyBytes, encodedBytes }) => `${queue} ${bodyBytes} B body, ${encodedBytes} B as sent`)
  process.stdout.write(`largest messages: ${line.join('; ')}\n`)
})
