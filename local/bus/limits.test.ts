/**
 * Time and limits on a queue, with the real client: schedules, time to live, duplicate detection, size, missing queues.
 */
import { describe, expect, it } from 'vitest'
import { failureOf, plainQueue, receiveNow, receiveOne, useBus } from './bus-fixture.ts'

const { bus, clock, client } = await useBus({
  plain: plainQueue,
  once: { ...plainQueue, duplicateDetectionMs: 600_000 },
  letters: { ...plainQueue, deadLetterOnExpiry: true },
})
const azure = client()
const sender = azure.createSender('plain')
const receiver = azure.createReceiver('plain', { maxAutoLockRenewalDurationInMs: 0 })
const stats = (queue = 'plain') => bus.control.stats()[queue]

describe('time', () => {
  it('holds scheduled messages back until their time, or for ever when cancelled', async () => {
    const [kept, cancelled] = await sender.scheduleMessages([{ body: 's1' }, { body: 's2' }], new Date(clock.now() + 60_000))
    if (!kept || !cancelled) throw new Error('no sequence numbers came')
    await sender.cancelScheduledMessages(cancelled)
    expect(await receiveNow(receiver)).toEqual([])
    await clock.advance(60_000)
    const messages = await receiveNow(receiver)
    expect(messages).toMatchObject([{ body: 's1', sequenceNumber: kept, enqueuedTimeUtc: new Date(clock.now()) }])
    for (const message of messages) await receiver.completeMessage(message)
  })

  it('removes what has expired, and does not dead-letter it', async () => {
    const before = stats()?.expired ?? 0
    await sender.sendMessages({ body: 'x', timeToLive: 300 })
    await clock.advance(299)
    expect(stats()).toMatchObject({ active: 1 })
    await clock.advance(1)
    expect(stats()).toMatchObject({ active: 0, deadLettered: 0, expired: before + 1 })
  })

  it('lowers a time to live to the queue’s', async () => {
    bus.control.send('plain', { bodyBase64: '', messageId: 'long', timeToLiveMs: 2 * plainQueue.ttlMs })
    const [peeked] = await azure.createReceiver('plain').peekMessages(1)
    expect(peeked?.timeToLive).toBe(plainQueue.ttlMs)
    await clock.advance(plainQueue.ttlMs)
    expect(stats()).toMatchObject({ active: 0 })
  })

  it('lets a locked message be completed after its time to live, but drops it when it is unlocked', async () => {
    await sender.sendMessages([
      { body: 'completed', timeToLive: 1_000 },
      { body: 'abandoned', timeToLive: 1_000 },
    ])
    const [completed, abandoned] = await receiver.receiveMessages(2, { maxWaitTimeInMs: 3_000 })
    if (!completed || !abandoned) throw new Error('two messages should have come')
    await clock.advance(2_000)
    expect(stats()).toMatchObject({ locked: 2 })
    const { completed: completedBefore = 0, expired: expiredBefore = 0 } = stats() ?? {}
    await receiver.completeMessage(completed)
    await receiver.abandonMessage(abandoned)
    expect(stats()).toMatchObject({ active: 0, locked: 0, deadLettered: 0, completed: completedBefore + 1, expired: expiredBefore + 1 })
  })

  it('dead-letters what has expired where the queue says so', async () => {
    await azure.createSender('letters').sendMessages({ body: 'x', timeToLive: 300 })
    await clock.advance(300)
    const letter = await receiveOne(azure.createReceiver('letters', { subQueueType: 'deadLetter', receiveMode: 'receiveAndDelete' }))
    expect(letter.deadLetterReason).toBe('TTLExpiredException')
  })

  it('accepts a duplicate within the window and drops it', async () => {
    const once = azure.createSender('once')
    const receiving = azure.createReceiver('once', { receiveMode: 'receiveAndDelete' })
    await once.sendMessages({ body: '1', messageId: 'same' })
    await once.sendMessages({ body: '2', messageId: 'same' })
    expect((await receiveNow(receiving)).map((message) => message.body)).toEqual(['1'])
    expect(stats('once')).toMatchObject({ sent: 1, duplicates: 1 })
    await clock.advance(600_000)
    await once.sendMessages({ body: '3', messageId: 'same' })
    expect((await receiveNow(receiving)).map((message) => message.body)).toEqual(['3'])
  })
})

describe('refusals', () => {
  it('refuses more than 256 KB', async () => {
    const failure = await failureOf(sender.sendMessages({ body: Buffer.alloc(256 * 1024) }))
    expect(failure).toMatchObject({ code: 'MessageSizeExceeded', retryable: false })
  })

  it('knows no other queue, for whoever would have the right', async () => {
    expect(await failureOf(azure.createSender('nope').sendMessages({ body: 1 }))).toMatchObject({ code: 'MessagingEntityNotFound' })
    expect(await failureOf(receiveOne(azure.createReceiver('nope')))).toMatchObject({ code: 'MessagingEntityNotFound' })
  })

  it('takes nothing sent to a dead-letter queue', async () => {
    const failure = await failureOf(azure.createSender('plain/$DeadLetterQueue').sendMessages({ body: 1 }))
    expect(failure.message).toContain('dead-letter')
  })
})
