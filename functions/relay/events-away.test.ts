/** A table that is away while an agent tells what became of a request: the real SDK on the local bus, and the host's part by hand. */
import { randomBytes } from 'node:crypto'
import { afterEach, expect, it, vi } from 'vitest'
import { queues } from '../../infra/topology.ts'
import { rootRule, useBus } from '../../local/bus/bus-fixture.ts'
import { systemClock } from '../../shared/clock.ts'
import type { PackageKey } from '../../shared/envelope.ts'
import { connectRelay, type Delivery, type RelayClient } from '../../shared/relay/client.ts'
import { messageIdOf, newId, sealEvent } from '../../shared/seal.ts'
import { virtualClock } from '../../test/virtual-clock.ts'
import { storeDown } from '../reset/test-reset.ts'
import { insist, insistForMs } from '../store/insist.ts'
import { onAgentEvent } from './events.ts'

const { bus } = await useBus(queues)
const tenantId = randomBytes(16)
const key: PackageKey = { version: randomBytes(16), bytes: randomBytes(32) }
const request = newId()
const patience = { timeout: 10_000 }

let client: RelayClient | undefined
afterEach(() => client?.close())

/** The function as it is put together in main.ts (`insisting`), or without that, and a host that gives back what it throws. */
async function listen(insisting: boolean) {
  const clock = virtualClock()
  const at = { away: true, deliveries: 0, settled: [] as string[] }
  const work = async <T>(result: T): Promise<T> => {
    if (at.away) throw storeDown()
    return result
  }
  const store = <T>(result: T) => (insisting ? insist(() => work(result), clock) : work(result))
  const handler = onAgentEvent({
    tenantId,
    keys: { packageKey: async () => key },
    agents: { heard: () => store('accepted') },
    settle: async (messageId, outcome) => void at.settled.push(`${messageId} ${(await store(outcome)).kind}`),
    log: () => {},
  })
  const handle = (delivery: Delivery) => {
    at.deliveries += 1
    const triggerMetadata = { messageId: delivery.messageId, enqueuedTime: new Date(delivery.enqueuedAt).toISOString() }
    return handler(delivery.body, { triggerMetadata }).then(delivery.complete, delivery.abandon)
  }
  const { name, keys } = rootRule
  const connectionString = `Endpoint=sb://127.0.0.1:${bus.addresses.tcp};SharedAccessKeyName=${name};SharedAccessKey=${keys[0]};UseDevelopmentEmulator=true`
  client = connectRelay({ address: { kind: 'connectionString', connectionString }, transport: 'tcp' }, systemClock)
  await client.receive('events', 4, handle, () => {})
  return { clock, at }
}

function sendSettled(): void {
  const id = newId()
  const boot = { agentId: randomBytes(16), bootId: randomBytes(16), bootStartedAt: 1, sequence: 1, sentAt: 2 }
  const body = sealEvent({ kind: 'settled', ...boot, request, outcome: { kind: 'done' } }, key, tenantId, id)
  bus.control.send('events', { messageId: messageIdOf(id), bodyBase64: body.toString('base64'), timeToLiveMs: 300_000 })
}

it('for two minutes: it comes again, and is written down once', async () => {
  const { clock, at } = await listen(true)
  sendSettled()
  for (let delivery = 1; delivery <= 5; delivery++) {
    await vi.waitFor(() => expect(at.deliveries).toBe(delivery), patience)
    await clock.advance(insistForMs)
  }
  await vi.waitFor(() => expect(at.deliveries).toBe(6), patience)
  at.away = false
  await clock.advance(1_000)
  await vi.waitFor(() => expect(bus.control.stats()['events']).toMatchObject({ active: 0, locked: 0, deadLettered: 0 }), patience)
  expect(at.settled).toEqual([`${messageIdOf(request)} done`])
})

it('given back at once instead, it would be put aside within seconds, where nobody looks', async () => {
  const { at } = await listen(false)
  sendSettled()
  await vi.waitFor(() => expect(bus.control.stats()['events']).toMatchObject({ active: 0, locked: 0, deadLettered: 1 }), patience)
  expect(at).toMatchObject({ deliveries: queues.events.maxDeliveryCount, settled: [] })
})
