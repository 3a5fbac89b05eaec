import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { odata, type RestError, TableClient } from '@azure/data-tables'
import { QueueClient } from '@azure/storage-queue'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Azurite, connectionString, startAzurite } from './azurite.ts'

const tableClient = (azurite: Azurite, name: string) =>
  TableClient.fromConnectionString(connectionString(azurite.addresses), name, { allowInsecureConnection: true })

const refusal = (work: Promise<unknown>) =>
  work.then(
    () => 'accepted' as const,
    (error: RestError) => ({ status: error.statusCode, code: error.code }),
  )

describe('in memory', () => {
  let azurite: Azurite
  beforeAll(async () => {
    azurite = await startAzurite()
  })
  afterAll(() => azurite.close())

  test('a row is inserted, read, found by a query and updated under its ETag', async () => {
    const flows = tableClient(azurite, 'flows')
    await flows.createTable()
    await flows.createEntity({ partitionKey: 'a', rowKey: '1', step: 'start', tries: 1 })
    await flows.createEntity({ partitionKey: 'a', rowKey: '2', step: 'done', tries: 2 })
    const first = await flows.getEntity<{ step: string }>('a', '1')
    expect(first.step).toBe('start')

    const found: string[] = []
    for await (const row of flows.listEntities({ queryOptions: { filter: odata`PartitionKey eq 'a' and tries gt 1` } })) {
      found.push(row.rowKey ?? '')
    }
    expect(found).toEqual(['2'])

    await flows.updateEntity({ partitionKey: 'a', rowKey: '1', step: 'verified' }, 'Merge', { etag: first.etag })
    const stale = flows.updateEntity({ partitionKey: 'a', rowKey: '1', step: 'lost' }, 'Merge', { etag: first.etag })
    expect(await refusal(stale)).toMatchObject({ status: 412 })
    expect((await flows.getEntity<{ step: string }>('a', '1')).step).toBe('verified')
  })

  test('a second insert of the same key is refused', async () => {
    const state = tableClient(azurite, 'state')
    await state.createTable()
    await state.createEntity({ partitionKey: 'lease', rowKey: 'x' })
    expect(await refusal(state.createEntity({ partitionKey: 'lease', rowKey: 'x' }))).toMatchObject({ status: 409 })
  })

  test('a table that nobody created is not there', async () => {
    expect(await refusal(tableClient(azurite, 'nowhere').getEntity('a', '1'))).toMatchObject({ status: 404 })
  })

  test('a queue hands a message to one receiver and counts deliveries', async () => {
    const queue = new QueueClient(connectionString(azurite.addresses), 'challenges')
    await queue.create()
    await queue.sendMessage('one')
    const received = await queue.receiveMessages({ visibilityTimeout: 30 })
    expect(received.receivedMessageItems.map((item) => [item.messageText, item.dequeueCount])).toEqual([['one', 1]])
    expect((await queue.receiveMessages()).receivedMessageItems).toEqual([])
  })

  test('a wrong account key is refused', async () => {
    const wrong = connectionString(azurite.addresses).replace(/AccountKey=[^;]+/, `AccountKey=${Buffer.alloc(64).toString('base64')}`)
    const client = TableClient.fromConnectionString(wrong, 'flows', { allowInsecureConnection: true })
    expect(await refusal(client.getEntity('a', '1'))).toMatchObject({ status: 403 })
  })

  test('the telemetry client is an empty module', () => {
    const require = createRequire(createRequire(import.meta.url).resolve('azurite'))
    expect(require('applicationinsights')).toEqual({})
  })
})

test('with a folder, rows and messages outlive the process that wrote them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'azurite-'))
  const before = await startAzurite({ folder })
  await tableClient(before, 'flows').createTable()
  await tableClient(before, 'flows').createEntity({ partitionKey: 'a', rowKey: '1' })
  await new QueueClient(connectionString(before.addresses), 'challenges').create()
  await new QueueClient(connectionString(before.addresses), 'challenges').sendMessage('kept')
  await before.close()

  const after = await startAzurite({ folder, ports: before.addresses })
  expect(after.addresses).toEqual(before.addresses)
  expect(await tableClient(after, 'flows').getEntity('a', '1')).toMatchObject({ rowKey: '1' })
  const { receivedMessageItems } = await new QueueClient(connectionString(after.addresses), 'challenges').receiveMessages()
  expect(receivedMessageItems.map((item) => item.messageText)).toEqual(['kept'])
  await after.close()
  await rm(folder, { recursive: true })
})
