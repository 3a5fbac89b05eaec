/**
 * One Service Bus client's worth of connection, in our words. The only file that knows the SDK.
 *
 * A client is not repaired: when its link is lost or its probe fails, the watchdog drops it without waiting for `close`
 * (which may never return, reference azure-sdk-for-js #20081, #30148) and connects a new one. Locks are never renewed
 * automatically and nothing is prefetched: a message is in hand or it is not.
 */
import type { TokenCredential } from '@azure/identity'
import {
  isServiceBusError,
  type MessageHandlers,
  ServiceBusClient,
  type ServiceBusClientOptions,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
  type ServiceBusSender,
} from '@azure/service-bus'
import type { Clock } from '../clock.ts'
import { Fault } from '../fault.ts'
import './sdk-mends.ts'
import { onEnd, prepareTcp, type Transport, webSocketOptions } from './transport.ts'

export type RelayAddress =
  | { kind: 'connectionString'; connectionString: string }
  | {
      kind: 'identity'
      namespace: string
      credential: TokenCredential
      /** `sb://host:port` where the namespace is reached, if not under its own name: a private endpoint, or the local bus. */
      endpoint?: string | undefined
    }

export interface RelaySettings extends Transport {
  address: RelayAddress
}

export interface Outgoing {
  messageId: string
  body: Buffer
  ttlMs: number
  correlationId?: string
  sessionId?: string
  replyToSessionId?: string
}

/** A moment on this machine, by both of its clocks. */
export interface Moment {
  wall: number
  monotonic: number
}

/** A message in hand. Times are ms since the epoch by the broker's clock; only their differences mean anything here. */
export interface Delivery {
  messageId: unknown
  correlationId: unknown
  replyToSessionId: string | undefined
  body: Buffer | undefined
  sequenceNumber: string
  deliveryCount: number
  enqueuedAt: number
  lockedUntil: number
  received: Moment
  /** Asks the broker for the lock anew; rejects if it is lost. `received`: just before asking. */
  renew(): Promise<{ lockedUntil: number; received: Moment }>
  complete(): Promise<void>
  abandon(): Promise<void>
}

export type Handle = (delivery: Delivery) => Promise<void>

export interface Receiving {
  /** Proves the link without sending or locking a message; rejects or never settles when it is dead. */
  probe(): Promise<void>
  /** What can be known of the link for nothing: the SDK has not closed it, and over WebSockets the other end answers a ping. */
  pulse(): Promise<void>
  /** Takes no more messages; those in hand may still be settled. */
  stop(): Promise<void>
}

export interface RelayClient {
  /** Resolves when the broker has taken the message. Faults: RELAY_DOWN (it certainly has not), SEND_IN_DOUBT (it may have). */
  send(queue: string, message: Outgoing, signal?: AbortSignal): Promise<void>
  /** Calls `handle` for each message, at most `concurrency` at a time. Resolves when the link is up; `lost` is called when it is no more. */
  receive(queue: string, concurrency: number, handle: Handle, lost: (error: unknown) => void): Promise<Receiving>
  /** The same for one session, or undefined where somebody holds it; its probe renews the session's lock. */
  receiveSession(
    queue: string,
    sessionId: string,
    concurrency: number,
    handle: Handle,
    lost: (error: unknown) => void,
  ): Promise<Receiving | undefined>
  /**
   * Takes a session that nobody holds, hands over what lies on it (`drainedAtOnce` at most, one after another) and lets it go.
   * Resolves with its id, or with undefined where the broker knows of none.
   */
  drainNextSession(queue: string, handle: Handle): Promise<string | undefined>
  /** Does what needs the claim, but takes nothing and sends nothing; rejects as the SDK does. */
  prove(queue: string, claim: 'Listen' | 'Send'): Promise<void>
  /** Waits for the SDK's own goodbye; only for an orderly end, and bounded by the caller. */
  close(): Promise<void>
  drop(): void
}

const byHand = { receiveMode: 'peekLock', maxAutoLockRenewalDurationInMs: 0 } as const
const drainedAtOnce = 64
const attachMs = 20_000
const retryOptions = { maxRetries: 1, retryDelayInMs: 500, maxRetryDelayInMs: 1_000, timeoutInMs: 10_000 }

/** The broker said no before taking anything: trying again changes nothing, and nothing was sent. */
const refusals: readonly string[] = ['UnauthorizedAccess', 'MessagingEntityNotFound', 'MessagingEntityDisabled', 'MessageSizeExceeded']

