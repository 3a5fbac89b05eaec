import { fileURLToPath } from 'node:url'
import { QueueClient } from '@azure/storage-queue'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Azurite, connectionString, startAzurite } from '../azurite.ts'
import { nextDelivery } from './fixtures/inbox.ts'
import { type Host, startHost } from './host.ts'
import type { LogLine } from './log.ts'
import { decodeMessage } from './storage-queue-trigger.ts'

let azurite: Azurite
let host: Host
const lines: LogLine[] = []
const queue = (name: string) => new QueueClient(connectionString(azurite.addresses), name)
const base64 = (text: string) => Buffer.from(text).toString('base64')

/** Reads the poison queue until something is there. */
async function nextPoison(): Promise<string> {
  const poison = queue('challenges-poison')
  for (;;) {
    const items = (await poison.exists()) ? (await poison.receiveMessages()).receivedMessageItems : []
    if (items[0]) return items[0].messageText
  }
}

beforeAll(async () => {
  azurite = await startAzurite()
  await queue('challenges').create()
  host = await startHost({
    entry: fileURLToPath(new URL('./fixtures/queue-app.ts', import.meta.url)),
    hostJson: {
      version: '2.0',
      extensions: { queues: { maxPollingInterval: '00:00:00.200', maxDequeueCount: 3 } },
      extensionBundle: { id: 'Microsoft.Azure.Functions.ExtensionBundle', version: '[4.*, 5.0.0)' },
    },
    settings: { QUEUE: 'challenges', AzureWebJobsStorage: connectionString(azurite.addresses) },
    log: (line) => lines.push(line),
  })
})
afterAll(async () => {
  await host.close()
  await azurite.close()
})

test('a message is decoded, parsed, handed over with its metadata and deleted', async () => {
  const sent = await queue('challenges').sendMessage(base64('{"to":"someone"}'))
  const { value, metadata } = await nextDelivery()
  expect(value).toEqual({ to: 'someone' })
  expect(metadata).toMatchObject({
    queueTrigger: { to: 'someone' },
    dequeueCount: 1,
    id: sent.messageId,
    insertionTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/),
    popReceipt: expect.any(String),
  })
  await expect.poll(async () => (await queue('challenges').getProperties()).approximateMessagesCount).toBe(0)
})

test('a message that always fails is tried maxDequeueCount times and then goes to the poison queue', async () => {
  const text = base64('{"fail":true}')
  await queue('challenges').sendMessage(text)
  const counts = [await nextDelivery(), await nextDelivery(), await nextDelivery()].map(({ metadata }) => metadata['dequeueCount'])
  expect(counts).toEqual([1, 2, 3])
  expect(await nextPoison()).toBe(text)
  expect(host.control.counts().functions['challenge']?.failed).toBe(3)
})

test('what is not base64 goes to the poison queue unseen', async () => {
  await queue('challenges').sendMessage('not base64!')
  expect(await nextPoison()).toBe('not base64!')
})

test('a queue that is missing is waited for, not created', async () => {
  expect(await queue('later').exists()).toBe(false)
  expect(lines.map(({ message }) => message)).toContain("The queue 'later' does not exist; its trigger waits until it is created.")
  await queue('later').create()
  await queue('later').sendMessage(base64('plain text'))
  expect((await nextDelivery()).value).toBe('plain text')
})

test.each([
  ['base64', 'aGk=', 'hi'],
  ['base64', 'aGk', undefined],
  ['base64', '{"a":1}', undefined],
  ['none', 'aGk=', 'aGk='],
] as const)('%s reads %s as %s', (encoding, text, decoded) => {
  expect(decodeMessage(text, encoding)?.toString()).toBe(decoded)
})
