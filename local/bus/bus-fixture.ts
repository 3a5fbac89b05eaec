/**
 * For the tests beside this file: a bus on a clock moved by hand, and real clients of it, all ended after the file.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { type ProcessErrorArgs, ServiceBusClient, type ServiceBusClientOptions, type ServiceBusReceiver } from '@azure/service-bus'
import { afterAll, expect } from 'vitest'
import type { Queue } from '../../infra/topology.ts'
import type { Clock } from '../../shared/clock.ts'
import { namespaceEntity, type SasRule } from './authorization.ts'
import { type Bus, type BusOptions, startBus } from './bus.ts'

/** Stands still until `advance`. Starts at the real time: tokens are made with the client's own clock. */
export class HandClock implements Clock {
  #now = Date.now()
  #sleepers: { at: number; wake: () => void }[] = []

  now = () => this.#now
  monotonic = () => this.#now

  sleep(ms: number, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { at: this.#now + ms, wake: resolve }
      this.#sleepers.push(sleeper)
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((each) => each !== sleeper)
        reject(signal.reason)
      })
    })
  }

  turn = () => turn()

  deadline(ms: number): AbortSignal {
    const controller = new AbortController()
    void this.sleep(ms).then(() => controller.abort(new DOMException('The operation timed out.', 'TimeoutError')))
    return controller.signal
  }

  /** Lets time pass, waking sleepers in the order of their times. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      const [next] = this.#sleepers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (!next) break
      this.#sleepers = this.#sleepers.filter((each) => each !== next)
      this.#now = Math.max(this.#now, next.at)
      next.wake()
      await new Promise(setImmediate)
    }
    this.#now = end
  }
}

export const plainQueue: Queue = {
  lockMs: 10_000,
  ttlMs: 300_000,
  maxDeliveryCount: 3,
  requiresSession: false,
  duplicateDetectionMs: 0,
  deadLetterOnExpiry: false,
}

export const rootRule: SasRule = { name: 'root', keys: ['root key'], claims: { [namespaceEntity]: ['Send', 'Listen'] } }
export const quickRetry = { maxRetries: 1, retryDelayInMs: 50, timeoutInMs: 4_000 }

export interface BusUnderTest {
  bus: Bus
  clock: HandClock
  /** A client on plain TCP; by default with every right. */
  client(options?: { rule?: string; key?: string; connectionString?: string } & ServiceBusClientOptions): ServiceBusClient
  track(client: ServiceBusClient): ServiceBusClient
}

export async function useBus(queues: Record<string, Queue>, options: Partial<BusOptions> = {}): Promise<BusUnderTest> {
  const clock = new HandClock()
  const bus = await startBus({ queues, rules: [rootRule], clock, ...options })
  const clients: ServiceBusClient[] = []
  const track = (client: ServiceBusClient) => {
    clients.push(client)
    return client
  }
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()))
    expect(bus.control.totals().protocolErrors).toBe(0)
    await bus.close()
  })
  return {
    bus,
    clock,
    track,
    client({ rule = 'root', key = 'root key', connectionString, ...rest } = {}) {
      const credentials = connectionString ?? `SharedAccessKeyName=${rule};SharedAccessKey=${key}`
      const endpoint = `Endpoint=sb://127.0.0.1:${bus.addresses.tcp};${credentials};UseDevelopmentEmulator=true`
      return track(new ServiceBusClient(endpoint, { retryOptions: quickRetry, ...rest }))
    },
  }
}

/** The next message; fails when none comes. */
export async function receiveOne(receiver: ServiceBusReceiver) {
  const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 3_000 })
  if (!message) throw new Error('no message came')
  return message
}

/** What the queue has to offer right now. */
export const receiveNow = (receiver: ServiceBusReceiver, most = 10) => receiver.receiveMessages(most, { maxWaitTimeInMs: 50 })

/** The SDK reports a retried failure as an AggregateError without a code. */
export async function failureOf(work: Promise<unknown>): Promise<{ code: string; message: string; retryable: boolean | undefined }> {
  const error = await work.then(
    () => new Error('it did not fail'),
    (reason) => reason,
  )
  const first = error.errors?.[0] ?? error
  return { code: first.code ?? first.name, message: first.message, retryable: first.retryable }
}

export const ignoreErrors = async (_: ProcessErrorArgs) => {}
