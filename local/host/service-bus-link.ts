/**
 * One Service Bus client and receiver, and whether they still live.
 *
 * The .NET client of the real host recovers by itself; the one for JavaScript does not always: after a cleanly closed
 * connection it is dead and says nothing. So a probe that sends no message (a peek) asks every second, or at once
 * when something looks wrong. A dead client is dropped without awaiting its `close`, which would not return.
 */
import type { ServiceBusClient, ServiceBusReceiver } from '@azure/service-bus'
import type { Clock } from '../../shared/clock.ts'
import { within } from './trigger.ts'

/** Often, since it also wakes a client that lost its connection and did not notice; the broker is on the same machine. */
const probeEveryMs = 1_000
/** Connecting takes a token and several round trips; after that a peek takes milliseconds, and a false alarm costs a reconnect. */
const connectLimitMs = 10_000
const probeLimitMs = 2_000
const closeLimitMs = 1_000

export interface Link {
  receiver: ServiceBusReceiver
  /** Throws when the queue does not answer, or not for us. */
  connect(): Promise<void>
  /** Something looks wrong: probe now. */
  doubt(): void
  /** Probes until the signal aborts; rejects with what the first failing probe said. */
  watch(signal: AbortSignal): Promise<void>
  /** Lets go of a client that may be dead. */
  drop(): void
  close(): Promise<void>
}

export function makeLink(client: ServiceBusClient, queue: string, maxAutoLockRenewalMs: number, clock: Clock): Link {
  const receiver = client.createReceiver(queue, {
    receiveMode: 'peekLock',
    skipParsingBodyAsJson: true,
    maxAutoLockRenewalDurationInMs: maxAutoLockRenewalMs,
  })
  let wake = new AbortController()

  async function probe(limitMs: number): Promise<void> {
    await within(clock, limitMs, receiver.peekMessages(1))
  }

  async function watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      wake = new AbortController()
      await clock.sleep(probeEveryMs, { signal: AbortSignal.any([wake.signal, signal]), unref: true }).catch(() => undefined)
      if (!signal.aborted) await probe(probeLimitMs)
    }
  }

  return {
    receiver,
    connect: () => probe(connectLimitMs),
    watch,
    doubt: () => wake.abort(),
    drop: () => void client.close().catch(() => undefined),
    close: () => within(clock, closeLimitMs, client.close()).catch(() => undefined),
  }
}
