/**
 * The queues of the topology, as the product will find them, with the real client: what the protocol builds on at each.
 * How a queue behaves in general stands beside the bus (local/bus/*.test.ts); here it is these settings that count.
 */
import { expect, it } from 'vitest'
import { queues } from '../../../infra/topology.ts'
import { failureOf, receiveNow, receiveOne, useBus } from '../../../local/bus/bus-fixture.ts'
import { defaultTimes } from '../../../shared/times.ts'

const { bus, clock, client } = await useBus(queues)
const azure = client()
const manual = { maxAutoLockRenewalDurationInMs: 0 }
const requests = azure.createSender('requests')
const agent = azure.createReceiver('requests', manual)
const stats = (queue: keyof typeof queues = 'requests') => bus.control.stats()[queue]
const { ttlMs } = defaultTimes

it('requests: a second send of an id is dropped for ten minutes, even when the first was answered long ago', async () => {
  const request = { body: 'r', messageId: 'again', timeToLive: ttlMs }
  await requests.sendMessages(request)
  await agent.completeMessage(await receiveOne(agent))
  await clock.advance(queues.requests.duplicateDetectionMs - 1)
  await requests.sendMessages(request)
  expect(await receiveNow(agent)).toEqual([])
  await clock.advance(1)
  await requests.sendMessages(request)
  await agent.completeMessage(await receiveOne(agent))
})

it('requests: the time to live ends before the deliveries do, and nothing is dead-lettered', async () => {
  await requests.sendMessages({ body: 'r', timeToLive: ttlMs })
  for (let delivery = 0; delivery < 20; delivery++) {
    const message = await receiveOne(agent)
    expect(message.deliveryCount).toBe(delivery)
    await agent.abandonMessage(message)
  }
  await clock.advance(ttlMs)
  expect(stats()).toMatchObject({ active: 0, locked: 0, deadLettered: 0 })
})

it('requests: one that expires under its lock can still be completed, and is gone when the lock is lost', async () => {
  const { completed = 0 } = stats() ?? {}
  for (const settles of [true, false]) {
    await requests.sendMessages({ body: 'r', timeToLive: ttlMs })
    await clock.advance(ttlMs - 1_000)
    const message = await receiveOne(agent)
    await clock.advance(2_000)
    expect(stats()).toMatchObject({ locked: 1 })
    if (settles) await agent.completeMessage(message)
    await clock.advance(queues.requests.lockMs)
    expect(await receiveNow(agent)).toEqual([])
  }
  expect(stats()).toMatchObject({ active: 0, locked: 0, deadLettered: 0, completed: completed + 1 })
})

it('requests: a receiver that has asked and gone (drain) leaves no message locked behind', async () => {
  const asking = azure.createReceiver('requests', manual)
  expect(await receiveNow(asking)).toEqual([])
  await requests.sendMessages({ body: 'r' })
  await requests.sendMessages({ body: 'r' })
  expect(stats()).toMatchObject({ active: 2, locked: 0 })
  for (const message of await receiveNow(asking)) await asking.completeMessage(message)
  expect(stats()).toMatchObject({ active: 0, locked: 0 })
})

it('replies: a session is held for five minutes at a time, and lost without a renewal', async () => {
  const session = await azure.acceptSession('replies', 'instance', manual)
  await clock.advance(queues.replies.lockMs - 1)
  await session.renewSessionLock()
  await clock.advance(queues.replies.lockMs - 1)
  await azure.createSender('replies').sendMessages({ body: 'r', sessionId: 'instance' })
  const reply = await receiveOne(session)
  const { detaches } = bus.control.totals()
  await clock.advance(1)
  // A settlement that crosses the detach gets no answer from anybody.
  await expect.poll(() => bus.control.totals().detaches, { timeout: 20_000 }).toBe(detaches + 1)
  expect(await failureOf(session.completeMessage(reply))).toMatchObject({ code: 'SessionLockLost', retryable: false })
  const next = await azure.acceptSession('replies', 'instance', manual)
  const again = await receiveOne(next)
  expect(again.deliveryCount).toBe(1)
  await next.completeMessage(again)
  await next.close()
})

it('every queue lowers a longer time to live to its own and forgets what has expired', async () => {
  for (const queue of ['requests', 'replies', 'events'] as const) {
    await azure.createSender(queue).sendMessages({ body: 'x', sessionId: 's', timeToLive: 10 * queues[queue].ttlMs })
    expect(stats(queue)).toMatchObject({ active: 1 })
    await clock.advance(queues[queue].ttlMs)
    expect(stats(queue)).toMatchObject({ active: 0, deadLettered: 0 })
  }
})
