import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { queues } from '../infra/topology.ts'
import { checkTimes, defaultTimes, type Times } from './times.ts'

const broken = (change: Partial<Times>) => {
  try {
    return checkTimes({ ...defaultTimes, ...change })
  } catch (error) {
    return (error as Error).message
  }
}

test('the defaults hold, and fit the queue they are for', () => {
  expect(checkTimes(defaultTimes)).toBe(defaultTimes)
  expect(defaultTimes.lockMs).toBe(queues.requests.lockMs)
  expect(defaultTimes.ttlMs).toBeLessThanOrEqual(queues.requests.ttlMs)
})

describe('each inequality at its edge', () => {
  test.each<[string, Partial<Times>, Partial<Times>]>([
    ['ldapMs + 1 s < lockMs', { ldapMs: 8_999 }, { ldapMs: 9_000 }],
    ['startWithinMs > lockMs + 2 s', { startWithinMs: 12_001 }, { startWithinMs: 12_000 }],
    ['startWithinMs + lockMs < ttlMs', { ttlMs: 24_001 }, { ttlMs: 24_000 }],
    ['ttlMs + 3 s < answerMs', { answerMs: 29_001 }, { answerMs: 29_000 }],
  ])('%s', (rule, holds, breaks) => {
    expect(broken(holds)).toEqual({ ...defaultTimes, ...holds })
    expect(broken(breaks)).toBe(`TIMES_INVALID: these must hold: ${rule}`)
  })
})

test('all that are broken are named at once; no number is no excuse', () => {
  expect(broken({ lockMs: Number.NaN, ttlMs: Number.NaN })).toBe(
    'TIMES_INVALID: these must hold: ldapMs + 1 s < lockMs; startWithinMs > lockMs + 2 s; startWithinMs + lockMs < ttlMs; ttlMs + 3 s < answerMs',
  )
})

test('whatever passes leaves room for one redelivery, and nobody answers before the message is dead', () => {
  const ms = fc.integer({ min: 1, max: 120_000 })
  const times = fc.record({ answerMs: ms, ttlMs: ms, startWithinMs: ms, ldapMs: ms, lockMs: ms })
  fc.assert(
    fc.property(times, (t) => {
      try {
        checkTimes(t)
      } catch {
        return
      }
      const lastBeginning = t.startWithinMs
      // Held once to the end of its lock, a message may still be begun at its second delivery …
      expect(t.lockMs).toBeLessThan(lastBeginning)
      // … and the last write of all has an answer, or is in doubt, before the caller's answer is due.
      expect(lastBeginning + t.ldapMs).toBeLessThan(t.answerMs)
      expect(t.ttlMs).toBeLessThan(t.answerMs)
    }),
    { numRuns: 2_000 },
  )
})
