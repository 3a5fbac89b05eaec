import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { virtualClock } from '../test/virtual-clock.ts'
import { createLog, type EventName, events, type Fields } from './log.ts'

const clock = virtualClock(Date.UTC(2026, 0, 2, 3, 4, 5, 6))

/** What a mistake would do: any field, any value. */
function logged(fields: unknown, event: EventName = 'resetDone'): Record<string, unknown> {
  const lines: string[] = []
  createLog('agent', (line) => lines.push(line), clock)(event, fields as Fields)
  expect(lines).toHaveLength(1)
  expect(lines[0]).not.toContain('\n')
  return JSON.parse(lines[0] ?? '')
}

const head = { time: '2026-01-02T03:04:05.006Z', source: 'agent', event: 'resetDone', id: 31002, level: 'info' }

test('one line of JSON with a time, a name and an id', () => {
  expect(logged({ request: 'AAAAAAAAAAAAAAAAAAAAAA', outcome: 'policy.history', ldapCode: 19, ldapHex: '0000052D' })).toEqual({
    ...head,
    request: 'AAAAAAAAAAAAAAAAAAAAAA',
    outcome: 'policy.history',
    ldapCode: 19,
    ldapHex: '0000052D',
  })
  expect(logged(undefined)).toEqual(head)
  expect(logged({ outcome: undefined })).toEqual(head)
})

test.each<[string, unknown]>([
  ['free text', { outcome: 'The password Summer!2024 was refused' }],
  ['a DN', { domain: 'CN=Alice Adams,OU=Staff,DC=corp,DC=example,DC=test' }],
  ['a mail address', { request: 'alice@example.test' }],
  ['a token', { request: `eyJ0eXAi.${'x'.repeat(20)}.sig` }],
  ['an id of 65 characters', { request: 'x'.repeat(65) }],
  ['a word of 65 characters', { fault: 'x'.repeat(65) }],
  ['a second line', { fault: 'WORD\nWORD' }],
  ['hex digits in lower case', { ldapHex: '0000052d' }],
  ['a number as text', { ldapCode: '19' }],
  ['text as a number', { outcome: 19 }],
  ['no number', { ldapCode: Number.NaN }],
  ['an endless number', { ageMs: Number.POSITIVE_INFINITY }],
  ['null', { outcome: null }],
  ['a list', { outcome: ['done'] }],
  ['an object', { outcome: { toJSON: () => 'hunter2' } }],
  ['bytes', { request: Buffer.from('hunter2') }],
  ['a big integer', { count: 1n }],
])('%s is refused', (_, fields) => {
  const [name = ''] = Object.keys(fields as object)
  expect(logged(fields)).toEqual({ ...head, [name]: '[refused]' })
})

test.each(['password', 'constructor', 'toString', '__proto__', 'hasOwnProperty', 'Summer!2024'])(
  'a field that is not on the list shows neither its value nor its name: %s',
  (name) => {
    expect(logged(Object.fromEntries([[name, 'hunter2']]))).toEqual({ ...head, field: '[refused]' })
  },
)

test.each(['time', 'source', 'event', 'id', 'level'])('no field takes the place of what every line has: %s', (name) => {
  expect(logged({ [name]: 'other' })).toEqual({ ...head, field: '[refused]' })
})

describe('whatever is logged', () => {
  const names = ['request', 'outcome', 'fault', 'ldapHex', 'version', 'ldapCode', 'ageMs']
  const name = fc.oneof(fc.constantFrom(...names), fc.string())
  const shape = /^(?:[A-Za-z0-9_-]{1,64}|[A-Za-z][A-Za-z0-9_.:-]{0,63}|[0-9]+\.[0-9]+\.[0-9]+|\[refused\])$/

  test('never throws, and no string outside the shapes appears, as a value or as a name', () => {
    const fields = fc.dictionary(name, fc.anything({ withBigInt: true, withNullPrototype: true, withMap: true, withTypedArray: true }))
    fc.assert(
      fc.property(fields, (anything) => {
        const { time: _, ...line } = logged(anything)
        for (const [key, value] of Object.entries(line)) {
          expect([...names, 'field', 'source', 'event', 'id', 'level']).toContain(key)
          if (typeof value === 'string') expect(value).toMatch(shape)
          else expect(typeof value).toBe('number')
        }
      }),
    )
  })
})

test('event ids are not used twice', () => {
  const ids = Object.values(events).map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
})
