import { randomBytes } from 'node:crypto'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { queues } from '../../infra/topology.ts'
import { type BusUnderTest, rootRule, useBus } from '../../local/bus/bus-fixture.ts'
import { systemClock } from '../../shared/clock.ts'
import { type PackageKey, rejected } from '../../shared/envelope.ts'
import { Fault } from '../../shared/fault.ts'
import type { EventName } from '../../shared/log.ts'
import type { AgentOutcome } from '../../shared/outcome-code.ts'
import { connectRelay, type Delivery, type RelayClient } from '../../shared/relay/client.ts'
import { messageIdOf, newId, sealReply } from '../../shared/seal.ts'
import { type SweepDeps, sweepReplies } from './sweep.ts'

const tenantId = randomBytes(16)
const key: PackageKey = { version: randomBytes(16), bytes: randomBytes(32) }

let t: BusUnderTest
let relay: RelayClient
let settled: [string, string][]
let logged: EventName[]
let received: string[]

beforeAll(async () => {
  t = await useBus({ replies: queues.replies })
})
beforeEach(() => {
  const [name, [secret]] = [rootRule.name, rootRule.keys]
  const connectionString = `Endpoint=sb://127.0.0.1:${t.bus.addresses.tcp};SharedAccessKeyName=${name};SharedAccessKey=${secret};UseDevelopmentEmulator=true`
  relay = connectRelay({ address: { kind: 'connectionString', connectionString }, transport: 'tcp' }, systemClock)
  settled = []
  logged = []
  received = []
})
afterEach(() => relay.close())

const deps = (over: Partial<SweepDeps> = {}): SweepDeps => ({
  tenantId,
  keys: {
    packageKey: async (version) => {
      if (!version.equals(key.version)) throw rejected()
      return key
    },
  },
  link: { ready: async () => ({ drainNextSession: (handle) => relay.drainNextSession('replies', handle) }) },
  asking: {
    knows: () => false,
    receive: async (delivery: Delivery) => {
      received.push(String(delivery.correlationId))
      await delivery.complete()
    },
  },
  settle: async (messageId, { kind }) => void settled.push([messageId, kind]),
  clock: systemClock,
  log: (event) => void logged.push(event),
  ...over,
})

/** The broker's clock is moved on, so that it says at once what it would say after some seconds: there is no such session. */
async function sweep(over: Partial<SweepDeps> = {}): Promise<number> {
  const sweeping = sweepReplies(deps(over))
  let swept: number | undefined
  sweeping.then(
    (count) => (swept = count),
    () => (swept = -1),
  )
  let attaches = t.bus.control.totals().attaches
  while (swept === undefined) {
    await systemClock.sleep(5)
    if (stats().active === 0 && t.bus.control.totals().attaches > attaches) {
      attaches = t.bus.control.totals().attaches
      await t.clock.advance(10_000)
    }
  }
  return sweeping
}

const stats = () => {
  const { replies } = t.bus.control.stats()
  if (replies === undefined) throw new Error('no such queue')
  return replies
}

function put(sessionId: string, outcome: AgentOutcome = { kind: 'done' }, sealedWith = key): string {
  const id = newId()
  const messageId = messageIdOf(id)
  const body = sealReply({ outcome, agentId: randomBytes(16), spentMs: [1, 2, 3, 4] }, sealedWith, tenantId, id)
  t.bus.control.send('replies', { messageId, correlationId: messageId, sessionId, bodyBase64: body.toString('base64') })
  return messageId
}

describe('a session that nobody holds', () => {
  test('its replies settle their flows and are taken off the queue; every such session, once', async () => {
    const ids = [put('dead-1'), put('dead-1', { kind: 'superseded' }), put('dead-2', { kind: 'policy.history', historyLength: 5 })]
    expect(await sweep()).toBe(2)
    expect(settled.toSorted()).toEqual(
      [
        [ids[0], 'done'],
        [ids[1], 'superseded'],
        [ids[2], 'policy.history'],
      ].toSorted(),
    )
    expect(stats()).toMatchObject({ active: 0, locked: 0, deadLettered: 0 })
  })

  test('a request that this instance still waits for is answered', async () => {
    const id = put('lost')
    await sweep({ asking: { ...deps().asking, knows: (messageId) => messageId === id } })
    expect([received, settled]).toEqual([[id], []])
  })

  test.each<[string, () => void]>([
    ['under a key nobody knows', () => put('dead', { kind: 'done' }, { version: randomBytes(16), bytes: randomBytes(32) })],
    ['under another key with our version', () => put('dead', { kind: 'done' }, { ...key, bytes: randomBytes(32) })],
    ['without a correlation id', () => t.bus.control.send('replies', { messageId: 'm', sessionId: 'dead', bodyBase64: 'AA==' })],
    [
      'empty',
      () => t.bus.control.send('replies', { messageId: 'm', correlationId: messageIdOf(newId()), sessionId: 'dead', bodyBase64: '' }),
    ],
  ])('a reply %s is taken off in silence', async (_, forge) => {
    forge()
    await sweep()
    expect([settled, logged]).toEqual([[], ['replyRejected']])
    expect(stats()).toMatchObject({ active: 0, locked: 0, deadLettered: 0 })
  })

  test('what cannot be written down stays for the next time, and is tried once in a sweep', async () => {
    const id = put('dead')
    const down = async () => Promise.reject(new Fault('STORE_UNAVAILABLE', 'test'))
    expect(await sweepReplies(deps({ settle: down }))).toBe(1)
    expect([settled, stats().active]).toEqual([[], 1])
    await sweep()
    expect(settled).toEqual([[id, 'done']])
  })
})

test('the session of a live instance is left alone', async () => {
  const other = connectRelayOfAnother()
  const heard = Promise.withResolvers<void>()
  await other.receiveSession(
    'replies',
    'live',
    4,
    async () => heard.promise,
    () => {},
  )
  put('live')
  await expect.poll(() => stats().locked).toBe(1)
  expect(await sweep()).toBe(0)
  expect([settled, received]).toEqual([[], []])
  heard.resolve()
  await other.close()
})

function connectRelayOfAnother(): RelayClient {
  const connectionString = `Endpoint=sb://127.0.0.1:${t.bus.addresses.tcp};SharedAccessKeyName=root;SharedAccessKey=root key;UseDevelopmentEmulator=true`
  return connectRelay({ address: { kind: 'connectionString', connectionString }, transport: 'tcp' }, systemClock)
}
