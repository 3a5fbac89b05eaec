import { describe, expect, test } from 'vitest'
import { isFault } from './fault.ts'
import { isPolicyRefusal, linkConditions, type Outcome, type OutcomeKind, outcomes } from './outcome.ts'
import { type AgentOutcome, maxOutcomeCode, outcomeFromWire, outcomeToWire } from './outcome-code.ts'

const kinds = Object.keys(outcomes) as OutcomeKind[]

describe('the promise behind each word', () => {
  test('exactly one says unknown, two say changed', () => {
    expect(kinds.filter((kind) => outcomes[kind].effect === 'unknown')).toEqual(['unknown'])
    expect(kinds.filter((kind) => outcomes[kind].effect === 'changed')).toEqual(['done', 'doneCloudPending'])
  })

  test('nothing that happened or may have happened is offered to be done again', () => {
    expect(kinds.filter((kind) => outcomes[kind].effect !== 'notChanged' && outcomes[kind].retryable)).toEqual([])
  })

  test('a policy refusal is about the password, did not change it, and another may be tried', () => {
    const policy = kinds.filter((kind) => isPolicyRefusal({ kind } as Outcome))
    expect(policy).toHaveLength(7)
    for (const kind of policy) expect(outcomes[kind]).toMatchObject({ effect: 'notChanged', retryable: true })
  })
})

describe('as it travels', () => {
  const codes = Array.from({ length: maxOutcomeCode + 1 }, (_, code) => code)
  const plainOrDetailed = (code: number) => {
    try {
      return outcomeFromWire(code, undefined)
    } catch {
      return outcomeFromWire(code, 1)
    }
  }

  test.each(codes)('%i', (code) => {
    const outcome = plainOrDetailed(code)
    expect(outcomeToWire(outcome)).toEqual({ outcome: code, ...(Object.keys(outcome).length > 1 && { detail: 1 }) })
  })

  test('what is decided in the cloud has no number', () => {
    const travelling = codes.map((code) => plainOrDetailed(code).kind)
    expect(kinds.filter((kind) => !(travelling as OutcomeKind[]).includes(kind))).toEqual([
      'doneCloudPending',
      'unlocked',
      'policy.banned',
      'notEligible',
      'serviceDown',
      'disabled',
      'cloudOnly',
    ])
  })

  test.each<[string, number, number | undefined]>([
    ['a number beyond the list', maxOutcomeCode + 1, undefined],
    ['a negative number', -1, undefined],
    ['half a number', 0.5, undefined],
    ['a detail where there is none', 0, 1],
    ['no detail where one belongs', 1, undefined],
    ['a link condition beyond the list', 10, linkConditions.length],
  ])('%s is refused', (_, code, detail) => {
    expect(() => outcomeFromWire(code, detail)).toThrow(expect.toSatisfy((error) => isFault(error, 'ENVELOPE_REJECTED')))
  })

  test.each(linkConditions)('not linked: %s', (condition) => {
    const outcome: AgentOutcome = { kind: 'notLinked', condition }
    const { outcome: code, detail } = outcomeToWire(outcome)
    expect(outcomeFromWire(code, detail)).toEqual(outcome)
  })
})
