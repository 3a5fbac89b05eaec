import { fileURLToPath } from 'node:url'
import { ServiceBusClient, type ServiceBusMessage } from '@azure/service-bus'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Queue, queues } from '../../infra/topology.ts'
import { type Bus, startBus } from '../bus/bus.ts'
import { nextDelivery, shutGate } from './fixtures/inbox.ts'
import { type Host, startHost } from './host.ts'

const plain: Queue = { ...queues.events, lockMs: 5_000 }
const key = 'a key'
const rules = [
  { name: 'all', keys: [key], claims: { events: ['Send', 'Listen'], texts: ['Send', 'Listen'], nowhere: ['Listen'] } },
] as const
const hostJson = {
  version: '2.0',
  extensions: { serviceBus: { maxConcurrentCalls: 4 } },
  extensionBundle: { id: 'Microsoft.Azure.Functions.ExtensionBundle', version: '[4.*, 5.0.0)' },
}
const entry = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url))

let bus: Bus
let host: Host
let client: ServiceBusClient
let ServiceBus: string

beforeAll(async () => {
  bus = await startBus({ queues: { events: plain, texts: plain }, rules })
  ServiceBus = `Endpoint=sb://127.0.0.1:${bus.addresses.tcp};SharedAccessKeyName=all;SharedAccessKey=${key};UseDevelopmentEmulator=true`
  client = new ServiceBusClient(ServiceBus)
  host = await startHost({ entry: entry('service-bus-app.ts'), hostJson, settings: { ServiceBus }, log: () => undefined })
})
afterAll(async () => {
  await host.close()
  await client.close()
  await bus.close()
})

async function send(queue: string, message: ServiceBusMessage): Promise<void> {
  const sender = client.createSender(queue)
  await sender.sendMessages(message)
  await sender.close()
}

const listening = () => expect.poll(() => bus.control.stats()['events']?.receivers, { timeout: 10_000 }).toBe(1)
const completed = (queue: string, count: number) => expect.poll(() => bus.control.stats()[queue]?.completed).toBe(count)

test('bytes arrive as a Buffer, with metadata in camel case, and the message is completed', async () => {
  const body = Buffer.from([0xd0, 0x83, 0xff, 0x00, 0x7b])
  const applicationProperties = { Kind: 'heartbeat', count: 3 }
  await send('events', {
    body,
    messageId: 'm-1',
    correlationId: 'c-1',
    contentType: 'application/cose',
    subject: 's',
    applicationProperties,
  })
  const { value, metadata } = await nextDelivery()
  expect(Buffer.isBuffer(value) && value.equals(body)).toBe(true)
  expect(metadata).toMatchObject({
    messageId: 'm-1',
    correlationId: 'c-1',
    contentType: 'application/cose',
    subject: 's',
    label: 's',
    deliveryCount: 1,
    sequenceNumber: 1,
    applicationProperties: { kind: 'heartbeat', count: 3 },
    enqueuedTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+\+00:00$/),
    enqueuedTimeUtc: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+$/),
  })
  expect(Math.abs(Date.parse(String(metadata['enqueuedTime'])) - Date.now())).toBeLessThan(60_000)
  await completed('events', 1)
})

test('without dataType a body is text: JSON is parsed, and bytes that are no UTF-8 are lost', async () => {
  await send('texts', { body: Buffer.from('{"a":1}') })
  expect((await nextDelivery()).value).toEqual({ a: 1 })
  await send('texts', { body: Buffer.from([0xff, 0x41]) })
  expect((await nextDelivery()).value).toBe('\ufffdA')
  await completed('texts', 2)
})

test('a throw abandons: the message comes again with its count', async () => {
  await send('texts', { body: Buffer.from('fail once') })
  expect([await nextDelivery(), await nextDelivery()].map(({ metadata }) => metadata['deliveryCount'])).toEqual([1, 2])
  await completed('texts', 3)
  expect(host.control.counts().functions['text']).toEqual({ succeeded: 3, failed: 1 })
})

test('no more than maxConcurrentCalls run at once', async () => {
  const openGate = shutGate()
  for (const n of [1, 2, 3, 4, 5, 6]) bus.control.send('texts', { messageId: `n-${n}`, bodyBase64: 'AA==' })
  for (const _ of [1, 2, 3, 4]) await nextDelivery()
  expect([host.control.counts().running, bus.control.stats()['texts']?.active]).toEqual([4, 2])
  openGate()
  await completed('texts', 9)
  expect([await nextDelivery(), await nextDelivery()].map(({ metadata }) => metadata['messageId'])).toEqual(['n-5', 'n-6'])
})

test.each([
  ['a forced close', () => void bus.control.dropConnections()],
  ['a clean close, after which the SDK says nothing any more', () => void bus.control.dropConnections({ silent: 'close' })],
  ['lost sockets', () => void bus.control.dropConnections({ silent: 'destroy' })],
  ['an outage', () => bus.control.down().then(() => bus.control.up())],
])(
  'the trigger survives %s',
  async (why, disturb) => {
    const before = bus.control.stats()['events']?.completed ?? 0
    await disturb()
    await listening()
    bus.control.send('events', { messageId: why, bodyBase64: 'AA==' })
    expect((await nextDelivery()).metadata['messageId']).toBe(why)
    await completed('events', before + 1)
  },
  20_000,
)

test('when the host ends it lets go: no receiver is left, and what comes later stays', async () => {
  await host.close()
  await expect.poll(() => Object.values(bus.control.stats()).map(({ receivers }) => receivers)).toEqual([0, 0])
  bus.control.send('events', { messageId: 'too-late', bodyBase64: 'AA==' })
  expect(bus.control.stats()['events']?.active).toBe(1)
})

test('a queue that does not exist, or may not be read, ends the start', async () => {
  const start = startHost({ entry: entry('no-such-queue-app.ts'), hostJson, settings: { ServiceBus }, log: () => undefined })
  await expect(start).rejects.toThrow(/nowhere/)
})
