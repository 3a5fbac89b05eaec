/**
 * Messages on a queue without sessions, with the real client: sending, locks and settlement.
 */
import { describe, expect, it } from 'vitest'
import { failureOf, plainQueue, receiveNow, receiveOne, useBus } from './bus-fixture.ts'

const { bus, clock, client } = await useBus({
  plain: plainQueue,
  many: { ...plainQueue, lockMs: 300_000 },
})
const azure = client()
const manual = { maxAutoLockRenewalDurationInMs: 0 }
const sender = azure.createSender('plain')
const receiver = azure.createReceiver('plain', manual)
const letters = azure.createReceiver('plain', { subQueueType: 'deadLetter' })
const stats = (queue = 'plain') => bus.control.stats()[queue]

describe('sending and receiving', () => {
  it('delivers what was sent, with the times and counts of the broker', async () => {
    const sentAt = clock.now()
    await sender.sendMessages({
      body: Buffer.from('sealed'),
      messageId: 'm1',
      correlationId: 'c1',
      replyTo: 'replies',
      replyToSessionId: 's1',
      timeToLive: 26_000,
      applicationProperties: { text: 'v', number: 5, big: 2 ** 40, when: new Date(0) },
    })
    await clock.advance(700)
    const message = await receiveOne(receiver)
    expect(message).toMatchObject({
      body: Buffer.from('sealed'),
      messageId: 'm1',
      correlationId: 'c1',
      replyTo: 'replies',
      replyToSessionId: 's1',
      timeToLive: 26_000,
      deliveryCount: 0,
      state: 'active',
      applicationProperties: { text: 'v', number: 5, big: 2 ** 40 },
      enqueuedTimeUtc: new Date(sentAt),
      lockedUntilUtc: new Date(clock.now() + plainQueue.lockMs),
      expiresAtUtc: new Date(sentAt + 26_000),
    })
    await receiver.completeMessage(message)
    expect(stats()).toMatchObject({ active: 0, locked: 0, sent: 1, delivered: 1, completed: 1 })
  })

  it('takes a batch apart', async () => {
    await sender.sendMessages([1, 2, 3, 4, 5].map((n) => ({ body: `b${n}` })))
    const batch = await sender.createMessageBatch()
    expect(batch.maxSizeInBytes).toBe(256 * 1024)
    const messages = await receiveNow(receiver)
    expect(messages.map((message) => message.body)).toEqual(['b1', 'b2', 'b3', 'b4', 'b5'])
    expect(new Set(messages.map((message) => message.messageId)).size).toBe(5)
    await Promise.all(messages.map((message) => receiver.completeMessage(message)))
  })

  it('keeps bytes as they were sent and knows their sizes', async () => {
    bus.control.send('plain', { bodyBase64: 'AAEC', messageId: 'held', correlationId: 'c', replyToSessionId: 's', timeToLiveMs: 1_000 })
    const [recent] = bus.control.recent('plain').slice(-1)
    expect(recent).toMatchObject({
      messageId: 'held',
      correlationId: 'c',
      sessionId: null,
      bodyBase64: 'AAEC',
      bodyBytes: 3,
      timeToLiveMs: 1_000,
    })
    expect(recent?.encodedBytes).toBeGreaterThan(20)
    const message = await receiveOne(receiver)
    expect(message).toMatchObject({ body: Buffer.from([0, 1, 2]), messageId: 'held', replyToSessionId: 's' })
    await receiver.completeMessage(message)
  })

  it('deletes on delivery when asked to', async () => {
    await sender.sendMessages({ body: 'x' })
    const deleting = azure.createReceiver('plain', { receiveMode: 'receiveAndDelete' })
    await receiveOne(deleting)
    expect(stats()).toMatchObject({ active: 0, locked: 0 })
    await deleting.close()
  })

  it('takes 3,000 messages over one link, more than the slots of a delivery ring', async () => {
    const total = 3_000
    const [to, from] = [azure.createSender('many'), azure.createReceiver('many', manual)]
    for (let sent = 0; sent < total; sent += 100) await to.sendMessages(Array.from({ length: 100 }, () => ({ body: 'x' })))
    let received = 0
    while (received < total) {
      const messages = await from.receiveMessages(250, { maxWaitTimeInMs: 2_000 })
      await Promise.all(messages.map((message) => from.completeMessage(message)))
      received += messages.length
    }
    expect(stats('many')).toMatchObject({ active: 0, locked: 0, delivered: total, completed: total })
  })
})