export function connectRelay(settings: RelaySettings, clock: Clock): RelayClient {
  const { client, ping } = openClient(settings)
  const senders = new Map<string, ServiceBusSender>()
  const sender = (queue: string) => {
    const known = senders.get(queue) ?? client.createSender(queue)
    senders.set(queue, known)
    return known
  }
  return {
    async send(queue, { body, messageId, ttlMs, ...rest }, signal) {
      const message = { body, messageId, timeToLive: ttlMs, contentType: 'application/cose', ...rest }
      try {
        await sender(queue).sendMessages(message, signal ? { abortSignal: signal } : {})
      } catch (error) {
        throw sendFault(error)
      }
    },
    async receive(queue, concurrency, handle, lost) {
      const receiver = client.createReceiver(queue, byHand)
      const { up, stop } = listen(receiver, concurrency, handle, lost, clock)
      await up.catch((error) => {
        // Or the SDK would go on trying, and take messages one day.
        void client.close().catch(() => {})
        throw error
      })
      onEnd(client, lost)
      // A peek goes over the management link of the same connection.
      return { probe: async () => void (await receiver.peekMessages(1)), pulse: () => pulse(receiver), stop }
    },
    async receiveSession(queue, sessionId, concurrency, handle, lost) {
      const receiver = await client.acceptSession(queue, sessionId, byHand).catch(undefinedIf('SessionCannotBeLocked'))
      if (receiver === undefined) return undefined
      const { stop } = listen(receiver, concurrency, handle, lost, clock)
      onEnd(client, lost)
      return { probe: async () => void (await receiver.renewSessionLock()), pulse: () => pulse(receiver), stop }
    },
    async drainNextSession(queue, handle) {
      // The broker waits a while for a session to become free, and then says that none did.
      const receiver = await client.acceptNextSession(queue, byHand).catch(undefinedIf('ServiceTimeout', 'SessionCannotBeLocked'))
      if (receiver === undefined) return undefined
      try {
        const messages = await receiver.receiveMessages(drainedAtOnce, { maxWaitTimeInMs: 1_000 })
        for (const message of messages) await handle(delivery(receiver, message, clock))
        return receiver.sessionId
      } finally {
        await receiver.close()
      }
    },
    async prove(queue, claim) {
      // To know how large a batch may be, the sender opens its link.
      if (claim === 'Send') await sender(queue).createMessageBatch()
      else await client.createReceiver(queue).peekMessages(1)
    },
    close: () => client.close(),
    drop: () => void client.close().catch(() => {}),
  }

  async function pulse(receiver: ServiceBusReceiver): Promise<void> {
    // A session that was detached without a reason is closed by the SDK without a word.
    if (receiver.isClosed) throw new Fault('RELAY_DOWN', 'the link was closed')
    await ping?.()
  }
}

function listen(
  receiver: ServiceBusReceiver,
  concurrency: number,
  handle: Handle,
  lost: (error: unknown) => void,
  clock: Clock,
): { up: Promise<void>; stop(): Promise<void> } {
  const attached = Promise.withResolvers<void>()
  attached.promise.catch(() => {})
  clock.deadline(attachMs).addEventListener('abort', () => attached.reject(new Fault('RELAY_DOWN', `not attached within ${attachMs} ms`)))
  const handlers: MessageHandlers & { postInitialize(): Promise<void> } = {
    processMessage: (message) => handle(delivery(receiver, message, clock)),
    // `subscribe` returns before anything is connected; this the SDK calls when the link is attached, each time.
    postInitialize: async () => attached.resolve(),
    processError: async ({ error, errorSource }) => {
      // A settle that failed concerns one message, whose lock will run out; every other error ends this link.
      if (errorSource !== 'receive' && errorSource !== 'renewLock') return
      attached.reject(error)
      lost(error)
    },
  }
  const subscription = receiver.subscribe(handlers, { autoCompleteMessages: false, maxConcurrentCalls: concurrency })
  return { up: attached.promise, stop: () => subscription.close() }
}

export const moment = (clock: Pick<Clock, 'now' | 'monotonic'>): Moment => ({ wall: clock.now(), monotonic: clock.monotonic() })

function delivery(receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage, clock: Clock): Delivery {
  return {
    messageId: message.messageId,
    correlationId: message.correlationId,
    replyToSessionId: message.replyToSessionId,
    body: Buffer.isBuffer(message.body) ? message.body : undefined,
    sequenceNumber: message.sequenceNumber?.toString() ?? '',
    deliveryCount: message.deliveryCount ?? 0,
    enqueuedAt: message.enqueuedTimeUtc?.getTime() ?? Number.NaN,
    lockedUntil: message.lockedUntilUtc?.getTime() ?? Number.NaN,
    received: moment(clock),
    async renew() {
      const received = moment(clock)
      return { received, lockedUntil: (await receiver.renewMessageLock(message)).getTime() }
    },
    complete: () => receiver.completeMessage(message),
    abandon: () => receiver.abandonMessage(message),
  }
}

/** `ping`: where the transport has one. */
function openClient({ address, ...transport }: RelaySettings): { client: ServiceBusClient; ping?: () => Promise<void> } {
  const options: ServiceBusClientOptions = { retryOptions }
  const webSockets = transport.transport === 'websockets' ? webSocketOptions(transport) : undefined
  if (webSockets) options.webSocketOptions = webSockets.options
  else prepareTcp(transport)
  const ping = webSockets && { ping: webSockets.pulse }
  if (address.kind === 'connectionString') return { client: new ServiceBusClient(address.connectionString, options), ...ping }
  if (address.endpoint !== undefined) options.customEndpointAddress = address.endpoint
  return { client: new ServiceBusClient(address.namespace, address.credential, options), ...ping }
}

const undefinedIf =
  (...codes: string[]) =>
  (error: unknown): undefined => {
    if (!isServiceBusError(error) || !codes.includes(error.code)) throw error
  }

/** Certain only if every try was refused: a first try refused says nothing about a second that got no answer. */
function sendFault(error: unknown): Fault {
  const causes: unknown[] = error instanceof AggregateError ? error.errors : [error]
  const refused = causes.length > 0 && causes.every((cause) => isServiceBusError(cause) && refusals.includes(cause.code))
  return refused
    ? new Fault('RELAY_DOWN', 'the broker refused the message', { permanent: true, cause: error })
    : new Fault('SEND_IN_DOUBT', 'the broker did not say whether it took the message', { cause: error })
}
