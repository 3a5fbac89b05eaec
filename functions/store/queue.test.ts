import { QueueClient } from '@azure/storage-queue'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Azurite, connectionString, startAzurite } from '../../local/azurite.ts'
import { isFault } from '../../shared/fault.ts'
import { openChallengeQueue } from './queue.ts'

let azurite: Azurite
beforeAll(async () => {
  azurite = await startAzurite()
})
afterAll(() => azurite.close())

const connectionTo = (addresses: Azurite['addresses']) =>
  ({ kind: 'connectionString', connectionString: connectionString(addresses) }) as const

describe('the challenge queue', () => {
  it('is created by the first text, which arrives as base64 and does not stay for ever', async () => {
    const queue = openChallengeQueue({ connection: connectionTo(azurite.addresses) })
    await queue.send('{"flow":"Grüße"}')
    await queue.send('second')
    const received = await new QueueClient(connectionString(azurite.addresses), 'challenges').receiveMessages({ numberOfMessages: 2 })
    const texts = received.receivedMessageItems.map(({ messageText }) => Buffer.from(messageText, 'base64').toString('utf8'))
    expect(texts).toEqual(['{"flow":"Grüße"}', 'second'])
    const [first] = received.receivedMessageItems
    expect((first?.expiresOn.getTime() ?? 0) - (first?.insertedOn.getTime() ?? 0)).toBe(10 * 60_000)
  })

  it('is made by several instances at once', async () => {
    const connection = connectionTo(azurite.addresses)
    await Promise.all(Array.from({ length: 5 }, (_, n) => openChallengeQueue({ connection, queue: 'at-once' }).send(String(n))))
    const { approximateMessagesCount } = await new QueueClient(connectionString(azurite.addresses), 'at-once').getProperties()
    expect(approximateMessagesCount).toBe(5)
  })

  it('that is not there is a passing fault', async () => {
    const gone = await startAzurite()
    await gone.close()
    const failure = await openChallengeQueue({ connection: connectionTo(gone.addresses) })
      .send('text')
      .catch((error: unknown) => error)
    expect(isFault(failure, 'STORE_UNAVAILABLE') && !failure.permanent).toBe(true)
  })
})
