/**
 * The Storage-queue trigger, through the real SDK against Azurite.
 *
 * Follows Microsoft.Azure.WebJobs.Extensions.Storage.Queues (QueueListener, QueueProcessor): batches of `batchSize`, the
 * next one when `newBatchThreshold` or fewer still run; delays that double from 100 ms to `maxPollingInterval` while the
 * queue is empty; a failed message comes back after `visibilityTimeout` and goes to `<queue>-poison` at `maxDequeueCount`.
 * Like the real one it does not create its queue: it waits until somebody does. Left out: renewing the 10-minute lease.
 */
import { type DequeuedMessageItem, QueueClient } from '@azure/storage-queue'
import { readConnection } from './connection.ts'
import { resolveExpressions } from './host-json.ts'
import { triggerOf } from './invoke.ts'
import { describe } from './log.ts'
import type { RegisteredFunction, TypedData } from './rpc.ts'
import { asJson, bodyData, dateWithOffset, type Trigger, type TriggerContext } from './trigger.ts'

/** QueueListener._visibilityTimeout: how long a message is hidden while its function runs. */
const leaseSeconds = 10 * 60
const shortestDelayMs = 100
/** Answers for which waiting does not help: a name that is none, a key or a right that is missing. */
const hopeless = [400, 401, 403]

type Open = (queueName: string) => QueueClient

function opener(connectionName: string, { settings }: TriggerContext): Open {
  const connection = readConnection(connectionName, 'queueServiceUri', settings)
  // The loop below has its own delays; the SDK's would hide an outage for minutes.
  const options = { retryOptions: { maxTries: 1 } }
  if (connection.kind === 'connectionString') return (name) => new QueueClient(connection.value, name, options)
  return (name) => new QueueClient(`${connection.address.replace(/\/$/, '')}/${name}`, connection.credential, options)
}

/** The message's bytes; undefined when it is not the base64 that `messageEncoding` promises. */
export function decodeMessage(text: string, encoding: 'base64' | 'none'): Buffer | undefined {
  if (encoding === 'none') return Buffer.from(text, 'utf8')
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

/** QueueTriggerBinding.CreateBindingData. */
function metadataOf(item: DequeuedMessageItem, body: Buffer): Record<string, TypedData> {
  return {
    QueueTrigger: { string: body.toString('utf8') },
    DequeueCount: asJson(item.dequeueCount),
    ExpirationTime: asJson(dateWithOffset(item.expiresOn)),
    Id: { string: item.messageId },
    InsertionTime: asJson(dateWithOffset(item.insertedOn)),
    NextVisibleTime: asJson(dateWithOffset(item.nextVisibleOn)),
    PopReceipt: { string: item.popReceipt },
  }
}

function makeProcessor(target: RegisteredFunction, queue: QueueClient, open: Open, { host, invoker, log }: TriggerContext) {
  const options = host.extensions.queues
  const { dataType } = triggerOf(target).binding

  async function toPoison(item: DequeuedMessageItem, why: string): Promise<void> {
    // A poison queue has none of its own; such a message stays hidden until its lease ends.
    if (queue.name.endsWith('-poison')) return
    const poison = open(`${queue.name}-poison`)
    log({ level: 'warning', category: 'host', message: `A message of '${queue.name}' ${why} and goes to '${poison.name}'.` })
    await poison.createIfNotExists()
    await poison.sendMessage(item.messageText)
    await queue.deleteMessage(item.messageId, item.popReceipt)
  }

  async function settle(item: DequeuedMessageItem): Promise<void> {
    const body = decodeMessage(item.messageText, options.messageEncoding)
    if (!body) return toPoison(item, `is not encoded as ${options.messageEncoding}`)
    if (item.dequeueCount > options.maxDequeueCount) return toPoison(item, 'was received too often')
    const { kind } = await invoker.invoke(target, { data: bodyData(body, dataType), triggerMetadata: metadataOf(item, body) })
    if (kind === 'succeeded') await queue.deleteMessage(item.messageId, item.popReceipt)
    else if (item.dequeueCount >= options.maxDequeueCount) await toPoison(item, `failed ${item.dequeueCount} times`)
    else await queue.updateMessage(item.messageId, item.popReceipt, undefined, Math.round(options.visibilityTimeout / 1000))
  }

  return (item: DequeuedMessageItem) =>
    settle(item).catch((error: unknown) => {
      log({ level: 'error', category: 'host', message: `A message of '${queue.name}' could not be settled: ${describe(error)}` })
    })
}

function makeReceiver(queue: QueueClient, { host, log }: TriggerContext, ready: PromiseWithResolvers<void>) {
  let exists = false
  let lastTrouble = ''
  const trouble = (message: string) => {
    if (message !== lastTrouble) log({ level: 'warning', category: 'host', message })
    lastTrouble = message
  }
  return async (): Promise<DequeuedMessageItem[]> => {
    try {
      exists ||= await queue.exists()
      ready.resolve()
      if (!exists) {
        trouble(`The queue '${queue.name}' does not exist; its trigger waits until it is created.`)
        return []
      }
      const numberOfMessages = host.extensions.queues.batchSize
      const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages, visibilityTimeout: leaseSeconds })
      lastTrouble = ''
      return receivedMessageItems
    } catch (error) {
      exists = false
      const status = (error as { statusCode?: number }).statusCode
      if (status !== undefined && hopeless.includes(status)) {
        ready.reject(new Error(`The queue '${queue.name}' cannot be read: the service answers ${status}.`, { cause: error }))
      }
      trouble(`The queue '${queue.name}' cannot be read: ${(error as Error).message}`)
      return []
    }
  }
}

export function startStorageQueueTrigger(target: RegisteredFunction, context: TriggerContext): Trigger {
  const { binding } = triggerOf(target)
  const open = opener(String(binding['connection'] ?? 'Storage'), context)
  const queue = open(resolveExpressions(String(binding['queueName']), context.settings))
  const { batchSize, newBatchThreshold = Math.floor(batchSize / 2), maxPollingInterval } = context.host.extensions.queues
  const ready = Promise.withResolvers<void>()
  const stopping = new AbortController()
  const running = new Set<Promise<void>>()
  const receive = makeReceiver(queue, context, ready)
  const process = makeProcessor(target, queue, open, context)

  function start(item: DequeuedMessageItem): void {
    const one = process(item)
    running.add(one)
    void one.then(() => running.delete(one))
  }

  async function poll(): Promise<void> {
    let delayMs = 0
    while (!stopping.signal.aborted) {
      const items = await receive()
      items.forEach(start)
      while (running.size > newBatchThreshold) await Promise.race(running)
      delayMs = items.length > 0 ? 0 : Math.min(Math.max(delayMs * 2, shortestDelayMs), maxPollingInterval)
      await context.clock.sleep(delayMs, { signal: stopping.signal }).catch(() => undefined)
    }
  }
  const polling = poll()

  return {
    ready: ready.promise,
    // A request under way is not aborted: what it brought would stay hidden for ten minutes.
    stop: async () => stopping.abort(),
    close: async () => {
      await polling
      await Promise.all(running)
    },
  }
}
