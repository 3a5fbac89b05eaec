/** That the judge sees each broken promise, and nothing in a history that keeps them all. */
import { describe, expect, test } from 'vitest'
import type { History, Request, Told } from './history.ts'
import { judge } from './judge.ts'
import { seeded } from './random.ts'
import { timeline } from './timeline.ts'

const limits = { startWithinMs: 7_000, answerMs: 15_000 }

const request = (told: Told[], over: Partial<Request> = {}): Request => ({
  number: 1,
  user: 'ada',
  submittedAt: 1_000,
  told,
  unanswered: false,
  ambiguous: false,
  ...over,
})
const answer = (code: string, effect: Told['effect'], at = 2_000): Told => ({ at, code, effect, by: 'answer' })
const later = (code: string, effect: Told['effect'], at = 90_000): Told => ({ at, code, effect, by: 'flow' })
const begun = { at: 1_300, request: 1, agent: 'agent-1', again: false, lookedAt: 1_200, enqueuedAt: 1_100 }
const written = { at: 1_500, user: 'ada', by: 1 } as const
const elsewhere = { at: 1_800, user: 'ada', by: 'somebody else' } as const

function history(over: Partial<History>): History {
  const filled = { requests: [], begun: [], written: [], others: [], faults: [], left: 0, ...over }
  const users = new Set(filled.requests.map(({ user }) => user))
  const inForce = new Map(
    [...users].map((user) => [user, filled.written.filter((each) => each.user === user).at(-1)?.by ?? 'the first'] as const),
  )
  return { ...filled, inForce, ...over }
}
const promises = (over: Partial<History>) => judge(history(over), limits).violations.map(({ promise }) => promise)

describe('kept', () => {
  test.each<[string, Partial<History>]>([
    ['told "changed", and it was', { requests: [request([answer('done', 'changed')])], written: [written], begun: [begun] }],
    ['told "not changed", and it never was', { requests: [request([answer('busy', 'notChanged')])] }],
    [
      'told "unknown", and the truth later',
      { requests: [request([answer('unknown', 'unknown'), later('done', 'changed')])], written: [written] },
    ],
    [
      'set, then overwritten, and told so',
      { requests: [request([answer('superseded', 'notChanged', 3_000)])], written: [written, elsewhere] },
    ],
    ['overwritten after it was told', { requests: [request([answer('done', 'changed', 1_600)])], written: [written, elsewhere] }],
    [
      'begun over a newer password on a first delivery, which does not look',
      {
        requests: [request([answer('done', 'changed')])],
        begun: [begun],
        others: [{ from: 1_150, to: 1_180, user: 'ada', open: true }],
        written: [{ ...elsewhere, at: 1_160 }, written],
      },
    ],
    [
      'its instance died before anything was sent',
      { requests: [request([], { unanswered: true })], faults: [{ name: 'functionsKilled', from: 1_001, to: 5_000 }] },
    ],
    [
      'died unseen, and then the instance that would have asked',
      { requests: [request([answer('unknown', 'unknown')])], faults: [{ name: 'functionsKilled', from: 90_000, to: 91_000 }] },
    ],
    [
      'two presses of which nobody knows which one the flow speaks of',
      { requests: [request([later('done', 'changed')], { ambiguous: true })] },
    ],
  ])('%s', (_, over) => {
    expect(promises(over)).toEqual([])
  })
})

