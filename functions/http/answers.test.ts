import { describe, expect, it } from 'vitest'
import { type Outcome, type OutcomeKind, outcomes } from '../../shared/outcome.ts'
import { answerOf, answers } from './answers.ts'

/** The design's table (outcomes.md): outcome, HTTP status, whether the password was changed. */
const table: [OutcomeKind, number, 'changed' | 'notChanged' | 'unknown'][] = [
  ['done', 200, 'changed'],
  ['doneCloudPending', 200, 'changed'],
  ['unlocked', 200, 'notChanged'],
  ['policy.length', 422, 'notChanged'],
  ['policy.complexity', 422, 'notChanged'],
  ['policy.containsName', 422, 'notChanged'],
  ['policy.history', 422, 'notChanged'],
  ['policy.minAge', 422, 'notChanged'],
  ['policy.filter', 422, 'notChanged'],
  ['policy.banned', 422, 'notChanged'],
  ['wrongPassword', 422, 'notChanged'],
  ['userNotFound', 409, 'notChanged'],
  ['ambiguousUser', 409, 'notChanged'],
  ['notLinked', 409, 'notChanged'],
  ['notEligible', 403, 'notChanged'],
  ['protectedAccount', 403, 'notChanged'],
  ['permissionDenied', 502, 'notChanged'],
  ['accountDisabled', 403, 'notChanged'],
  ['accountExpired', 403, 'notChanged'],
  ['cannotChange', 403, 'notChanged'],
  ['smartCardRequired', 403, 'notChanged'],
  ['accountLocked', 423, 'notChanged'],
  ['directoryUnavailable', 503, 'notChanged'],
  ['busy', 503, 'notChanged'],
  ['serviceDown', 503, 'notChanged'],
  ['clockUnsure', 503, 'notChanged'],
  ['expired', 504, 'notChanged'],
  ['superseded', 409, 'notChanged'],
  ['unknown', 504, 'unknown'],
  ['rejected', 500, 'notChanged'],
  ['disabled', 403, 'notChanged'],
  ['cloudOnly', 409, 'notChanged'],
]

const detailed: Partial<Record<OutcomeKind, Outcome>> = {
  'policy.length': { kind: 'policy.length', minLength: 12 },
  'policy.history': { kind: 'policy.history', historyLength: 24 },
  'policy.minAge': { kind: 'policy.minAge', retryAt: Date.UTC(2026, 0, 2, 3, 4, 5) },
  notLinked: { kind: 'notLinked', condition: 'rule' },
}
const outcomeOf = (kind: OutcomeKind) => detailed[kind] ?? ({ kind } as Outcome)

describe('an outcome', () => {
  it('stands in the design’s table, every one of them', () => {
    expect(table.map(([kind]) => kind).sort()).toEqual(Object.keys(outcomes).sort())
  })

  it.each(table)('%s is answered %i (%s)', (kind, status, effect) => {
    const answer = answerOf(outcomeOf(kind), { state: 'settled' })
    expect(answer).toMatchObject({ status, body: { code: kind, effect, retryable: outcomes[kind].retryable, state: 'settled' } })
    expect([answer.body['status'], answer.body['type']]).toEqual(
      status === 200 ? [undefined, undefined] : [status, `urn:password-writeback:outcome:${kind}`],
    )
  })

  it.each(table)('%s is said in words a person knows', (kind) => {
    const { title } = answers[kind]
    expect(title).toMatch(/^[A-Z][^<>{}]{10,140}\.$/)
    expect(title).not.toMatch(
      /\b(LDAP|AD|DN|DC|PDC|Azure|Entra|agent|queue|broker|Service Bus|vault|envelope|gate|flow|forest|timeout|HTTP|error|null)\b/i,
    )
  })

  it('promises no more than it knows', () => {
    for (const [kind, , effect] of table) {
      const { title } = answers[kind]
      if (effect === 'changed') expect(title).toContain('has been changed')
      if (effect === 'unknown') expect(title).not.toMatch(/has been changed|nothing|not changed/i)
      // Whoever is not told otherwise believes that the password works: these may have come after a "send".
      if (['directoryUnavailable', 'busy', 'expired', 'clockUnsure', 'rejected'].includes(kind))
        expect(title).toContain('Nothing was changed')
    }
    expect(answers.serviceDown.title).toContain('Nothing was sent')
  })

  it('brings its number along, by its own name', () => {
    expect(answerOf(outcomeOf('policy.length')).body).toMatchObject({ minLength: 12 })
    expect(answerOf(outcomeOf('policy.history')).body).toMatchObject({ historyLength: 24 })
    expect(answerOf(outcomeOf('policy.minAge')).body).toMatchObject({ retryAt: '2026-01-02T03:04:05.000Z' })
    expect(answerOf(outcomeOf('notLinked')).body).toMatchObject({ condition: 'rule' })
  })

  it('cannot be made to fail by a number out of any calendar', () => {
    expect(answerOf({ kind: 'policy.minAge', retryAt: Number.MAX_SAFE_INTEGER }).status).toBe(422)
  })
})
