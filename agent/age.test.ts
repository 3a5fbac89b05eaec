import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { virtualClock } from '../test/virtual-clock.ts'
import { clocksAgree, lockOutlasts, messageAgeMs, type Stamps } from './age.ts'

const lockMs = 10_000

/** Taken now, after so long on the queue, by a broker whose clock shows something else. */
function taken(queuedMs: number, brokerNow = 5_000_000) {
  const clock = virtualClock()
  const received = { wall: clock.now(), monotonic: clock.monotonic() }
  const stamps: Stamps = { enqueuedAt: brokerNow - queuedMs, lockedUntil: brokerNow + lockMs, received }
  return { clock, stamps, ageMs: () => messageAgeMs(stamps, lockMs, clock) }
}

describe('age', () => {
  test('is the time on the queue and the time since, wherever the broker is', () => {
    fc.assert(
      fc.asyncProperty(fc.nat(100_000), fc.nat(100_000), fc.maxSafeNat(), async (queuedMs, sinceMs, brokerNow) => {
        const { clock, ageMs } = taken(queuedMs, Math.floor(brokerNow / 2))
        await clock.advance(sinceMs)
        expect(ageMs()).toBe(queuedMs + sinceMs)
      }),
    )
  })

  test('counts a suspension in which the monotonic clock stood still', () => {
    const { clock, ageMs } = taken(500)
    clock.suspend(3_600_000)
    expect(ageMs()).toBe(3_600_500)
  })

  test('is not made smaller by a wall clock that is set back', async () => {
    const { clock, ageMs } = taken(500)
    await clock.advance(7_000)
    clock.stepWall(-3_600_000)
    expect(ageMs()).toBe(7_500)
  })

  test('whatever the clocks do, never less than what truly passed, and never shrinking while they run', async () => {
    const event = fc.oneof(
      fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(60_000) }),
      fc.record({ kind: fc.constant('suspend' as const), ms: fc.nat(60_000) }),
      fc.record({ kind: fc.constant('step' as const), ms: fc.nat(600_000) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.nat(60_000), fc.array(event, { maxLength: 10 }), async (queuedMs, events) => {
        const { clock, ageMs } = taken(queuedMs)
        let passedMs = 0
        let last = ageMs()
        for (const { kind, ms } of events) {
          if (kind === 'step') clock.stepWall(ms)
          else if (kind === 'suspend') clock.suspend(ms)
          else await clock.advance(ms)
          passedMs += kind === 'step' ? 0 : ms
          expect(ageMs()).toBeGreaterThanOrEqual(queuedMs + passedMs)
          expect(ageMs()).toBeGreaterThanOrEqual(last)
          last = ageMs()
        }
      }),
    )
  })

  test('a broker that seems to deliver before it took the message makes nothing younger', () => {
    expect(taken(-9_000).ageMs()).toBe(0)
  })

  test.each(['enqueuedAt', 'lockedUntil'] as const)('without %s it is older than every limit', (stamp) => {
    const { clock, stamps } = taken(0)
    const ageMs = messageAgeMs({ ...stamps, [stamp]: Number.NaN }, lockMs, clock)
    expect(ageMs).toBeNaN()
    expect(ageMs <= Number.POSITIVE_INFINITY).toBe(false)
  })
})

describe('the lock', () => {
  test('outlasts what is over before it is, by either clock', async () => {
    const { clock, stamps } = taken(100_000)
    expect(lockOutlasts(8_000, stamps, lockMs, clock)).toBe(true)
    await clock.advance(1_999)
    expect(lockOutlasts(8_000, stamps, lockMs, clock)).toBe(true)
    await clock.advance(1)
    expect(lockOutlasts(8_000, stamps, lockMs, clock)).toBe(false)
  })

  test('does not outlast a suspension, nor a wall clock set forward', () => {
    for (const happen of ['suspend', 'stepWall'] as const) {
      const { clock, stamps } = taken(0)
      clock[happen](2_000)
      expect(lockOutlasts(8_000, stamps, lockMs, clock)).toBe(false)
    }
  })
})

describe('the sender and the broker', () => {
  test('agree within a minute, either way', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.integer({ min: -200_000, max: 200_000 }), (at, skewMs) => {
        expect(clocksAgree(at, at + skewMs)).toBe(Math.abs(skewMs) <= 60_000)
      }),
    )
  })

  test.each([
    [Number.NaN, 0],
    [0, Number.NaN],
    [Number.NaN, Number.NaN],
  ])('do not when a stamp is missing (%d, %d)', (enqueuedAt, issuedAt) => {
    expect(clocksAgree(enqueuedAt, issuedAt)).toBe(false)
  })
})
