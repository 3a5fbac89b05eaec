import { randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Outcome } from '../../shared/outcome.ts'
import type { AgentOutcome } from '../../shared/outcome-code.ts'
import { messageIdOf, newId } from '../../shared/seal.ts'
import { defaultTimes } from '../../shared/times.ts'
import { type VirtualClock, virtualClock } from '../../test/virtual-clock.ts'
import { type AftermathDeps, createAftermath } from './aftermath.ts'
import type { Question } from './ask.ts'
import { key } from './test-ask.ts'

const deadMs = 60_000 + defaultTimes.ttlMs + defaultTimes.lockMs + 1_000
const minutes = 60_000

let clock: VirtualClock
/** Operation, and when it was asked. */
let asked: [string, number][]
let settled: [string, Outcome][]
let world: { writeback: 'up' | 'down'; open: boolean; replies: (Outcome['kind'] | undefined)[] }

beforeEach(() => {
  clock = virtualClock()
  asked = []
  settled = []
  world = { writeback: 'up', open: true, replies: [] }
})

function unknown(): Question {
  const sealed = () => {
    const id = newId()
    return { id, messageId: messageIdOf(id), body: randomBytes(8), key }
  }
  const again = (operation: string) => {
    asked.push([operation, clock.monotonic()])
    return sealed()
  }
  return { ...sealed(), submittedAt: clock.monotonic(), recorded: Promise.resolve(), again }
}

const follow = (over: Partial<AftermathDeps> = {}) =>
  createAftermath({
    async inquire(_, withinMs) {
      const kind = world.replies.shift()
      if (kind === undefined) await clock.sleep(withinMs)
      return kind && { outcome: { kind } as AgentOutcome, agentId: randomBytes(16), spentMs: [0, 0, 0, 0] }
    },
    agents: { writeback: async () => world.writeback },
    isOpen: async () => world.open,
    settle: async (messageId, outcome) => void settled.push([messageId, outcome]),
    times: defaultTimes,
    clock,
    log: () => {},
    ...over,
  })

describe('what became of it', () => {
  it.each(['done', 'expired', 'superseded'] as const)('is asked once the message is dead, and settles it: %s', async (kind) => {
    const question = unknown()
    world.replies = [kind]
    follow()(question)
    await clock.advance(deadMs - 1)
    expect(asked).toEqual([])
    await clock.advance(1)
    expect(asked).toEqual([['settle', deadMs]])
    expect(settled).toEqual([[question.messageId, { kind }]])
    await clock.advance(10 * minutes)
    expect(asked.length).toBe(1)
  })

  it('is asked again as long as nobody can tell, for five minutes', async () => {
    world.replies = ['unknown', undefined, 'directoryUnavailable', 'clockUnsure']
    follow()(unknown())
    await clock.advance(deadMs)
    await clock.advance(15_000)
    await clock.advance(20_000)
    expect(asked.map(([, at]) => at - deadMs)).toEqual([0, 15_000, 35_000])
    await clock.advance(10 * minutes)
    expect(settled).toEqual([])
    expect(Math.max(...asked.map(([, at]) => at))).toBeLessThan(5 * minutes)
    expect(clock.pending()).toBe(0)
  })

  it('is not asked of a request that was settled meanwhile', async () => {
    follow()(unknown())
    world.open = false
    await clock.advance(10 * minutes)
    expect(asked).toEqual([])
  })

  it('is asked although the table is away', async () => {
    world.replies = ['done']
    follow({ isOpen: () => Promise.reject(new Error('away')) })(unknown())
    await clock.advance(deadMs)
    expect(settled.length).toBe(1)
  })
})

describe('while the service is down', () => {
  beforeEach(() => {
    world = { writeback: 'down', open: false, replies: [] }
  })

  it('somebody is knocked for every few seconds until an answer comes', async () => {
    world.replies = [undefined, undefined, 'directoryUnavailable']
    follow()(unknown())
    await clock.advance(10 * minutes)
    expect(asked).toEqual([
      ['check', 0],
      ['check', 7_000],
      ['check', 14_000],
    ])
  })

  it('no longer than until it is up by itself', async () => {
    follow()(unknown())
    await clock.advance(6_000)
    world.writeback = 'up'
    await clock.advance(10 * minutes)
    expect(asked).toEqual([['check', 0]])
  })

  it('one knocks for all, and another one later', async () => {
    const follows = follow()
    for (let n = 0; n < 3; n++) follows(unknown())
    await clock.advance(0)
    expect(asked.length).toBe(1)
    world.replies = ['done']
    await clock.advance(7_000)
    follows(unknown())
    await clock.advance(0)
    expect(asked.map(([, at]) => at)).toEqual([0, 7_000, 7_000])
  })

  it('not for ever', async () => {
    follow()(unknown())
    await clock.advance(5 * minutes)
    const knocks = asked.length
    await clock.advance(10 * minutes)
    expect(asked.length).toBe(knocks)
  })
})
