import { expect, test } from 'vitest'
import { nextOccurrence, parseSchedule } from './ncrontab.ts'

const next = (expression: string, after: string) => {
  const at = nextOccurrence(parseSchedule(expression), Date.parse(after))
  return at === undefined ? undefined : new Date(at).toISOString().replace('.000Z', 'Z')
}

test.each([
  ['0 */5 * * * *', '2026-11-22T16:50:00Z', '2026-11-22T16:55:00Z'],
  ['*/15 * * * * *', '2026-11-22T16:50:00.500Z', '2026-11-22T16:50:15Z'],
  ['0 0 * * * *', '2026-12-31T23:59:59Z', '2027-01-01T00:00:00Z'],
  ['0 30 9 * * 1-5', '2026-11-20T09:30:00Z', '2026-11-23T09:30:00Z'],
  ['0 0 0 1 jan,jul *', '2026-11-22T00:00:00Z', '2027-01-01T00:00:00Z'],
  ['0 5/20 8 * * *', '2026-11-22T08:26:00Z', '2026-11-22T08:45:00Z'],
  ['0 0 0 29 2 *', '2026-11-22T00:00:00Z', '2028-02-29T00:00:00Z'],
  ['0 0 12 13 * FRI', '2026-11-14T00:00:00Z', '2027-08-13T12:00:00Z'],
  ['0 0 0 30 2 *', '2026-11-22T00:00:00Z', undefined],
])('%s after %s is %s', (expression, after, expected) => {
  expect(next(expression, after)).toBe(expected)
})

test.each([['*/5 * * * *'], ['60 * * * * *'], ['0 0 24 * * *'], ['a * * * * *'], ['0 0 0 0 * *'], ['5-1 * * * * *'], ['*/0 * * * * *']])(
  '%s is refused',
  (expression) => {
    expect(() => parseSchedule(expression)).toThrow()
  },
)
