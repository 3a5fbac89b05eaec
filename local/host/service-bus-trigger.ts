/**
 * The Service Bus queue trigger, through the real SDK: peek-lock, complete on success, abandon on a throw.
 *
 * Follows Microsoft.Azure.WebJobs.Extensions.ServiceBus 5 (MessageProcessor, ServiceBusListener): up to
 * `maxConcurrentCalls` at once, locks renewed for `maxAutoLockRenewalDuration`; a link that died is replaced for as long
 * as the host runs. Queues only: no sessions, no batches (`cardinality: many`), no topics.
 */
import type { ProcessErrorArgs, ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus'
import { readConnection } from './connection.ts'
import { resolveExpressions } from './host-json.ts'
import { triggerOf } from './invoke.ts'
import type { Binding, RegisteredFunction } from './rpc.ts'
import { makeServiceBusClient } from './service-bus-client.ts'
import { type Link, makeLink } from './service-bus-link.ts'
import { bodyOf, metadataOf } from './service-bus-message.ts'
import { type Trigger, type TriggerContext, within } from './trigger.ts'

const retryMs = 500
const unsubscribeLimitMs = 1_000
const stopLimitMs = 2_000
const settleLimitMs = 1_000

/** ServiceBusError codes for which waiting does not help. */
const hopeless = ['UnauthorizedAccess', 'MessagingEntityNotFound', 'MessagingEntityDisabled']

/** A retried failure surfaces as an AggregateError whose own `code` says nothing. */
const codesOf = (error: unknown): unknown[] => {
  const { code, errors = [] } = error as { code?: unknown; errors?: unknown[] }
  return [code, ...errors.flatMap(codesOf)]
}

function refuseUnsupported(name: string, binding: Binding): void {
  const asks = ['topicName', 'isSessionsEnabled', 'sdkBinding'].filter((property) => binding[property])
  if (binding['cardinality'] === 'many') asks.push('cardinality: many')
  if (binding['autoCompleteMessages'] === false) asks.push('autoCompleteMessages: false')
  if (asks.length > 0) throw new Error(`'${name}': the local Service Bus trigger does not support ${asks.join(', ')}.`)
}

type Handler = (receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage) => Promise<void>

function makeHandler(target: RegisteredFunction, { invoker, log }: TriggerContext): Handler {
  const { dataType } = triggerOf(target).binding
  return async (receiver, message) => {
    const parent = message.applicationProperties?.['Diagnostic-Id']
    const traceParent = typeof parent === 'string' ? parent : undefined
    try {
      const { kind } = await invoker.invoke(target, { data: bodyOf(message, dataType), triggerMetadata: metadataOf(message), traceParent })
      await (kind === 'succeeded' ? receiver.completeMessage(message) : receiver.abandonMessage(message))
    } catch (error) {
      // The lock ends and the message comes again: at least once, as always.
      const text = `A message of '${receiver.entityPath}' could not be settled: ${(error as Error).message}`
      log({ level: 'warning', category: 'host', function: target.metadata.name, message: text })
    }
  }
}

function linkOpener(binding: Binding, { clock, host, settings, serviceBusCaFile }: TriggerContext): () => Link {
  const queue = resolveExpressions(String(binding['queueName']), settings)
  const connection = readConnection(String(binding['connection'] ?? 'ServiceBus'), 'fullyQualifiedNamespace', settings)
  const { maxAutoLockRenewalDuration, transportType } = host.extensions.serviceBus
  const transport = { webSockets: transportType === 'amqpwebsockets', caFile: serviceBusCaFile }
  return () => makeLink(makeServiceBusClient(connection, transport), queue, maxAutoLockRenewalDuration, clock)
}

export function startServiceBusTrigger(target: RegisteredFunction, context: TriggerContext): Trigger {
  const { clock, host, log } = context
  const { name } = target.metadata
  const { binding } = triggerOf(target)
  refuseUnsupported(name, binding)
  const open = linkOpener(binding, context)
  const handle = makeHandler(target, context)
  const ready = Promise.withResolvers<void>()
  const stopping = new AbortController()
  const running = new Set<Promise<void>>()
  let link = open()

  const track = (receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage): Promise<void> => {
    const one = handle(receiver, message)
    running.add(one)
    return one.then(() => void running.delete(one))
  }
  const processError = async ({ errorSource }: ProcessErrorArgs): Promise<void> => {
    if (errorSource === 'receive') link.doubt()
  }

  /** One link's life. Returns when the host stops, throws when the link is dead. */
  async function listen(): Promise<void> {
    await link.connect()
    const { receiver } = link
    const { maxConcurrentCalls } = host.extensions.serviceBus
    const handlers = { processMessage: (message: ServiceBusReceivedMessage) => track(receiver, message), processError }
    const subscription = receiver.subscribe(handlers, { maxConcurrentCalls, autoCompleteMessages: false })
    ready.resolve()
    await link.watch(stopping.signal)
    await within(clock, unsubscribeLimitMs, subscription.close()).catch(() => undefined)
  }

  async function supervise(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await listen()
      } catch (error) {
        if (codesOf(error).some((code) => hopeless.includes(String(code)))) ready.reject(error)
        const message = `Service Bus '${link.receiver.entityPath}': ${(error as Error).message}; trying again with a new client.`
        log({ level: 'warning', category: 'host', function: name, message })
        link.drop()
        await clock.sleep(retryMs, { signal: stopping.signal, unref: true }).catch(() => undefined)
        link = open()
      }
    }
  }
  const supervising = supervise()

  return {
    ready: ready.promise,
    stop: async () => {
      stopping.abort()
      // A probe under way, to a broker that is gone, is not worth waiting for.
      await within(clock, stopLimitMs, supervising).catch(() => undefined)
    },
    close: async () => {
      // A settle on a link that died meanwhile waits for the SDK's own limit; its message comes again anyway.
      await within(clock, settleLimitMs, Promise.all(running)).catch(() => undefined)
      await link.close()
    },
  }
}