describe('locks', () => {
  it('dead-letters after as many deliveries as the queue allows', async () => {
    await sender.sendMessages({ body: 'x', messageId: 'poison' })
    const counts: unknown[] = []
    for (let i = 0; i < plainQueue.maxDeliveryCount; i++) {
      const message = await receiveOne(receiver)
      counts.push(message.deliveryCount, message.applicationProperties?.['seen'])
      await receiver.abandonMessage(message, { seen: i })
    }
    expect(counts).toEqual([0, undefined, 1, 0, 2, 1])
    const letter = await receiveOne(letters)
    expect(letter).toMatchObject({ messageId: 'poison', deadLetterReason: 'MaxDeliveryCountExceeded', deadLetterSource: 'plain' })
    await letters.completeMessage(letter)
  })

  it('ends a lock on time: the message comes again, and the late receiver is told', async () => {
    await sender.sendMessages({ body: 'x' })
    const first = await receiveOne(receiver)
    await clock.advance(plainQueue.lockMs - 1)
    expect(await receiveNow(receiver)).toEqual([])
    await clock.advance(1)
    const again = await receiveOne(receiver)
    expect(again.deliveryCount).toBe(1)
    expect(await failureOf(receiver.completeMessage(first))).toMatchObject({ code: 'MessageLockLost', retryable: false })
    expect(await failureOf(receiver.renewMessageLock(first))).toMatchObject({ code: 'MessageLockLost' })
    await receiver.completeMessage(again)
  })

  it('renews a lock', async () => {
    await sender.sendMessages({ body: 'x' })
    const message = await receiveOne(receiver)
    await clock.advance(8_000)
    expect(await receiver.renewMessageLock(message)).toEqual(new Date(clock.now() + plainQueue.lockMs))
    await clock.advance(8_000)
    await receiver.completeMessage(message)
    expect(stats()).toMatchObject({ active: 0, locked: 0 })
  })

  it('keeps a lock when the link or the connection goes', async () => {
    await sender.sendMessages({ body: 'x' })
    const other = client()
    const first = await receiveOne(other.createReceiver('plain', manual))
    await other.close()
    expect(await receiveNow(receiver)).toEqual([])
    expect(stats()).toMatchObject({ active: 0, locked: 1 })
    await clock.advance(plainQueue.lockMs)
    const again = await receiveOne(receiver)
    expect(again).toMatchObject({ messageId: first.messageId, deliveryCount: 1 })
    await receiver.completeMessage(again)
  })

  it('dead-letters with a reason', async () => {
    await sender.sendMessages({ body: 'x' })
    await receiver.deadLetterMessage(await receiveOne(receiver), { deadLetterReason: 'bad', deadLetterErrorDescription: 'why', extra: 'p' })
    const letter = await receiveOne(letters)
    expect(letter).toMatchObject({ deadLetterReason: 'bad', deadLetterErrorDescription: 'why', applicationProperties: { extra: 'p' } })
    await letters.completeMessage(letter)
  })

  it('defers, and hands out what was deferred by number', async () => {
    await sender.sendMessages({ body: 'later' })
    const message = await receiveOne(receiver)
    await receiver.deferMessage(message)
    expect(await receiveNow(receiver)).toEqual([])
    expect(stats()).toMatchObject({ deferred: 1 })
    const [deferred] = await receiver.receiveDeferredMessages(message.sequenceNumber ?? [])
    expect(deferred).toMatchObject({ body: 'later', state: 'deferred', deliveryCount: 0 })
    if (deferred) await receiver.completeMessage(deferred)
    expect(await failureOf(receiver.receiveDeferredMessages(message.sequenceNumber ?? []))).toMatchObject({ code: 'MessageNotFound' })
  })

  it('shows messages without locking them', async () => {
    await sender.sendMessages([{ body: 'p1' }, { body: 'p2' }])
    const peeked = await receiver.peekMessages(10)
    expect(peeked.map((message) => message.body)).toEqual(['p1', 'p2'])
    expect(await receiver.peekMessages(10)).toEqual([])
    expect(stats()).toMatchObject({ active: 2, locked: 0 })
    for (const message of await receiveNow(receiver)) await receiver.completeMessage(message)
  })
})
