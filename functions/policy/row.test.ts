import { HttpRequest } from '@azure/functions'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { atEdge, type Handler } from '../http/edge.ts'
import { problem } from '../http/problem.ts'
import { codeOf, startTestCloud, type TestCloud } from '../keys/test-cloud.ts'
import { callOf, storeDown } from '../reset/test-reset.ts'
import { routes } from '../routes.ts'
import type { Rows } from '../store/rows.ts'
import { changePolicy, readPolicy } from './manage.ts'
import { defaultPolicy, maxPolicyBytes, openPolicies, type Policy } from './row.ts'

let cloud: TestCloud
let rows: Rows
beforeAll(async () => {
  cloud = await startTestCloud()
  rows = cloud.keyring().rows
})
afterAll(() => cloud.close())
beforeEach(() => rows.remove('state', 'policy', 'tenant'))

const opened = (over: Partial<Rows> = {}) => openPolicies({ rows: { ...rows, ...over }, clock: cloud.clock })
const two: Policy = { ...defaultPolicy, gates: 2, bannedWords: ['contoso'] }

describe('the policy', () => {
  it('is the default until somebody changes it, and then what they said', async () => {
    const policies = opened()
    expect(await policies.row()).toEqual({ ...defaultPolicy, revision: 0, since: 0 })
    await policies.change(two, 0)
    expect(await policies.current()).toMatchObject(two)
    expect(await opened().row()).toEqual({ ...two, revision: 1, since: cloud.clock.now() })
  })

  it('reaches another instance within ten seconds', async () => {
    const [one, other] = [opened(), opened()]
    await other.current()
    await one.change(two, 0)
    expect((await other.current()).gates).toBe(1)
    cloud.pass(10_000)
    expect((await other.current()).gates).toBe(2)
  })

  it('is not changed by who has seen another, nor by two at once', async () => {
    const policies = opened()
    const ends = await Promise.allSettled([policies.change(two, 0), opened().change({ ...two, gates: 1 }, 0)])
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await codeOf(policies.change(two, 0))).toBe('STORE_CONFLICT')
    expect((await policies.row()).revision).toBe(1)
  })

  it('holds for a minute while the store is away; after that nobody guesses', async () => {
    let down = false
    const policies = opened({
      read: (...place) => (down ? Promise.reject(storeDown()) : rows.read(...place)),
    })
    await policies.change(two, 0)
    down = true
    cloud.pass(59_000)
    expect((await policies.current()).gates).toBe(2)
    cloud.pass(2_000)
    expect(await codeOf(policies.current())).toBe('STORE_UNAVAILABLE')
  })

  it('has the defaults in what an older version did not write, and is refused where another wrote nonsense', async () => {
    const { auditDays: _, ...older } = two
    await rows.put('state', 'policy', 'tenant', { ...older, revision: 3, since: 0 })
    expect((await opened().row()).auditDays).toBe(180)
    await rows.put('state', 'policy', 'tenant', { ...two, gates: 0, revision: 3, since: 0 })
    expect(await codeOf(opened().current())).toBe('ROW_REJECTED')
  })
})

describe('manage/policy', () => {
  const body = routes.find(({ name }) => name === 'changePolicy')?.body
  const whole = { ...two, revision: 0, reason: 'because' }

  it('takes a whole policy only', () => {
    expect(body?.safeParse(whole).success).toBe(true)
    for (const name of Object.keys(whole)) expect([name, body?.safeParse({ ...whole, [name]: undefined }).success]).toEqual([name, false])
  })

  it.each([
    { gates: 3 },
    { offered: [] },
    { offered: ['totp'] },
    { offered: ['mailCode', 'mailCode'] },
    { offered: ['mailCode', 'horoscope'] },
    { eligibleGroup: "x' or 1 eq 1" },
    { bannedWords: ['abc'] },
    { bannedWords: ['with\u0000nul'] },
    { bannedWords: Array.from({ length: 1_001 }, (_, n) => `word-${n}`) },
    { auditDays: 0 },
    { more: true },
  ])('refuses %j', (over) => {
    expect(body?.safeParse({ ...whole, ...over }).success).toBe(false)
  })

  it('shows and changes it; two gates need two that are offered', async () => {
    const policies = opened()
    const call = { params: {}, query: new URLSearchParams(), deadline: new AbortController().signal, flowSecret: () => undefined }
    const by = { ...call, traceparent: undefined, administrator: { id: 'a', role: 'Writeback.Admin' } as const }
    const deps = { policies, canCheckBreaches: false }
    const few = { ...whole, offered: ['mailCode' as const] }
    expect(await changePolicy(deps)({ ...by, body: few })).toMatchObject({ status: 400, body: { fields: ['offered'] } })
    expect(await changePolicy(deps)({ ...by, body: whole })).toMatchObject({ status: 200, body: { gates: 2, revision: 1 } })
    expect((await readPolicy({ policies })({ ...by, body: undefined })).body).toEqual({ ...two, revision: 1, since: cloud.clock.now() })
  })

  it('turns the look for breached passwords on only where somebody can be asked', async () => {
    const policies = opened()
    const by = { ...callOf({ ...whole, breachCheck: true }, {}, ''), administrator: { id: 'a', role: 'Writeback.Admin' } as const }
    expect(await changePolicy({ policies, canCheckBreaches: false })(by)).toEqual(problem('noBreachService'))
    expect((await policies.row()).revision).toBe(0)
    expect(await changePolicy({ policies, canCheckBreaches: true })(by)).toMatchObject({ status: 200, body: { breachCheck: true } })
  })

  const largest = {
    'a thousand words of sixteen letters': Array.from({ length: 1_000 }, (_, n) => `слово${String(n).padStart(11, '0')}`),
    'as many characters as fit': Array.from({ length: 882 }, (_, n) => `${'\u{1f600}'.repeat(15)}${String.fromCharCode(0x4e00 + n)}`),
  }
  it.each(Object.entries(largest))(
    'as large as it may be (%s) passes the edge, however JSON spells it, and fits its row',
    async (_, words) => {
      const policies = opened()
      const text = JSON.stringify({ ...whole, bannedWords: words, reason: 'ж'.repeat(500) })
      const spelled = text.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      const handler = changePolicy({ policies, canCheckBreaches: false })
      const administrator = { id: 'a', role: 'Writeback.Admin' } as const
      const edge = { origins: [], answerMs: 30_000, clock: cloud.clock, log: () => {}, maxBodyBytes: maxPolicyBytes }
      const at = atEdge('changePolicy', body, handler as Handler, { ...edge, admit: async () => ({ kind: 'admitted', administrator }) })
      const init = { method: 'PUT', url: 'https://reset.example.test/', headers: { 'content-type': 'application/json' } }
      const { status } = await at(new HttpRequest({ ...init, body: { bytes: Buffer.from(spelled) } }))
      expect(status).toBe(200)
      expect((await opened().row()).bannedWords).toEqual(words)
    },
  )

  it('no larger: a row holds 32,768 characters', () => {
    for (const [over, fits] of [
      [0, true],
      [1, false],
    ] as const) {
      const bannedWords = Array.from({ length: 908 }, () => '"'.repeat(15)).concat('x'.repeat(16), 'x'.repeat(13 + over))
      expect([JSON.stringify(bannedWords).length, body?.safeParse({ ...whole, bannedWords }).success]).toEqual([30_000 + over, fits])
    }
  })
})
