import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type PackageKey, rejected } from '../../shared/envelope.ts'
import type { AgentEvent } from '../../shared/event.ts'
import { Fault } from '../../shared/fault.ts'
import type { EventName, Fields } from '../../shared/log.ts'
import type { Outcome } from '../../shared/outcome.ts'
import { messageIdOf, newId, sealEvent } from '../../shared/seal.ts'
import { codeOf } from '../keys/test-cloud.ts'
import { type EventDeps, onAgentEvent } from './events.ts'

const tenantId = randomBytes(16)
const key: PackageKey = { version: randomBytes(16), bytes: randomBytes(32) }
const sentAt = Date.UTC(2026, 0, 1, 12)
const boot = { agentId: randomBytes(16), bootId: randomBytes(16), bootStartedAt: sentAt - 1_000 }
const stopping: AgentEvent = { ...boot, kind: 'stopping', sequence: 7, sentAt }
const request = newId()
const settled: AgentEvent = { ...boot, kind: 'settled', sequence: 8, sentAt, request, outcome: { kind: 'done' } }

interface Given {
  event?: AgentEvent
  body?: unknown
  messageId?: unknown
  enqueuedTime?: unknown
}

/** What came of one delivery to the function. */
async function deliver({ event = stopping, ...given }: Given, over: Partial<EventDeps> = {}) {
  const heard: [AgentEvent, number][] = []
  const settles: [string, Outcome][] = []
  const logged: [EventName, Fields | undefined][] = []
  const id = newId()
  const deps: EventDeps = {
    tenantId,
    keys: {
      async packageKey(version) {
        if (!version.equals(key.version)) throw rejected()
        return key
      },
    },
    agents: { heard: async (...args) => (heard.push(args) > 0 ? 'accepted' : 'refused') },
    settle: async (...args) => void settles.push(args),
    log: (event, fields) => void logged.push([event, fields]),
    ...over,
  }
  const body = 'body' in given ? given.body : sealEvent(event, key, tenantId, id)
  const messageId = 'messageId' in given ? given.messageId : messageIdOf(id)
  const enqueuedTime = 'enqueuedTime' in given ? given.enqueuedTime : '2026-01-01T12:00:01.500+00:00'
  const fault = await codeOf(onAgentEvent(deps)(body, { triggerMetadata: { messageId, enqueuedTime } }))
  return { heard, settles, logged: logged.map(([name]) => name), fields: logged[0]?.[1], fault }
}

describe('an event', () => {
  it('is opened and heard, with the broker’s time', async () => {
    const { heard, settles, fields, fault } = await deliver({})
    expect(heard).toEqual([[stopping, sentAt + 1_500]])
    expect([settles, fault]).toEqual([[], 'no fault'])
    expect(fields).toEqual({ agent: boot.agentId.toString('hex'), sequence: 7, reason: 'stopping' })
  })

  it('reads the offset of the broker’s time, whatever the zone of this machine', async () => {
    const { heard } = await deliver({ enqueuedTime: '2026-01-01T14:00:00+02:00' })
    expect(heard[0]?.[1]).toBe(sentAt)
  })

  it('that is refused is completed, and said', async () => {
    const { fault, logged, settles } = await deliver({}, { agents: { heard: async () => 'refused' } })
    expect([fault, logged, settles]).toEqual(['no fault', ['eventRefused'], []])
  })

  it.each([undefined, null, '', 'yesterday'])('without a time of the broker’s (%s) brings none', async (enqueuedTime) => {
    const { heard } = await deliver({ enqueuedTime })
    expect(heard[0]?.[1]).toBeNaN()
  })
})

describe('a settled event', () => {
  it('settles its request', async () => {
    const { settles } = await deliver({ event: settled })
    expect(settles).toEqual([[messageIdOf(request), { kind: 'done' }]])
  })

  it('settles its request also when it comes out of turn: the outcome is no less true', async () => {
    const { settles, logged } = await deliver({ event: settled }, { agents: { heard: async () => 'refused' } })
    expect([settles.length, logged]).toEqual([1, ['eventRefused']])
  })

  it('of a revoked agent settles nothing', async () => {
    const { settles, logged, fault } = await deliver({ event: settled }, { agents: { heard: async () => 'revoked' } })
    expect([settles, logged, fault]).toEqual([[], ['eventRefused'], 'no fault'])
  })

  it('that could not be written down comes again, and counts then although it was heard before', async () => {
    let accepted = 0
    const agents: EventDeps['agents'] = { heard: async () => (++accepted === 1 ? 'accepted' : 'refused') }
    const settle = () => Promise.reject(new Fault('STORE_UNAVAILABLE', 'test'))
    expect((await deliver({ event: settled }, { agents, settle })).fault).toBe('STORE_UNAVAILABLE')
    expect((await deliver({ event: settled }, { agents })).settles.length).toBe(1)
  })
})

describe('what is not authentic is completed in silence', () => {
  const id = newId()
  const of = (withKey: PackageKey, tenant = tenantId) => sealEvent(stopping, withKey, tenant, id)
  const sealed = of(key)
  const flipped = Buffer.from(sealed)
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1
  it.each<[string, Given]>([
    ['a body that is no bytes', { body: 'text', messageId: messageIdOf(id) }],
    ['no body', { body: undefined, messageId: messageIdOf(id) }],
    ['an empty body', { body: Buffer.alloc(0), messageId: messageIdOf(id) }],
    ['noise', { body: randomBytes(200), messageId: messageIdOf(id) }],
    ['one bit turned', { body: flipped, messageId: messageIdOf(id) }],
    ['a byte too many', { body: Buffer.concat([sealed, Buffer.of(0)]), messageId: messageIdOf(id) }],
    ['another message’s id', { body: sealed, messageId: messageIdOf(newId()) }],
    ['no message id', { body: sealed, messageId: undefined }],
    ['a message id spelled differently', { body: sealed, messageId: `${messageIdOf(id)}=` }],
    ['a key nobody knows', { body: of({ version: randomBytes(16), bytes: key.bytes }), messageId: messageIdOf(id) }],
    ['another key under a known version', { body: of({ version: key.version, bytes: randomBytes(32) }), messageId: messageIdOf(id) }],
    ['another tenant', { body: of(key, randomBytes(16)), messageId: messageIdOf(id) }],
  ])('%s', async (_, given) => {
    expect(await deliver(given)).toEqual({
      heard: [],
      settles: [],
      logged: ['envelopeRejected'],
      fields: { queue: 'events' },
      fault: 'no fault',
    })
  })
})

describe('what could not be judged comes again', () => {
  it.each(['KEY_UNAVAILABLE', 'STORE_UNAVAILABLE'] as const)('%s', async (code) => {
    const packageKey = () => Promise.reject(new Fault(code, 'test'))
    const { fault, heard, logged } = await deliver({}, { keys: { packageKey } })
    expect([fault, heard, logged]).toEqual([code, [], []])
  })

  it('when the agents’ rows cannot be written', async () => {
    const heard = () => Promise.reject(new Fault('STORE_UNAVAILABLE', 'test'))
    expect((await deliver({}, { agents: { heard } })).fault).toBe('STORE_UNAVAILABLE')
  })
})
