/**
 * The Storage queue between "somebody asked for a code" and "the person is looked up and written to". The only file that
 * knows `@azure/storage-queue`; the receiving side is the host's queue trigger.
 *
 * Texts are base64, as host.json's `messageEncoding` says. A text may arrive twice (a retry after a lost answer), and
 * after `ttlMs` nobody waits for it any more.
 */
import { QueueClient, type StoragePipelineOptions } from '@azure/storage-queue'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { Fault, faultWord } from '../../shared/fault.ts'
import type { StorageConnection } from './connection.ts'
import { within } from './within.ts'

export interface ChallengeQueue {
  /** STORE_UNAVAILABLE when it may not have been taken. */
  send(text: string): Promise<void>
}

export interface QueueOptions {
  connection: StorageConnection
  queue?: string
  ttlMs?: number
  /** One send, with its retries. */
  timeoutMs?: number
  clock?: Clock
}

export function openChallengeQueue(options: QueueOptions): ChallengeQueue {
  const { connection, queue = 'challenges', ttlMs = 10 * 60_000, timeoutMs = 5_000, clock = systemClock } = options
  const client = openQueue(connection, queue)
  return {
    async send(text) {
      const body = Buffer.from(text, 'utf8').toString('base64')
      try {
        await within(clock, timeoutMs, (abortSignal) => sendOrCreate(client, body, { messageTimeToLive: ttlMs / 1000, abortSignal }))
      } catch (error) {
        throw new Fault('STORE_UNAVAILABLE', `queue storage failed (${faultWord(error)})`, { cause: error })
      }
    },
  }
}

const pipeline: StoragePipelineOptions = { retryOptions: { maxTries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 1_000 } }

function openQueue(connection: StorageConnection, queue: string): QueueClient {
  return connection.kind === 'identity'
    ? new QueueClient(`${connection.url.replace(/\/$/, '')}/${queue}`, connection.credential, pipeline)
    : new QueueClient(connection.connectionString, queue, pipeline)
}

async function sendOrCreate(
  client: QueueClient,
  body: string,
  options: { messageTimeToLive: number; abortSignal: AbortSignal },
): Promise<void> {
  try {
    await client.sendMessage(body, options)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'QueueNotFound')) throw error
    await client.createIfNotExists({ abortSignal: options.abortSignal })
    await client.sendMessage(body, options)
  }
}
