/** Whatever lies on `events` and `replies`: heard, or settled, where it is authentic; else completed in silence. */

import { generateKeyPairSync, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Direction, type PackageKey, rejected, sealEnvelope } from '../../shared/envelope.ts'
import { decodeEvent, encodeEvent } from '../../shared/event.ts'
import type { EventName } from '../../shared/log.ts'
import { decodeReply, encodeReply } from '../../shared/payload.ts'
import type { Delivery } from '../../shared/relay/client.ts'
import { messageIdOf, newId, openRequest } from '../../shared/seal.ts'
import { Secret } from '../../shared/secret.ts'
import { defaultTimes } from '../../shared/times.ts'
import { anyBytes, bent, distorted, hostileCbor, hostileText } from '../../test/hostile.ts'
import { events, replies } from '../../test/vectors/messages.ts'
import { virtualClock } from '../../test/virtual-clock.ts'
import { resetOf } from '../reset/new-password.ts'
import { openAgents } from './agents.ts'
import { onAgentEvent } from './events.ts'
import type { SealTurn } from './seal.ts'
import { createSeal } from './seal.ts'
import { sweepReplies } from './sweep.ts'
import { askTest } from './test-ask.ts'

const tenantId = randomBytes(16)
const key: PackageKey = { version: randomBytes(16), bytes: randomBytes(32) }
const keys = {
  async packageKey(version: Buffer) {
    expect(version).toHaveLength(16)
    if (!version.equals(key.version)) throw rejected()
    return key
  },
}

/** Payloads of that kind, good and otherwise, in a genuine seal; and whatever else a body and an id may be. */
function hostile(direction: Direction, payloads: Uint8Array[], isGood: (payload: Uint8Array) => unknown) {
  const [first = Buffer.alloc(0), ...more] = payloads.map((each) => Buffer.from(each))
  const payload = fc.oneof(
    fc.constantFrom(first, ...more),
    fc.constantFrom(first, ...more).chain(distorted),
    bent(first, ...more),
    hostileCbor,
  )
  const sealed = payload.map((inner) => {
    const id = newId()
    return {
      id: messageIdOf(id),
      body: sealEnvelope(inner, key, { direction, tenantId, id }, randomBytes(12)),
      good: succeeds(() => isGood(inner)),
    }
  })
  const body = fc.oneof(anyBytes(1_100), hostileText(50), fc.constantFrom(undefined, null, 1, {}))
  return fc.oneof(
    { weight: 3, arbitrary: sealed.map((each) => ({ ...each, good: each.good && each.body.length <= 1_024 })) },
    {
      weight: 1,
      arbitrary: sealed.chain(({ id, body }) =>
        bent(body).map((changed) => ({ id, body: changed, good: changed.equals(body) && undefined })),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.oneof(fc.anything(), hostileText(30)), body).map(([id, other]) => ({ id, body: other, good: false })),
    },
  )
}

function succeeds(work: () => unknown): boolean {
  try {
    work()
    return true
  } catch {
    return false
  }
}

describe('an event', () => {
  const sentAt = Date.UTC(2027, 0, 15)
  const time = fc.oneof(fc.constantFrom(new Date(sentAt).toISOString(), undefined, null, '', 'now', 'Infinity', 1e300, {}), hostileText(30))

  test('of any body, id and time', async () => {
    const stored = new Map<string, { value: unknown; etag: string; rowKey: string }>()
    const put = async (_: string, partition: string, rowKey: string, value: unknown) => {
      expect(JSON.stringify(value).length).toBeLessThan(32_000)
      stored.set(`${partition}/${rowKey}`, { value: JSON.parse(JSON.stringify(value)), etag: 'e', rowKey })
      return 'e'
    }
    const rows = {
      read: async (_: string, partition: string, row: string) => stored.get(`${partition}/${row}`),
      insert: put,
      replace: put,
      put,
      list: async () => [...stored.values()],
    }
    const agents = openAgents({ rows: rows as Parameters<typeof openAgents>[0]['rows'], clock: virtualClock(sentAt) })
    const all = Object.values(events).map(([, each]) => encodeEvent(each))
    await fc.assert(
      fc.asyncProperty(hostile('event', all, decodeEvent), time, async ({ id, body, good }, enqueuedTime) => {
        const logged: EventName[] = []
        const settled: string[] = []
        const deps = {
          tenantId,
          keys,
          agents,
          settle: async (request: string) => void settled.push(request),
          log: (event: EventName) => void logged.push(event),
        }
        await onAgentEvent(deps)(body, { triggerMetadata: { messageId: id, enqueuedTime } })
        const opened = !logged.includes('envelopeRejected')
        if (good !== undefined) expect(opened).toBe(good)
        if (!opened) expect([logged, settled]).toEqual([['envelopeRejected'], []])
        for (const request of settled) expect(request).toMatch(/^[A-Za-z0-9_-]{22}$/)
        expect(['up', 'down']).toContain(await agents.writeback())
      }),
      { numRuns: 400 },
    )
  })
})

