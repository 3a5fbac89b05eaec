/**
 * Exactly what was typed becomes the password: every character the wire and the directory can hold, nothing trimmed and
 * nothing normalised; and what cannot be a password is refused with its reason before anything is sealed or sent.
 */
import { describe, expect, it } from 'vitest'
import { call } from '../../local/reset-client.ts'
import { messagesSent, passGate, personNamed, signIn, useSystem } from './support.ts'

const usable: readonly { what: string; password: string; not?: string }[] = [
  { what: 'emoji', password: 'Tr0ub4dor-🔐👩‍👩‍👧' },
  { what: 'double quotes, as unicodePwd itself has around it', password: '"Quoted-1234"' },
  { what: 'single quotes', password: "'Quoted'-1234''" },
  { what: 'backslashes', password: '\\Back\\slash\\1234\\' },
  { what: 'signs of JSON, LDAP and shells', password: '{"a":1}(|*)\\2a$(id)`#;&<>' },
  { what: 'umlauts', password: 'Grüße-Öl-1234', not: 'Grüße-Öl-1234'.normalize('NFD') },
  { what: 'an umlaut in two parts, kept in two', password: 'Gru\u0308n-Wald-1234', not: 'Gr\u00fcn-Wald-1234' },
  { what: 'Chinese', password: '李小龙-密码-Abc-1234' },
  { what: 'a leading blank', password: ' Blank-before-1', not: 'Blank-before-1' },
  { what: 'a trailing blank', password: 'Blank-after-1 ', not: 'Blank-after-1' },
  { what: 'tab and line break', password: 'Tab\there-\r\n-1234' },
  { what: 'letter case', password: 'mIxEd-CaSe-1234', not: 'MiXeD-cAsE-1234' },
  { what: '127 UTF-16 units', password: `Aa1-y${'x'.repeat(122)}`, not: `Aa1-y${'x'.repeat(121)}` },
  { what: '174 bytes of UTF-8', password: `Aa1-zq${'ü'.repeat(84)}`, not: `Aa1-zq${'ü'.repeat(83)}` },
  { what: '42 emoji and six letters in 174 bytes', password: `Aa1xyz${'😀'.repeat(42)}`, not: `Aa1xyz${'😀'.repeat(41)}` },
]

const refused = [
  { what: 'nothing', json: '""', reason: 'empty' },
  { what: 'a NUL inside', json: '"Good-\\u0000-1234"', reason: 'nul' },
  { what: 'only NUL', json: '"\\u0000"', reason: 'nul' },
  { what: 'a lone high surrogate', json: '"Good-\\ud800-1234"', reason: 'loneSurrogate' },
  { what: 'a lone low surrogate at the end', json: '"Good-1234-\\udc00"', reason: 'loneSurrogate' },
  { what: 'surrogates the wrong way round', json: '"Good-\\ude00\\ud83d-1"', reason: 'loneSurrogate' },
  { what: '128 units', json: JSON.stringify(`Aa1${'x'.repeat(125)}`), reason: 'tooManyUnits' },
  { what: '64 emoji, which are 128 units', json: JSON.stringify('😀'.repeat(64)), reason: 'tooManyUnits' },
  { what: '175 bytes', json: JSON.stringify(`Aa1${'ü'.repeat(86)}`), reason: 'tooManyBytes' },
] as const

const running = useSystem({ extraUsers: usable.length + 1 })
const nth = (index: number) => personNamed(running(), `user${String(index + 1).padStart(4, '0')}`)

describe('a password with', () => {
  it.concurrent.each(usable.map((row, index) => ({ ...row, index })))('$what is set as it was typed', async ({ password, not, index }) => {
    const system = running()
    const person = nth(index)

    const answer = await (await passGate(system, person)).password(password)

    expect(answer).toMatchObject({ status: 200, body: { code: 'done' } })
    expect(await signIn(system, person.dn, password)).toBe('accepted')
    expect(await signIn(system, person.dn, not ?? password.trim().slice(1))).toBe('refused')
  })
})

it('what cannot be a password is refused with its reason, nothing is sent, and the gate stays passed', async () => {
  const system = running()
  const person = nth(usable.length)
  const flow = await passGate(system, person)
  const before = await messagesSent(system)

  for (const { what, json, reason } of refused) {
    const body = `{"newPassword":${json}}`
    const answer = await call(system.url, `reset/${flow.id}/password`, { body, headers: { cookie: flow.cookie } })
    expect(answer.status, what).toBe(422)
    expect(answer.body, what).toEqual({
      type: 'urn:password-writeback:problem:passwordUnusable',
      title: 'This cannot be used as a password.',
      status: 422,
      code: 'passwordUnusable',
      reason,
    })
  }

  expect(await messagesSent(system)).toEqual(before)
  expect((await flow.read()).body).toMatchObject({ state: 'verified' })
  expect(await signIn(system, person.dn, person.password)).toBe('accepted')
  expect(await flow.password('Good-after-all-1')).toMatchObject({ status: 200, body: { code: 'done' } })
  expect(await messagesSent(system)).toEqual({ requests: before.requests + 1, replies: before.replies + 1 })
})

it('what is guessable is refused in the cloud, nothing is sent, and the rules of the person are to be had before', async () => {
  const system = running()
  const person = nth(usable.length)
  const flow = await passGate(system, person)

  const rules = await call(system.url, `reset/${flow.id}/rules`, { headers: { cookie: flow.cookie } })
  expect(rules).toMatchObject({ status: 200, body: { of: 'person', maxLength: 127 } })
  expect(rules.body.minLength).toBeGreaterThan(0)

  const before = await messagesSent(system)
  for (const password of ['Passw0rd!2026', `${person.sam}-U5er-x9`]) {
    const { status, body } = await flow.password(password)
    expect([status, body.code, body.state]).toEqual([422, 'policy.banned', 'verified'])
  }
  expect(await messagesSent(system)).toEqual(before)
  expect(await flow.password('Wbx-7201-quartz')).toMatchObject({ status: 200, body: { code: 'done' } })
})
