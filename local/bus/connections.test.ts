/**
 * Transports and disturbances, with the real client: WebSockets, TLS, lost connections, outages, idle links, ordered faults.
 */
import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import { ServiceBusClient, type ServiceBusReceivedMessage } from '@azure/service-bus'
import { afterEach, describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import { makeAuthority } from '../ca.ts'
import { startBus } from './bus.ts'
import {
  type BusUnderTest,
  failureOf,
  HandClock,
  ignoreErrors,
  plainQueue,
  quickRetry,
  receiveNow,
  receiveOne,
  rootRule,
  useBus,
} from './bus-fixture.ts'

const authority = await makeAuthority()
const tls = await authority.issue({ commonName: 'localhost', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] })
/** Emptied after each test by letting its time to live pass. */
const shortLived = { ...plainQueue, ttlMs: 20_000, duplicateDetectionMs: 600_000 }
const { bus, clock, client, track }: BusUnderTest = await useBus({ plain: shortLived }, { tls })
const azure = client({ retryOptions: { ...quickRetry, maxRetries: 3 } })
const sender = azure.createSender('plain')
const stats = () => bus.control.stats()['plain']
const connectionString = (port: number) =>
  `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=root;SharedAccessKey=root key;UseDevelopmentEmulator=true`
const impatient = { retryOptions: { maxRetries: 0, timeoutInMs: 300 } }

afterEach(async () => {
  bus.control.clearFaults()
  await clock.advance(shortLived.ttlMs)
})

describe('transports', () => {
  const overWebSockets = (options: object) =>
    track(
      new ServiceBusClient(`Endpoint=sb://localhost:${bus.addresses.ws};SharedAccessKeyName=root;SharedAccessKey=root key`, {
        retryOptions: { ...quickRetry, maxRetries: 0 },
        webSocketOptions: { webSocket: WebSocket, webSocketConstructorOptions: options },
      }),
    )

  it('serves WebSockets over TLS to a client that trusts the authority, and to no other', async () => {
    const trusting = overWebSockets({ ca: authority.ca })
    await trusting.createSender('plain').sendMessages({ body: Buffer.alloc(200_000, 7), messageId: 'ws' })
    const receiver = trusting.createReceiver('plain')
    const message = await receiveOne(receiver)
    expect(message.body).toEqual(Buffer.alloc(200_000, 7))
    await receiver.completeMessage(message)
    expect((await failureOf(overWebSockets({}).createSender('plain').sendMessages({ body: 1 }))).message).toMatch(/certificate|connect/i)
  })

  it('refuses another path and another subprotocol', async () => {
    for (const [path, subprotocol, status] of [
      ['/elsewhere', 'AMQPWSB10', 404],
      ['/$servicebus/websocket', 'chat', 400],
    ] as const) {
      const socket = new WebSocket(`wss://localhost:${bus.addresses.ws}${path}`, subprotocol, { ca: authority.ca })
      const [, response] = await once(socket, 'unexpected-response')
      expect(response.statusCode).toBe(status)
      socket.on('error', () => {}).terminate()
    }
  })

  it('speaks AMQP with SASL on TLS', async () => {
    const socket = connectTls({ port: bus.addresses.tls, host: '127.0.0.1', ca: authority.ca })
    await once(socket, 'secureConnect')
    const saslHeader = Buffer.from([0x41, 0x4d, 0x51, 0x50, 3, 1, 0, 0])
    socket.write(saslHeader)
    const [answer] = await once(socket, 'data')
    expect(answer.subarray(0, 8)).toEqual(saslHeader)
    socket.destroy()
    await once(socket, 'close')
  })
})

describe('lost connections', () => {
  it.each([[{}], [{ silent: 'destroy' as const }]])('lets senders and subscribers recover: %j', async (ending) => {
    const messages: ServiceBusReceivedMessage[] = []
    const receiver = azure.createReceiver('plain')
    receiver.subscribe({ processMessage: async (message) => void messages.push(message), processError: ignoreErrors })
    await sender.sendMessages({ body: 1 })
    await expect.poll(() => messages.length, { timeout: 20_000 }).toBe(1)
    const { connectionsOpened } = bus.control.totals()
    expect(bus.control.dropConnections(ending)).toBeGreaterThan(0)
    await expect.poll(() => bus.control.totals().connectionsOpened, { timeout: 20_000 }).toBeGreaterThan(connectionsOpened)
    await sender.sendMessages({ body: 2 })
    await expect.poll(() => messages.length, { timeout: 5_000 }).toBe(2)
    await receiver.close()
  })

  it('keeps messages over an outage, on the same port', async () => {
    await sender.sendMessages({ body: 'kept' })
    await bus.control.down()
    expect(bus.control.totals().connections).toBe(0)
    expect((await failureOf(client(impatient).createSender('plain').sendMessages({ body: 1 }))).message).not.toBe('')
    await bus.control.up()
    const receiver = client().createReceiver('plain', { receiveMode: 'receiveAndDelete' })
    expect((await receiveOne(receiver)).body).toBe('kept')
  })

  it('can go silent: close without an error, or freeze', async () => {
    for (const silent of ['close', 'freeze'] as const) {
      const deaf = new ServiceBusClient(connectionString(bus.addresses.tcp), impatient)
      const link = deaf.createSender('plain')
      await link.sendMessages({ body: 1 })
      bus.control.dropConnections({ silent })
      expect((await failureOf(link.sendMessages({ body: 2 }))).code).not.toBe('it did not fail')
      bus.control.dropConnections({ silent: 'destroy' })
      void deaf.close() // does not return: the defect that makes a watchdog necessary
    }
  })

  it('detaches idle links, which the client attaches again', async () => {
    const other = client()
    const link = other.createSender('plain')
    await link.sendMessages({ body: 1 })
    const { attaches, detaches } = bus.control.totals()
    const detached = bus.control.detachIdle('plain')
    expect(detached).toBeGreaterThan(0)
    await expect.poll(() => bus.control.totals().detaches, { timeout: 20_000 }).toBe(detaches + detached) // the client's answers
    await link.sendMessages({ body: 2 })
    expect(bus.control.totals().attaches).toBeGreaterThan(attaches)
  })
})