describe('broken', () => {
  test.each<[string, Partial<History>, RegExp]>([
    ['told "changed", and it was not', { requests: [request([answer('done', 'changed')])] }, /did not have it/],
    [
      'told "changed", and it was only afterwards',
      { requests: [request([answer('done', 'changed', 1_400)])], written: [written] },
      /did not have it/,
    ],
    [
      'told "not changed", and it was',
      { requests: [request([answer('policy.history', 'notChanged')])], written: [written] },
      /and it was set/,
    ],
    [
      'told "not changed", and it was afterwards',
      { requests: [request([answer('expired', 'notChanged', 1_400)])], written: [written] },
      /set afterwards/,
    ],
    [
      'told "not changed", and it had been until somebody else came',
      { requests: [request([answer('policy.filter', 'notChanged', 3_000)])], written: [written, elsewhere] },
      /had been set/,
    ],
    [
      'told two things',
      { requests: [request([answer('done', 'changed'), later('expired', 'notChanged')])], written: [written] },
      /and it was set/,
    ],
    [
      'set twice',
      { requests: [request([answer('done', 'changed')])], written: [written, elsewhere, { ...written, at: 1_900 }] },
      /set twice/,
    ],
    [
      'begun too late',
      { requests: [request([answer('done', 'changed')])], written: [written], begun: [{ ...begun, at: 8_101 }] },
      /begun 7001 ms/,
    ],
    [
      'begun over a newer password that a redelivery had seen',
      {
        requests: [request([answer('done', 'changed')])],
        begun: [{ ...begun, again: true }],
        others: [{ from: 1_150, to: 1_180, user: 'ada', open: true }],
        written: [{ ...elsewhere, at: 1_160 }, written],
      },
      /newer password/,
    ],
    [
      'never settled, although it was set',
      {
        requests: [request([answer('unknown', 'unknown')])],
        written: [written],
        faults: [{ name: 'functionsKilled', from: 90_000, to: 91_000 }],
      },
      /never settled/,
    ],
    ['never settled', { requests: [request([answer('unknown', 'unknown')])] }, /never settled/],
    ['never told', { requests: [request([], { unanswered: true })] }, /ever told/],
    ['kept waiting', { requests: [request([answer('unknown', 'unknown', 21_001), later('expired', 'notChanged')])] }, /answer time/],
    ['messages left over', { requests: [], left: 2 }, /2 messages/],
    [
      'another password works than was written last',
      { requests: [request([answer('done', 'changed')])], written: [written], inForce: new Map([['ada', 'the first' as const]]) },
      /should be in force/,
    ],
  ])('%s', (_, over, promise) => {
    const found = promises(over)
    expect(found.length).toBeGreaterThan(0)
    expect(found.join()).toMatch(promise)
  })
})

describe('"unknown"', () => {
  const told = [answer('unknown', 'unknown', 16_000), later('expired', 'notChanged')]
  test.each([
    ['a fault under it explains it', [{ name: 'killed', from: 5_000, to: 6_000 }], []],
    [
      'one before or after does not',
      [
        { name: 'killed', from: 0, to: 1_000 },
        { name: 'killed', from: 16_000, to: 17_000 },
      ],
      [1],
    ],
    ['none does not', [], [1]],
  ])('%s', (_, faults, unexplained) => {
    expect(judge(history({ requests: [request(told)], faults }), limits)).toMatchObject({ unknown: [1], unknownUnexplained: unexplained })
  })
})

test('a broken promise is told with what happened around it, in order, and without a password', () => {
  const broken = history({
    requests: [request([answer('expired', 'notChanged', 1_400)])],
    written: [written],
    begun: [begun],
    faults: [{ name: 'killed', from: 1_250, to: 1_900 }],
  })
  const [violation] = judge(broken, limits).violations
  expect(violation && timeline(violation, broken).split('\n')).toEqual([
    'BROKEN: told "expired", and it was set afterwards (request 1)',
    '        0 ms  request 1 of ada submitted',
    '      250 ms  fault: killed',
    '      300 ms  agent-1 begins the write of 1, 200 ms after it was sent',
    '      400 ms  request 1 told: expired (notChanged), in the answer',
    '      500 ms  the directory has that of 1',
  ])
})

test('a seed gives the same chances again, another one others', () => {
  const draw = (seed: number) => {
    const random = seeded(seed)
    return [random.shuffled([1, 2, 3, 4, 5, 6, 7, 8]), random.pick(['a', 'b', 'c']), random.between(5, 6)]
  }
  expect(draw(7)).toEqual(draw(7))
  expect(draw(7)).not.toEqual(draw(8))
  expect((draw(7)[0] as number[]).toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
})
