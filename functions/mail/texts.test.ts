import { describe, expect, it } from 'vitest'
import { type Outcome, outcomes } from '../../shared/outcome.ts'
import { type Asked, codeMessage, outcomeMessage } from './texts.ts'

const at = Date.UTC(2026, 10, 22, 17, 5)
const detailed: Outcome[] = [
  { kind: 'policy.length', minLength: 14 },
  { kind: 'policy.history', historyLength: 24 },
  { kind: 'policy.minAge', retryAt: at },
  { kind: 'notLinked', condition: 'rule' },
]
const plain = Object.keys(outcomes)
  .filter((kind) => !detailed.some((each) => each.kind === kind))
  .map((kind) => ({ kind }) as Outcome)

describe('the code mail', () => {
  it('holds the code once, how long it works and when it was asked for', () => {
    const { subject, text } = codeMessage('01234567', 5, at)
    expect(text.split('01234567')).toHaveLength(2)
    expect(subject).not.toContain('01234567')
    expect(text).toContain('5 minutes')
    expect(text).toContain('22 November 2026 at 17:05 UTC')
    expect(codeMessage('01234567', 1, at).text).toContain('one minute')
  })
})

const subjects = {
  reset: ['Your password was reset', 'Your password was not reset', 'We do not know yet whether your password was reset'],
  change: ['Your password was changed', 'Your password was not changed', 'We do not know yet whether your password was changed'],
  unlock: ['Your account was unlocked', 'Your account was not unlocked', 'We do not know yet whether your account was unlocked'],
} as const
const asked = Object.keys(subjects) as Asked[]

describe('the outcome mail', () => {
  it.each(asked.flatMap((what) => [...detailed, ...plain].map((outcome) => [what, outcome] as const)))(
    'of a %s, for %j, says what was asked, what became of it, when, and what to do',
    (what, outcome) => {
      const { subject, text } = outcomeMessage(outcome, what, at)
      const effect = outcome.kind === 'unlocked' ? 'changed' : outcomes[outcome.kind].effect
      expect(subject).toBe(subjects[what][{ changed: 0, notChanged: 1, unknown: 2 }[effect]])
      for (const other of asked.filter((each) => each !== what)) expect(text).not.toMatch(new RegExp(`${other}(ed)? your|was ${other}`))
      expect(text).toContain('22 November 2026 at 17:05 UTC')
      expect(text).toContain('If it was not you')
    },
  )

  it('of a password that was not changed says so, whatever was asked', () => {
    for (const what of asked) {
      expect(outcomeMessage({ kind: 'expired' }, what, at).text).toContain('was not changed by that')
      expect(outcomeMessage({ kind: 'unlocked' }, 'unlock', at).text).toContain('Your password was not changed by that')
    }
  })

  it('says of the cloud what is still to come', () => {
    expect(outcomeMessage({ kind: 'doneCloudPending' }, 'reset', at).text).toContain('Cloud services follow')
    expect(outcomeMessage({ kind: 'done' }, 'reset', at).text).not.toContain('Cloud services')
  })
})

it('no mail holds a link, an address or anything beyond plain text', () => {
  const all = [
    codeMessage('01234567', 5, at),
    ...asked.flatMap((what) => [...detailed, ...plain].map((outcome) => outcomeMessage(outcome, what, at))),
  ]
  for (const { subject, text } of all) {
    expect(`${subject}\n${text}`).not.toMatch(/https?:|www\.|[@<>/]/)
    expect(subject).not.toMatch(/[\r\n]/)
  }
})