describe('a reply', () => {
  const all = Object.values(replies).map(([, each]) => encodeReply(each))

  test('of any body and correlation that nobody waits for is completed', async () => {
    const { open, receive, late } = askTest()
    const ask = open({ tenantId })
    await fc.assert(
      fc.asyncProperty(hostile('reply', all, decodeReply), async ({ id, body }) => {
        expect(await receive(ask, id, Buffer.isBuffer(body) ? body : undefined)).toEqual({ completed: 1, abandoned: 0 })
      }),
      { numRuns: 200 },
    )
    expect(late).toEqual([])
  })

  test('of any body and correlation on a session that nobody holds settles its own request, or is completed in silence', async () => {
    const clock = virtualClock()
    await fc.assert(
      fc.asyncProperty(hostile('reply', all, decodeReply), async ({ id, body, good }) => {
        const logged: EventName[] = []
        const settled: string[] = []
        let completed = 0
        const delivery = { correlationId: id, body: Buffer.isBuffer(body) ? body : undefined, complete: async () => void completed++ }
        let sessions = 1
        const drainNextSession = async (handle: (delivery: Delivery) => Promise<void>) => {
          if (sessions-- === 0) return undefined
          await handle(delivery as Delivery)
          return 'session'
        }
        await sweepReplies({
          tenantId,
          keys,
          link: { ready: async () => ({ drainNextSession }) },
          asking: { knows: () => false, receive: async () => {} },
          settle: async (request) => void settled.push(request),
          clock,
          log: (event) => void logged.push(event),
        })
        expect(completed).toBe(1)
        if (good !== undefined) expect([settled, logged]).toEqual(good ? [[id], []] : [[], ['replyRejected']])
      }),
      { numRuns: 300 },
    )
  })
})

test('any traceparent: the 25 bytes it stands for travel along, or none', async () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const sealing = async () => ({ package: key, password: { version: randomBytes(16), publicKey } })
  const clock = virtualClock()
  const seal = createSeal({ tenantId, times: defaultTimes, keys: { sealing }, clock })
  const good = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const given = fc.oneof(fc.constant(undefined), fc.constant(good), bent(Buffer.from(good)).map(String), hostileText(200))
  const turn = {
    id: newId(),
    person: { id: 'aaaaaaaa-0000-4000-8000-000000000001', sourceAnchor: 'AAECAwQFBgcICQoLDA0ODw==' },
    recorded: Promise.resolve(),
    submittedAt: 0,
    giveBack: () => Promise.reject(new Error('given back')),
  } as unknown as SealTurn
  await fc.assert(
    fc.asyncProperty(given, async (traceparent) => {
      const { body, id } = await seal(turn, resetOf(Secret.fromText('Quite-Different-77')), traceparent)
      const { trace } = openRequest(body, key, tenantId, id)
      const well = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent ?? '')
      expect(trace?.toString('hex')).toBe(well ? traceparent?.slice(3).replaceAll('-', '') : undefined)
    }),
    { numRuns: 100 },
  )
})
