import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { afterDeath, afterProof, changedSince, nextStep, type Situation } from './redelivery.ts'

const changes = ['changed', 'unchanged', 'hidden'] as const
const proofs = ['right', 'wrong', 'unsure'] as const
const both = [true, false]

/** Every situation there is. */
const situations: Situation[] = changes.flatMap((change) =>
  both.flatMap((mayBegin) =>
    both.flatMap((neverBegunHere) => both.map((othersHadIt) => ({ change, mayBegin, neverBegunHere, othersHadIt }))),
  ),
)
const shown = (situation: Situation) => JSON.stringify(situation)

/** What is decided in the end, with whatever the bind would say. */
const endings = (situation: Situation) => {
  const step = nextStep(situation)
  return step === 'prove' ? proofs.map((proof) => ({ proof, end: afterProof(proof, situation) })) : [{ proof: undefined, end: step }]
}

describe('in every situation', () => {
  test.each(situations.map((situation) => [shown(situation), situation] as const))('%s', (_, situation) => {
    for (const { proof, end } of endings(situation)) {
      // Never written where it may have happened, nor too late.
      if (end === 'write') {
        expect(situation.mayBegin).toBe(true)
        if (situation.change === 'hidden') expect(situation).toMatchObject({ neverBegunHere: true, othersHadIt: false })
        expect(situation.change === 'unchanged' || (situation.change === 'hidden' && proof === 'wrong')).toBe(true)
      }
      // "Not changed" needs a proof that nobody began.
      if (end === 'expired')
        expect(situation).toMatchObject({ change: 'unchanged', mayBegin: false, neverBegunHere: true, othersHadIt: false })
      // Somebody else's change is only what is seen to have changed and is not ours.
      if (end === 'superseded') {
        expect([situation.change, proof]).toEqual(['changed', 'wrong'])
        // And is never told while an earlier write could still come.
        expect(situation).toMatchObject({ neverBegunHere: true, othersHadIt: false })
      }
      // Done only by proof.
      if (end === 'finish') expect(proof).toBe('right')
      if (proof === 'unsure') expect(end).toBe('unknown')
    }
  })

  test('what could be proven is proven, and nothing else costs an attempt', () => {
    for (const situation of situations) expect(nextStep(situation) === 'prove', shown(situation)).toBe(situation.change !== 'unchanged')
  })

  test('the table of steps', () => {
    const table = Object.groupBy(
      situations.filter(({ change }) => change === 'unchanged'),
      nextStep,
    )
    expect(table.write).toHaveLength(4)
    expect(table.expired).toEqual([{ change: 'unchanged', mayBegin: false, neverBegunHere: true, othersHadIt: false }])
    expect(table.unknown).toHaveLength(3)
    expect(table.prove).toBeUndefined()
  })
})

describe('once the message is dead', () => {
  test.each([
    ['right', 'changed', 'done'],
    ['right', 'hidden', 'done'],
    ['wrong', 'changed', 'superseded'],
    ['wrong', 'hidden', 'expired'],
    ['unsure', 'changed', 'unsure'],
    ['unsure', 'hidden', 'unsure'],
  ] as const)('%s and %s: %s', (proof, change, outcome) => {
    expect(afterDeath(proof, change)).toBe(outcome)
  })
})

describe('changed since', () => {
  const epochMs = 11_644_473_600_000n
  const fileTime = (ms: number) => (BigInt(ms) + epochMs) * 10_000n
  const now = 1_800_000_000_000
  const state = (setAgoMs: number) => ({ pwdLastSet: fileTime(now - setAgoMs), serverNow: now })

  test('by the age of the message, with two seconds for the difference of two clocks', () => {
    fc.assert(
      fc.property(fc.nat(100_000), fc.nat(100_000), (setAgoMs, ageMs) => {
        expect(changedSince(state(setAgoMs), ageMs, undefined)).toBe(setAgoMs < ageMs + 2_000 ? 'changed' : 'unchanged')
      }),
    )
  })

  test('by any difference to what this agent noted before its write, however old the message seems', () => {
    fc.assert(
      fc.property(fc.nat(100_000), fc.nat(100_000), fc.nat(100_000), (beforeAgoMs, setAgoMs, ageMs) => {
        fc.pre(beforeAgoMs !== setAgoMs)
        expect(changedSince(state(setAgoMs), ageMs, fileTime(now - beforeAgoMs))).toBe('changed')
      }),
    )
  })

  test('what was noted may itself be newer than the message: somebody else had set it by then', () => {
    fc.assert(
      fc.property(fc.nat(100_000), fc.nat(100_000), (setAgoMs, ageMs) => {
        const expected = setAgoMs < ageMs + 2_000 ? 'changed' : 'unchanged'
        expect(changedSince(state(setAgoMs), ageMs, fileTime(now - setAgoMs))).toBe(expected)
      }),
    )
  })

  test('a step of 100 ns is a change', () => {
    const { pwdLastSet, serverNow } = state(3_600_000)
    expect(changedSince({ pwdLastSet, serverNow }, 0, pwdLastSet - 1n)).toBe('changed')
  })

  test('"must change" hides it, whatever was noted; coming out of it is a change', () => {
    for (const before of [undefined, 0n, fileTime(now)])
      expect(changedSince({ pwdLastSet: 0n, serverNow: now }, 5_000, before)).toBe('hidden')
    expect(changedSince(state(3_600_000), 0, 0n)).toBe('changed')
  })

  test('a directory whose clock is behind its own stamp has just been changed', () => {
    expect(changedSince(state(-900), 0, undefined)).toBe('changed')
  })

  test('without an age nothing may begin, so that "unchanged" writes nothing', () => {
    expect(changedSince(state(0), Number.NaN, undefined)).toBe('unchanged')
    expect(nextStep({ change: 'unchanged', mayBegin: false, neverBegunHere: true, othersHadIt: true })).toBe('unknown')
  })
})
