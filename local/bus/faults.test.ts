/**
 * Faults that a network or a fail-over makes, with the real client: a bus that freezes and thaws, connections refused, links
 * that end without a reason, and messages that come late, twice or out of order.
 */
import { ServiceBusClient } from '@azure/service-bus'
import { afterEach, describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import { makeAuthority } from '../ca.ts'
import { failureOf, plainQueue, receiveNow, receiveOne, useBus } from './bus-fixture.ts'

const authority = await makeAuthority()
const tls = await authority.issue({ commonName: 'localhost', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] })
const { bus, clock, client } = await useBus({ plain: plainQueue, replies: { ...plainQueue, requiresSession: true } }, { tls })
const azure = client()
const sender = azure.createSender('plain')
const receiver = azure.createReceiver('plain', { maxAutoLockRenewalDurationInMs: 0 })
const manual = { maxAutoLockRenewalDurationInMs: 0 }
const impatient = { maxRetries: 0, timeoutInMs: 300 }
const bodies = (messages: { body: unknown }[]) => messages.map(({ body }) => body)
const stats = () => bus.control.stats()['plain']

afterEach(() => bus.control.clearFaults())

const roads = {
  tcp: () => client({ retryOptions: impatient }),
  webSockets: () =>
    new ServiceBusClient(`Endpoint=sb://localhost:${bus.addresses.ws};SharedAccessKeyName=root;SharedAccessKey=root key`, {
      retryOptions: impatient,
      webSocketOptions: { webSocket: WebSocket, webSocketConstructorOptions: { ca: authority.ca } },
    }),
}

describe.each(Object.entries(roads))('frozen, over %s', (_, connect) => {
  it('it answers nobody, and takes what lay on the wire once it thaws', async () => {
    const [old, young] = [connect(), connect()]
    const link = old.createSender('plain')
    await link.sendMessages({ body: 'before' })
    const before = stats()?.sent ?? 0
    bus.control.freeze()
    expect((await failureOf(link.sendMessages({ body: 'frozen' }))).code).toBe('ServiceTimeout')
    expect((await failureOf(young.createSender('plain').sendMessages({ body: 'never' }))).message).not.toBe('')
    expect(stats()?.sent).toBe(before)

    bus.control.thaw()
    await expect.poll(() => stats()?.sent, { timeout: 5_000 }).toBe(before + 1)
    await link.sendMessages({ body: 'after' })
    expect(bodies(await receiveNow(azure.createReceiver('plain', { receiveMode: 'receiveAndDelete' })))).toEqual([
      'before',
      'frozen',
      'after',
    ])
    void old.close()
    void young.close()
  })
})

it('connections that are frozen alone stay so while new ones work, and thaw with the rest', async () => {
  const link = client({ retryOptions: impatient }).createSender('plain')
  await link.sendMessages({ body: 1 })
  bus.control.dropConnections({ silent: 'freeze' })
  expect((await failureOf(link.sendMessages({ body: 2 }))).code).toBe('ServiceTimeout')
  await client().createSender('plain').sendMessages({ body: 3 })
  bus.control.thaw()
  await link.sendMessages({ body: 4 })
  expect(bodies(await receiveNow(azure.createReceiver('plain', { receiveMode: 'receiveAndDelete' }))).toSorted()).toEqual([1, 2, 3, 4])
})

it('new connections are refused while those that are there go on', async () => {
  await sender.sendMessages({ body: 'held' })
  bus.control.refuse()
  const refused = client({ retryOptions: impatient }).createSender('plain')
  expect((await failureOf(refused.sendMessages({ body: 1 }))).message).not.toBe('')
  const message = await receiveOne(receiver)
  await receiver.completeMessage(message)
  bus.control.refuse(false)
  await client().createSender('plain').sendMessages({ body: 'again' })
  await receiver.completeMessage(await receiveOne(receiver))
})

it('links are detached without a reason', async () => {
  const own = client().createReceiver('plain')
  await own.receiveMessages(1, { maxWaitTimeInMs: 20 })
  const { detaches } = bus.control.totals()
  const detached = bus.control.detachSilently('plain')
  expect(detached).toBeGreaterThan(0)
  await expect.poll(() => bus.control.totals().detaches, { timeout: 5_000 }).toBe(detaches + detached) // the client's answers
})

it('tokens end before their time, and their links with them', async () => {
  const own = client().createReceiver('plain')
  await own.receiveMessages(1, { maxWaitTimeInMs: 20 })
  expect(stats()?.receivers).toBeGreaterThan(0)
  expect(bus.control.expireTokens()).toBeGreaterThan(0)
  expect(stats()?.receivers).toBe(0)
})

describe('messages', () => {
  it('are delivered again although they were completed, once as ordered', async () => {
    await sender.sendMessages({ body: 'twice' })
    bus.control.fault({ kind: 'repeatDeliveries', queue: 'plain', count: 1 })
    for (const deliveryCount of [0, 1]) {
      const message = await receiveOne(receiver)
      expect(message).toMatchObject({ body: 'twice', deliveryCount })
      await receiver.completeMessage(message)
    }
    expect(stats()).toMatchObject({ active: 0, locked: 0, deadLettered: 0 })
  })

  it('are delivered again to whoever holds their session', async () => {
    await azure.createSender('replies').sendMessages({ body: 'twice', sessionId: 's' })
    const session = await azure.acceptSession('replies', 's', manual)
    bus.control.fault({ kind: 'repeatDeliveries', queue: 'replies', count: 1 })
    for (const deliveryCount of [0, 1]) {
      const message = await receiveOne(session)
      expect(message.deliveryCount).toBe(deliveryCount)
      await session.completeMessage(message)
    }
    expect(await receiveNow(session)).toEqual([])
    await session.close()
  })

  it('come late, are overtaken, and count from when they were taken', async () => {
    const sentAt = clock.now()
    bus.control.fault({ kind: 'delayMessages', queue: 'plain', count: 1, ms: 400 })
    await sender.sendMessages({ body: 'late' })
    await sender.sendMessages({ body: 'in time' })
    const early = await receiveNow(receiver)
    expect(bodies(early)).toEqual(['in time'])
    await clock.advance(399)
    expect(await receiveNow(receiver)).toEqual([])
    const waiting = receiveOne(receiver)
    await clock.advance(1)
    const late = await waiting
    expect(late).toMatchObject({ body: 'late', enqueuedTimeUtc: new Date(sentAt) })
    for (const message of [...early, late]) await receiver.completeMessage(message)
  })

  it('come late in the order of their session', async () => {
    const replies = azure.createSender('replies')
    bus.control.fault({ kind: 'delayMessages', queue: 'replies', count: 1, ms: 400 })
    await replies.sendMessages({ body: 1, sessionId: 'ordered' })
    await replies.sendMessages({ body: 2, sessionId: 'ordered' })
    const session = await azure.acceptSession('replies', 'ordered', manual)
    expect(await receiveNow(session)).toEqual([])
    await clock.advance(400)
    const both = [await receiveOne(session), await receiveOne(session)]
    expect(bodies(both)).toEqual([1, 2])
    for (const message of both) await session.completeMessage(message)
    await session.close()
  })

  it('come newest first', async () => {
    bus.control.fault({ kind: 'newestFirst', queue: 'plain' })
    await sender.sendMessages([{ body: 1 }, { body: 2 }, { body: 3 }])
    const messages = await receiveNow(receiver)
    expect(bodies(messages)).toEqual([3, 2, 1])
    for (const message of messages) await receiver.completeMessage(message)
  })
})
