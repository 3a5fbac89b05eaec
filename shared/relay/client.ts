/**
 * One Service Bus client's worth of connection, in our words. The only file that knows the SDK.
 *
 * A client is not repaired: when its link is lost or its probe fails, the watchdog drops it without waiting for `close`
 * (which may never return, reference azure-sdk-for-js #20081, #30148) and connects a new one. Locks are never renewed
 * automatically and nothing is prefetched: a message is in hand or it is not.
 */
import diagnostics from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import type { TokenCredential } from '@azure/identity'
import {
  isServiceBusError,
  ServiceBusClient,
  type ServiceBusClientOptions,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
  type ServiceBusSender,
} from '@azure/service-bus'
import WebSocket from 'ws'
import type { Clock } from '../clock.ts'
import { Fault } from '../fault.ts'

export type RelayAddress =
  | { kind: 'connectionString'; connectionString: string }
  | { kind: 'identity'; namespace: string; credential: TokenCredential }

export interface RelaySettings {
  address: RelayAddress
  transport: 'websockets' | 'tcp'
  /** PEM of a certificate authority beyond the system's. */
  ca?: string | undefined
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
  complete(): Promise<void>
  abandon(): Promise<void>
}

export type Handle = (delivery: Delivery) => Promise<void>

export interface Receiving {
  /** Proves the link without sending or locking a message; rejects or never settles when it is dead. */
  probe(): Promise<void>
  /** Takes no more messages; those in hand may still be settled. */
  stop(): Promise<void>
}

export interface RelayClient {
  /** Resolves when the broker has taken the message. Faults: RELAY_DOWN (it certainly has not), SEND_IN_DOUBT (it may have). */
  send(queue: string, message: Outgoing, signal?: AbortSignal): Promise<void>
  /** Calls `handle` for each message, at most `concurrency` at a time; `lost` is called once when the link is no more. */
  receive(queue: string, concurrency: number, handle: Handle, lost: (error: unknown) => void): Promise<Receiving>
  /** The same for one session; its probe renews the session's lock. */
  receiveSession(queue: string, sessionId: string, concurrency: number, handle: Handle, lost: (error: unknown) => void): Promise<Receiving>
  /** Waits for the SDK's own goodbye; only for an orderly end, and bounded by the caller. */
  close(): Promise<void>
  drop(): void
}

const retryOptions = { maxRetries: 1, retryDelayInMs: 500, maxRetryDelayInMs: 1_000, timeoutInMs: 10_000 }

/** The broker said no before taking anything: trying again changes nothing, and nothing was sent. */
const refusals: readonly string[] = ['UnauthorizedAccess', 'MessagingEntityNotFound', 'MessagingEntityDisabled', 'MessageSizeExceeded']

export function connectRelay(settings: RelaySettings, clock: Clock): RelayClient {
  const client = openClient(settings)
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
      const receiver = client.createReceiver(queue, { receiveMode: 'peekLock', maxAutoLockRenewalDurationInMs: 0 })
      const stop = listen(receiver, concurrency, handle, lost, clock)
      // A peek goes over the management link of the same connection.
      return { probe: async () => void (await receiver.peekMessages(1)), stop }
    },
    async receiveSession(queue, sessionId, concurrency, handle, lost) {
      const options = { receiveMode: 'peekLock', maxAutoLockRenewalDurationInMs: 0 } as const
      const receiver = await client.acceptSession(queue, sessionId, options)
      const stop = listen(receiver, concurrency, handle, lost, clock)
      return { probe: async () => void (await receiver.renewSessionLock()), stop }
    },
    close: () => client.close(),
    drop: () => void client.close().catch(() => {}),
  }
}

function listen(
  receiver: ServiceBusReceiver,
  concurrency: number,
  handle: Handle,
  lost: (error: unknown) => void,
  clock: Clock,
): () => Promise<void> {
  const subscription = receiver.subscribe(
    {
      processMessage: (message) => handle(delivery(receiver, message, clock)),
      processError: async ({ error, errorSource }) => {
        // A settle that failed concerns one message, whose lock will run out; every other error ends this link.
        if (errorSource === 'receive' || errorSource === 'renewLock') lost(error)
      },
    },
    { autoCompleteMessages: false, maxConcurrentCalls: concurrency },
  )
  return () => subscription.close()
}

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
    received: { wall: clock.now(), monotonic: clock.monotonic() },
    complete: () => receiver.completeMessage(message),
    abandon: () => receiver.abandonMessage(message),
  }
}

function openClient({ address, transport, ca }: RelaySettings): ServiceBusClient {
  if (transport === 'tcp') sendSmallFramesAtOnce()
  const constructorOptions = ca === undefined ? {} : { ca }
  const options: ServiceBusClientOptions = {
    retryOptions,
    ...(transport === 'websockets' && { webSocketOptions: { webSocket: WebSocket, webSocketConstructorOptions: constructorOptions } }),
  }
  return address.kind === 'connectionString'
    ? new ServiceBusClient(address.connectionString, options)
    : new ServiceBusClient(address.namespace, address.credential, options)
}

let small = false
/** rhea leaves Nagle's algorithm on, which costs 40 ms with delayed acknowledgements; the socket is its own, so by channel. */
function sendSmallFramesAtOnce(): void {
  if (small) return
  small = true
  diagnostics.subscribe('net.client.socket', (message) => void (message as { socket: Socket }).socket.setNoDelay(true))
}

function sendFault(error: unknown): Fault {
  const cause = error instanceof AggregateError ? error.errors[0] : error
  const refused = isServiceBusError(cause) && refusals.includes(cause.code)
  return refused
    ? new Fault('RELAY_DOWN', 'the broker refused the message', { permanent: true, cause: error })
    : new Fault('SEND_IN_DOUBT', 'the broker did not say whether it took the message', { cause: error })
}
