import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeOf, startTestCloud, type TestCloud } from '../keys/test-cloud.ts'
import { startTestRollover } from '../keys/test-rollover.ts'
import type { Rows } from '../store/rows.ts'
import { type Authenticators, confirmWithinMs, maxWrong, openAuthenticators } from './authenticators.ts'
import { codeAt } from './test-codes.ts'

let cloud: TestCloud
let rows: Rows
let authenticators: Authenticators
let people = 0
beforeAll(async () => {
  cloud = await startTestCloud()
  rows = cloud.keyring().rows
  authenticators = openAuthenticators({ rows, clock: cloud.clock })
})
afterAll(() => cloud.close())

const somebody = () => `aaaaaaaa-0000-4000-8000-${String(++people).padStart(12, '0')}`
const now = (secret: Uint8Array, steps = 0) => codeAt(secret, cloud.clock.now() + steps * 30_000)
const wrong = (secret: Uint8Array) => {
  const near = [-2, -1, 0, 1, 2].map((steps) => now(secret, steps))
  return ['000000', '111111', '222222', '333333', '444444', '555555'].find((code) => !near.includes(code)) ?? ''
}
async function registered() {
  const id = somebody()
  const secret = await authenticators.begin(id)
  expect(await authenticators.confirm(id, now(secret))).toBe('confirmed')
  cloud.pass(60_000)
  return { id, secret }
}

describe('an authenticator', () => {
  it('does not count until it is confirmed', async () => {
    const id = somebody()
    const secret = await authenticators.begin(id)
    expect([await authenticators.take(id, now(secret)), await authenticators.registeredAt(id)]).toEqual([false, undefined])
    expect(await authenticators.confirm(id, wrong(secret))).toBe('wrong')
    expect(await authenticators.confirm(id, now(secret))).toBe('confirmed')
    expect(await authenticators.registeredAt(id)).toBe(cloud.clock.now())
    expect(await authenticators.take(id, now(secret, 1))).toBe(true)
  })

  it('takes no code twice: not the one that confirmed it, not at once, not an earlier one', async () => {
    const id = somebody()
    const secret = await authenticators.begin(id)
    await authenticators.confirm(id, now(secret))
    expect(await authenticators.take(id, now(secret))).toBe(false)
    cloud.pass(60_000)
    const code = now(secret)
    const taken = await Promise.all([1, 2, 3, 4].map(() => authenticators.take(id, code)))
    expect(taken.filter(Boolean)).toHaveLength(1)
    expect(await authenticators.take(id, now(secret, -1))).toBe(false)
    expect(await authenticators.take(id, now(secret, 1))).toBe(true)
  })

  it('takes no code of another person', async () => {
    const [one, other] = [await registered(), await registered()]
    expect(await authenticators.take(one.id, now(other.secret))).toBe(false)
    expect(await authenticators.take(somebody(), now(one.secret))).toBe(false)
  })

  it('goes on counting while another is pending, which replaces it once confirmed', async () => {
    const { id, secret } = await registered()
    const next = await authenticators.begin(id)
    expect(await authenticators.take(id, now(secret))).toBe(true)
    expect(await authenticators.confirm(id, now(next))).toBe('confirmed')
    cloud.pass(60_000)
    expect(await authenticators.take(id, now(secret))).toBe(false)
    expect(await authenticators.take(id, now(next))).toBe(true)
  })

  it('is not confirmed late, nor after five wrong codes, nor twice', async () => {
    const late = somebody()
    const secret = await authenticators.begin(late)
    cloud.pass(confirmWithinMs)
    expect(await authenticators.confirm(late, now(secret))).toBe('none')
    const guessed = somebody()
    const other = await authenticators.begin(guessed)
    for (let n = 0; n < 5; n++) expect(await authenticators.confirm(guessed, wrong(other))).toBe('wrong')
    expect(await authenticators.confirm(guessed, now(other))).toBe('none')
    const { id, secret: third } = await registered()
    expect(await authenticators.confirm(id, now(third))).toBe('none')
  })

  it('is gone when it is removed, and so is one that is pending', async () => {
    const { id, secret } = await registered()
    const next = await authenticators.begin(id)
    expect([await authenticators.remove(id), await authenticators.remove(id)]).toEqual([true, false])
    expect([await authenticators.take(id, now(secret)), await authenticators.confirm(id, now(next))]).toEqual([false, 'none'])
  })
})

describe('guessing', () => {
  it('ends after ten wrong codes in a day, from however many flows and at once; the day after, codes are right again', async () => {
    const { id, secret } = await registered()
    const guesses = await Promise.all(Array.from({ length: 30 }, () => authenticators.take(id, wrong(secret)).catch(() => 'not told')))
    expect(guesses.filter((each) => each === true)).toEqual([])
    for (let n = 0; n < maxWrong; n++) await authenticators.take(id, wrong(secret))
    expect(await authenticators.take(id, now(secret))).toBe(false)
    cloud.pass(24 * 3_600_000)
    expect(await authenticators.take(id, now(secret))).toBe(true)
  })

  it('is forgotten with a right code', async () => {
    const { id, secret } = await registered()
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < maxWrong - 1; n++) expect(await authenticators.take(id, wrong(secret))).toBe(false)
      expect(await authenticators.take(id, now(secret))).toBe(true)
      cloud.pass(60_000)
    }
  })
})

describe('the secret', () => {
  it('stands nowhere in clear, and opens only where it was put', async () => {
    const { id, secret } = await registered()
    const other = await registered()
    const row = await cloud.tables.get('methods', id, 'totp')
    if (!row) throw new Error('no row')
    for (const form of ['base64', 'base64url', 'hex'] as const)
      expect(JSON.stringify(row)).not.toContain(secret.toString(form).slice(0, 20))
    expect(row.d).not.toMatch(/secret|lastStep/)
    const theirs = await cloud.tables.get('methods', other.id, 'totp')
    if (!theirs) throw new Error('no row')
    await cloud.tables.upsert('methods', { ...row, partitionKey: other.id, rowKey: 'totp' })
    expect(await codeOf(authenticators.take(other.id, now(secret)))).toBe('ROW_REJECTED')
  })

  it('survives the state key that it was written under: a rollover encrypts it anew', async () => {
    const { id, secret } = await registered()
    const t = await startTestRollover(cloud)
    const before = await cloud.tables.get('methods', id, 'totp')
    t.beat('one')
    const instance = t.instance()
    await instance.begin({ why: 'byHand', reason: 'test', by: 'ada' })
    await t.whole(instance)
    const after = await cloud.tables.get('methods', id, 'totp')
    expect([after?.v === before?.v, after?.d === before?.d]).toEqual([false, false])
    expect(cloud.enabled().some(({ name, version }) => name === 'state-key' && version === before?.v)).toBe(false)
    expect(await openAuthenticators({ rows: cloud.keyring().rows, clock: cloud.clock }).take(id, now(secret))).toBe(true)
  })
})
