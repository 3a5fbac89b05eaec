import { describe, expect, it } from 'vitest'
import { type Outcome, outcomes } from '../../shared/outcome.ts'
import { codeMessage, outcomeMessage } from './texts.ts'

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

describe('the outcome mail', () => {
  it.each([...detailed, ...plain])('for $kind says what happened, when, and what to do', (outcome) => {
    const { subject, text } = outcomeMessage(outcome, at)
    const words = { changed: 'was reset.', notChanged: 'not changed', unknown: 'may have been changed or not' }
    expect(text).toContain(words[outcomes[outcome.kind].effect])
    expect(text).toContain('22 November 2026 at 17:05 UTC')
    expect(text).toContain('If it was not you')
    expect(subject.length).toBeGreaterThan(0)
  })

  it('says of the cloud what is still to come', () => {
    expect(outcomeMessage({ kind: 'doneCloudPending' }, at).text).toContain('Cloud services follow')
    expect(outcomeMessage({ kind: 'done' }, at).text).not.toContain('Cloud services')
  })
})

it('no mail holds a link, an address or anything beyond plain text', () => {
  const all = [codeMessage('01234567', 5, at), ...[...detailed, ...plain].map((outcome) => outcomeMessage(outcome, at))]
  for (const { subject, text } of all) {
    expect(`${subject}\n${text}`).not.toMatch(/https?:|www\.|[@<>/]/)
    expect(subject).not.toMatch(/[\r\n]/)
  }
})