describe('ordered faults', () => {
  const other = client(impatient)
  const failing = other.createSender('plain')

  it('reject sends, which the client retries', async () => {
    bus.control.fault({ kind: 'rejectSends', count: 1 })
    await sender.sendMessages({ body: 1, messageId: 'retried' })
    bus.control.fault({ kind: 'rejectSends', queue: 'plain' })
    expect(await failureOf(failing.sendMessages({ body: 1 }))).toMatchObject({ code: 'ServiceBusy', retryable: true })
    bus.control.clearFaults()
    bus.control.fault({ kind: 'rejectSends', count: 1, condition: 'amqp:resource-limit-exceeded' })
    expect(await failureOf(failing.sendMessages({ body: 1 }))).toMatchObject({ code: 'QuotaExceeded' })
  })

  it('leave a send without an answer: not stored, or stored and found again by duplicate detection', async () => {
    const before = stats()?.sent ?? 0
    bus.control.fault({ kind: 'ignoreSends', count: 1 })
    expect(await failureOf(failing.sendMessages({ body: 1, messageId: 'i' }))).toMatchObject({ code: 'ServiceTimeout' })
    expect(stats()?.sent).toBe(before)
    bus.control.fault({ kind: 'sendsInDoubt', count: 1 })
    expect(await failureOf(failing.sendMessages({ body: 1, messageId: 'd' }))).toMatchObject({ code: 'ServiceTimeout' })
    await failing.sendMessages({ body: 1, messageId: 'd' })
    expect(stats()).toMatchObject({ sent: before + 1, duplicates: 1 })
  })

  it('leave a settlement without an answer: without effect, or with', async () => {
    const receiver = other.createReceiver('plain', { maxAutoLockRenewalDurationInMs: 0 })
    for (const [kind, locked] of [
      ['ignoreSettlements', 1],
      ['settlementsInDoubt', 0],
    ] as const) {
      await sender.sendMessages({ body: 1 })
      const message = await receiveOne(receiver)
      bus.control.fault({ kind, count: 1 })
      expect((await failureOf(receiver.completeMessage(message))).code).toBe('ServiceTimeout')
      expect(stats()).toMatchObject({ active: 0, locked })
      await clock.advance(shortLived.ttlMs)
    }
  })

  it('hold a queue back until they are cleared', async () => {
    bus.control.fault({ kind: 'holdQueue', queue: 'plain' })
    await sender.sendMessages({ body: 'held' })
    const receiver = azure.createReceiver('plain', { receiveMode: 'receiveAndDelete' })
    expect(await receiveNow(receiver)).toEqual([])
    const receiving = receiveOne(receiver)
    bus.control.clearFaults()
    expect((await receiving).body).toBe('held')
  })

  it('refuse tokens', async () => {
    bus.control.fault({ kind: 'refuseTokens', count: 1 })
    const refused = client({ retryOptions: { ...quickRetry, maxRetries: 0 } })
    expect(await failureOf(refused.createSender('plain').sendMessages({ body: 1 }))).toMatchObject({ code: 'UnauthorizedAccess' })
    await refused.createSender('plain').sendMessages({ body: 1 })
  })

  it('are for kinds and queues that exist', () => {
    expect(() => bus.control.fault({ kind: 'holdQueue', queue: 'nope' })).toThrow('nope')
    expect(() => bus.control.fault({ kind: 'holdqueue' as 'holdQueue' })).toThrow('holdqueue')
  })
})

it('detaches links by itself when they have been idle for as long as it was told', async () => {
  const handClock = new HandClock()
  const idle = await startBus({ queues: { plain: plainQueue }, rules: [rootRule], clock: handClock, idleDetachMs: 600_000 })
  const lonely = new ServiceBusClient(connectionString(idle.addresses.tcp), { retryOptions: quickRetry })
  await receiveNow(lonely.createReceiver('plain'))
  await handClock.advance(450_000)
  expect(idle.control.stats()['plain']?.receivers).toBe(1)
  await handClock.advance(450_000)
  expect(idle.control.stats()['plain']?.receivers).toBe(0)
  await lonely.close()
  await idle.close()
})

it('runs on real time unless told otherwise, and closes under connected clients', async () => {
  const real = await startBus({ queues: { plain: { ...plainQueue, lockMs: 150 } }, rules: [rootRule] })
  const azureNow = new ServiceBusClient(connectionString(real.addresses.tcp), { retryOptions: quickRetry })
  const receiver = azureNow.createReceiver('plain', { maxAutoLockRenewalDurationInMs: 0 })
  real.control.send('plain', { bodyBase64: 'AA==', messageId: 'm' })
  expect((await receiveOne(receiver)).deliveryCount).toBe(0)
  const again = await receiveOne(receiver)
  expect(again.deliveryCount).toBe(1)
  expect(Number(again.lockedUntilUtc) - 150).toBeGreaterThanOrEqual(Number(again.enqueuedTimeUtc) + 150)
  await real.close()
  expect(real.control.totals().connections).toBe(0)
  void azureNow.close() // never returns once its service is gone
})
