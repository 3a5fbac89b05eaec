import { format, inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLog } from './log.ts'
import { Secret } from './secret.ts'

const word = 'Unsayable-77'
const secret = () => Secret.fromText(word)

test.each<[string, (secret: Secret) => unknown]>([
  ['String()', String],
  ['a template', (s) => `${s}`],
  ['adding it to text', (s) => `x${s}`],
  ['JSON', (s) => JSON.stringify(s)],
  ['JSON deep inside', (s) => JSON.stringify({ a: [{ s }] })],
  ['inspect', (s) => inspect(s)],
  ['inspect deep inside', (s) => inspect({ a: [{ s }] }, { depth: null, showHidden: true })],
  ['inspect of a map', (s) => inspect(new Map([[s, s]]))],
  ['console %s', (s) => format('%s', s)],
  ['console %o', (s) => format('%o', s)],
  ['console %O', (s) => format('%O', s)],
  ['console %j', (s) => format('%j', s)],
  ['an error', (s) => inspect(new Error(`about ${s}`, { cause: s }))],
])('%s shows [secret]', (_, show) => {
  const shown = String(show(secret()))
  expect(shown).toContain('[secret]')
  expect(shown).not.toContain(word)
})

test.each<[string, (secret: Secret) => unknown]>([
  ['its properties', (s) => Reflect.ownKeys(s)],
  ['a copy', (s) => inspect({ ...s })],
  ['a structured clone', (s) => inspect(structuredClone(s))],
  ['inspect without custom texts', (s) => inspect(s, { customInspect: false, showHidden: true })],
  [
    'the log',
    (s) => {
      const lines: string[] = []
      createLog('agent', (line) => lines.push(line))('resetDone', { outcome: s as unknown as string })
      return lines
    },
  ],
])('%s holds nothing of it', (_, show) => {
  expect(String(show(secret()))).not.toContain(word)
})

describe('use', () => {
  test('lends the bytes exactly as typed and gives back what comes of it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(Secret.fromText(text).use((value) => value.toString('utf8'))).toBe(text)
      }),
    )
  })

  test('what its user throws comes through', () => {
    expect(() =>
      secret().use(() => {
        throw new Error('mine')
      }),
    ).toThrow('mine')
  })
})

describe('wipe', () => {
  test('zeroes the bytes, which were the only ones', () => {
    const bytes = Buffer.from(word)
    const own = new Secret(bytes)
    own.wipe()
    expect(bytes.every((byte) => byte === 0)).toBe(true)
  })

  test('may be done twice, and ends all use', () => {
    const own = secret()
    own.wipe()
    own.wipe()
    expect(() => own.use(() => 'reached')).toThrow(expect.objectContaining({ code: 'SECRET_WIPED', permanent: true }))
    expect(String(own)).toBe('[secret]')
  })
})
