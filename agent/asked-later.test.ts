import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { flags } from '../shared/payload.ts'
import { sealField } from '../shared/seal.ts'
import { maxSkewMs } from './age.ts'
import { type Bench, fine, startBench, times, type Wish } from './agent.fixture.ts'

let bench: Bench
beforeEach(async () => {
  bench = await startBench()
})
afterEach(() => bench.close())

const sam = 'alice.adams'
const deadMs = times.ttlMs + times.lockMs + maxSkewMs

/** The question about `earlier`, asked when it is that old, with the blob that it had. */
function question(earlier: Wish, aboutAgeMs: number, password = fine) {
  const anchor = bench.server.control.user(sam).immutableId
  const newPassword = sealField(Buffer.from(password), 'new', bench.vault.passwordKey, earlier.id, anchor)
  return bench.wish(sam, fine, { operation: 'settle', about: earlier.id, aboutAgeMs, newPassword, flags: flags.unlock })
}

/** Lets the earlier one die and asks about it. */
async function asked(earlier: Wish) {
  await bench.clock.advance(deadMs + 1)
  return bench.outcome(question(earlier, deadMs + 1))
}

test('nobody ever had it: expired, and nothing is written', async () => {
  expect(await asked(bench.wish(sam, fine))).toEqual({ kind: 'expired' })
  expect(bench.writes(sam)).toBe(0)
  expect(bench.seen.calls).not.toContain('provePassword')
})

test('it was set by an agent that never said so: done, once', async () => {
  const earlier = bench.wish(sam, fine)
  await bench.setPassword(sam, fine)
  expect(await asked(earlier)).toEqual({ kind: 'done' })
  expect(bench.writes(sam)).toBe(1)
})

test('somebody else set another one since: superseded', async () => {
  const earlier = bench.wish(sam, fine)
  await bench.setPassword(sam, 'Somebody-Elses-8')
  expect(await asked(earlier)).toEqual({ kind: 'superseded' })
  expect(bench.has(sam, 'Somebody-Elses-8')).toBe(true)
})

describe('while its message may still live', () => {
  const early = (earlier: Wish) => bench.outcome(question(earlier, deadMs))

  test('the password works: done, whoever set it', async () => {
    const earlier = bench.wish(sam, fine)
    await bench.setPassword(sam, fine)
    expect(await early(earlier)).toEqual({ kind: 'done' })
    expect(bench.writes(sam)).toBe(1)
  })

  test('nothing was changed, to the millisecond: unknown, and no attempt at a password is spent', async () => {
    const earlier = bench.wish(sam, fine)
    await bench.clock.advance(deadMs)
    expect(await early(earlier)).toEqual({ kind: 'unknown' })
    expect(bench.seen.calls).not.toContain('provePassword')
    expect(await bench.outcome(question(earlier, deadMs + 1))).toEqual({ kind: 'expired' })
  })

  test('somebody else set another one: unknown, for it may still be written over', async () => {
    const earlier = bench.wish(sam, fine)
    await bench.setPassword(sam, 'Somebody-Elses-8')
    expect(await early(earlier)).toEqual({ kind: 'unknown' })
  })
})

test('a question that came late itself does not take a change for older than the request', async () => {
  const earlier = bench.wish(sam, fine)
  await bench.setPassword(sam, fine)
  await bench.clock.advance(deadMs + 1)
  const late = question(earlier, deadMs + 1)
  await bench.clock.advance(maxSkewMs)
  expect(await bench.outcome({ ...late, enqueuedAt: late.enqueuedAt + maxSkewMs })).toEqual({ kind: 'done' })
})

test('a blob of another request does not fit: unknown', async () => {
  const earlier = bench.wish(sam, fine)
  await bench.setPassword(sam, fine)
  await bench.clock.advance(deadMs + 1)
  // `wish` binds its blob to its own id.
  const mixed = bench.wish(sam, fine, { operation: 'settle', about: earlier.id, aboutAgeMs: deadMs + 1 })
  expect(await bench.outcome(mixed)).toEqual({ kind: 'unknown' })
})

test('a bind proves nothing of an account that is locked out: unknown, and no row stays open for the question', async () => {
  const earlier = bench.wish(sam, fine)
  await bench.setPassword(sam, fine)
  bench.lock(sam)
  expect(await asked(earlier)).toEqual({ kind: 'unknown' })
  expect(bench.deps.journal.unfinished()).toEqual([])
})
