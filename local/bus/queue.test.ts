/**
 * The store alone: what must hold at the exact millisecond, without any link.
 */
import { beforeEach, expect, it } from 'vitest'
import { plainQueue } from './bus-fixture.ts'
import { readMessage, writeFields } from './message.ts'
import { MessageQueue } from './queue.ts'

let now = 0
let wakeUps: number[] = []
let queue: MessageQueue
let letters: MessageQueue

const around = { now: () => now, available() {}, by: (at: number) => void wakeUps.push(at) }
const message = (id: string, fields: { ttl?: number; group_id?: string } = {}) =>
  readMessage(writeFields({ message_id: id, body: Buffer.from(id), ...fields }))
const tokenOf = (entry: ReturnType<MessageQueue['take']>) => entry?.lock?.token ?? 'nothing was taken'

beforeEach(() => {
  now = 1_000_000
  wakeUps = []
  letters = new MessageQueue('q/$DeadLetterQueue', { ...plainQueue, ttlMs: Number.POSITIVE_INFINITY }, around)
  queue = new MessageQueue('q', { ...plainQueue, duplicateDetectionMs: 1_000 }, { ...around, deadLetters: letters })
})

it('hands out the oldest first and locks it until now + lockMs, not a millisecond longer', () => {
  queue.offer(message('a'))
  queue.offer(message('b'))
  const first = queue.take()
  expect(first?.message.messageId).toBe('a')
  expect(first?.lock?.until).toBe(now + plainQueue.lockMs)
  expect(queue.take()?.message.messageId).toBe('b')
  expect(queue.take()).toBeUndefined()
  now += plainQueue.lockMs - 1
  expect(queue.holds(tokenOf(first))).toBe(true)
  now += 1
  expect(queue.holds(tokenOf(first))).toBe(false)
  expect(queue.take()).toMatchObject({ deliveryCount: 1, message: { messageId: 'a' } })
})

it('refuses to settle or renew under a lock that has ended, even before anybody swept', () => {
  queue.offer(message('a'))
  const token = tokenOf(queue.take())
  now += plainQueue.lockMs
  expect(queue.settle(token, { kind: 'complete' })).toBe(false)
  expect(queue.renew(token)).toBeUndefined()
  expect(queue.counts).toMatchObject({ completed: 0, lockExpired: 1 })
})

it('asks to be swept when something ends, and says when to come back', () => {
  queue.offer(message('a', { ttl: 500 }))
  expect(wakeUps).toEqual([now + 500])
  now += 499
  expect(queue.sweep()).toBe(1_000_500)
  now += 1
  expect(queue.sweep()).toBe(Number.POSITIVE_INFINITY)
  expect(queue.counts.expired).toBe(1)
  expect([...letters.entries()]).toEqual([])
})

it('never delivers what has expired', () => {
  queue.offer(message('a', { ttl: 500 }))
  now += 500
  expect(queue.take()).toBeUndefined()
})

it('counts neither a deferral nor the close of a session as a delivery', () => {
  queue.offer(message('a', { group_id: 's' }))
  const session = { id: 's', until: now + 5_000 }
  expect(queue.take({ session: { ...session, id: 'other' } })).toBeUndefined()
  queue.take({ session })
  queue.releaseSession('s', { expired: false })
  expect(queue.settle(tokenOf(queue.take({ session })), { kind: 'defer' })).toBe(true)
  const [deferred] = queue.takeDeferred([1], session) ?? []
  expect(deferred).toMatchObject({ deliveryCount: 0, deferred: true })
  queue.releaseSession('s', { expired: true })
  expect(queue.takeDeferred([1], session)?.[0]).toMatchObject({ deliveryCount: 1 })
})

it('takes deferred messages all or none', () => {
  queue.offer(message('a'))
  queue.settle(tokenOf(queue.take()), { kind: 'defer' })
  expect(queue.takeDeferred([1, 2])).toBeUndefined()
  expect(queue.takeDeferred([1])).toHaveLength(1)
})

it('dead-letters at the limit of deliveries, with the reason on the message', () => {
  queue.offer(message('a'))
  for (let i = 0; i < plainQueue.maxDeliveryCount; i++) queue.settle(tokenOf(queue.take()), { kind: 'abandon' })
  expect([...queue.entries()]).toEqual([])
  const [letter] = letters.entries()
  expect(letter).toMatchObject({ deliveryCount: plainQueue.maxDeliveryCount, message: { messageId: 'a' } })
})

it('remembers ids for the window from the first send', () => {
  expect(queue.offer(message('a')).kind).toBe('enqueued')
  now += 999
  expect(queue.offer(message('a')).kind).toBe('duplicate')
  now += 1
  expect(queue.offer(message('a')).kind).toBe('enqueued')
})
