import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Fault } from '../shared/fault.ts'
import { agentId, type Bench, fine, startBench, times } from './agent.fixture.ts'
import { handle } from './handle.ts'
import type { Journal } from './journal.ts'

let bench: Bench
beforeEach(async () => {
  bench = await startBench()
})
afterEach(() => bench.close())

const sam = 'alice.adams'
const events = () => bench.logged.map(({ event }) => event)
const unavailable = expect.objectContaining({ code: 'KEY_UNAVAILABLE' })

/** An agent that dies at one point of its journal; what it wrote before is on disk. */
const dying = (at: 'begin' | 'finish') => {
  const journal = bench.deps.journal
  const killed = () => {
    throw new Fault('JOURNAL_FAILED', 'killed')
  }
  const mortal: Journal = { ...journal, [at]: killed }
  return { ...bench.deps, journal: mortal }
}
/** The same agent, started again: nothing was closed. */
const reborn = () => bench.depsWith(bench.journalOf())
/** Another agent of the tenant. */
const other = () => bench.depsWith(bench.journalOf('other'))

describe('a first delivery', () => {
  test('sets the password, journals the reply, answers', async () => {
    const wish = bench.wish(sam, fine)
    await bench.clock.advance(700)
    const handling = await bench.deliver(wish)
    expect(bench.reply(wish, handling)).toMatchObject({ outcome: { kind: 'done' }, agentId, spentMs: [700, 0, 0, 0] })
    expect(bench.has(sam, fine)).toBe(true)
    expect(bench.writes(sam)).toBe(1)
    expect(bench.deps.journal.unfinished()).toEqual([])
    expect(bench.deps.tally.read()).toMatchObject({ handled: 1, changed: 1, refused: 0, unknown: 0 })
    expect(bench.logged).toMatchObject([
      { event: 'resetStarted', request: wish.messageId, operation: 'reset', ageMs: 700, deliveries: 0 },
      { event: 'resetDone', request: wish.messageId, outcome: 'done', elapsedMs: 0 },
    ])
  })

  test('a refusal names its rule and the policy, and changes nothing', async () => {
    const wish = bench.wish(sam, 'Short-7')
    const handling = await bench.deliver(wish)
    expect(bench.reply(wish, handling)).toMatchObject({ outcome: { kind: 'policy.length', minLength: 10 }, policy: { minLength: 10 } })
    expect(bench.writes(sam)).toBe(0)
    expect(bench.logged.at(-1)).toMatchObject({ event: 'resetFailed', outcome: 'policy.length', ldapHex: '0000052D' })
    expect(bench.deps.tally.read()).toMatchObject({ handled: 1, refused: 1 })
  })

  test.each([
    ['heidi.admin', 'protectedAccount'],
    ['ivan.nested', 'protectedAccount'],
    ['dave.disabled', 'accountDisabled'],
    ['erin.expired', 'accountExpired'],
    ['karl.card', 'smartCardRequired'],
    ['mallory.other', 'permissionDenied'],
  ])('%s: %s', async (who, kind) => {
    expect(await bench.outcome(bench.wish(who, fine))).toEqual({ kind })
    expect(bench.writes(who)).toBe(0)
  })

  test('nobody has this anchor', async () => {
    const wish = bench.wish(sam, fine)
    bench.server.control.setAttributes(sam, { 'mS-DS-ConsistencyGuid': Buffer.alloc(16, 9).toString('base64') })
    expect(await bench.outcome(wish)).toEqual({ kind: 'notLinked', condition: 'metaverse' })
    const nobodys = Buffer.alloc(16, 3).toString('base64')
    expect(await bench.outcome(bench.wish(sam, fine, {}, nobodys))).toEqual({ kind: 'userNotFound' })
  })

  test('the password of somebody else does not fit', async () => {
    const { body: _, ...bobs } = bench.wish('bob.brown', fine)
    const stolen = bench.wish('bob.brown', fine, { sourceAnchor: bench.server.control.user(sam).immutableId })
    expect(await bench.outcome({ ...bobs, ...stolen })).toEqual({ kind: 'rejected' })
    expect(bench.writes(sam) + bench.writes('bob.brown')).toBe(0)
  })

  test('under a password key that is disabled, it is rejected', async () => {
    bench.vault.state.disabled = true
    expect(await bench.outcome(bench.wish(sam, fine))).toEqual({ kind: 'rejected' })
  })

  test('a directory that is away: not changed', async () => {
    bench.server.control.fault({ kind: 'dropBeforeWrite', operation: 'bind' })
    expect(await bench.outcome(bench.wish(sam, fine))).toEqual({ kind: 'directoryUnavailable' })
    expect(events()).toContain('directoryError')
  })
})

describe('a full lane', () => {
  /** Two are worked on (the fixture's lanes), one waits, and their domain stands still for longer than anybody is kept waiting. */
  async function fill() {
    const held = Promise.withResolvers<void>()
    bench.vault.state.held = held.promise
    const first = ['bob.brown', 'carol.clark', 'odd.comma'].map((who) => bench.outcome(bench.wish(who, fine)))
    await bench.clock.advance(550)
    return async () => {
      held.resolve()
      return (await Promise.all(first)).map(({ kind }) => kind)
    }
  }

  test('one more is told "busy" at once: nothing is opened, looked up or begun, and it is finished', async () => {
    const letGo = await fill()
    const calls = bench.seen.calls.length
    const wish = bench.wish(sam, fine)
    const handling = await bench.deliver(wish)
    expect(bench.reply(wish, handling)).toMatchObject({ outcome: { kind: 'busy' } })
    expect(handling).toMatchObject({ refused: true })
    expect(bench.logged.at(-1)).toMatchObject({ event: 'resetFailed', request: wish.messageId, outcome: 'busy', elapsedMs: 0 })
    expect([bench.vault.decrypted.length, bench.seen.calls.slice(calls)]).toEqual([0, ['domainOf']])
    await letGo()
    // Delivered again, it is still what it was told to be.
    expect(await bench.outcome(wish, { deliveryCount: 1 })).toEqual({ kind: 'busy' })
    expect(bench.writes(sam)).toBe(0)
  })

  test('who waits there longer than promised is told "busy"; the others are done', async () => {
    const letGo = await fill()
    await bench.clock.advance(350)
    expect(bench.logged.at(-1)).toMatchObject({ event: 'resetFailed', outcome: 'busy' })
    expect(await letGo()).toEqual(['done', 'done', 'busy'])
  })

  test('who is not linked yet is looked for, and then told the same of the domain they are in', async () => {
    const letGo = await fill()
    const directory = new Proxy(bench.deps.directory, {
      get: (target, name, receiver) => (name === 'domainOf' ? () => undefined : Reflect.get(target, name, receiver)),
    })
    const notLinked = { ...bench.deps, directory }
    expect(await bench.outcome(bench.wish(sam, fine), {}, notLinked)).toEqual({ kind: 'busy' })
    expect(bench.vault.decrypted).toEqual([])
    await letGo()
    expect(await bench.outcome(bench.wish(sam, fine), {}, notLinked)).toEqual({ kind: 'done' })
    const nobody = bench.wish(sam, fine, {}, Buffer.alloc(16, 3).toString('base64'))
    expect(await bench.outcome(nobody, {}, notLinked)).toEqual({ kind: 'userNotFound' })
  })

  test('what may have been begun before is never told "busy": it waits its turn', async () => {
    const wish = bench.wish(sam, fine)
    await expect(bench.deliver(wish, {}, dying('finish'))).rejects.toThrow('killed')
    const letGo = await fill()
    const again = bench.outcome(wish, { deliveryCount: 1 })
    await bench.clock.advance(900)
    await letGo()
    expect(await again).toEqual({ kind: 'done' })
    expect(bench.writes(sam)).toBe(1)
  })
})

describe('silence', () => {
  test.each<[string, (wish: ReturnType<Bench['wish']>) => object]>([
    ['one bit turned over', ({ body }) => ({ body: Buffer.concat([body.subarray(0, -1), Buffer.of((body.at(-1) ?? 0) ^ 1)]) })],
    ['another id', () => ({ messageId: 'AAAAAAAAAAAAAAAAAAAAAA' })],
    ['no id', () => ({ messageId: undefined })],
    ['no body', () => ({ body: undefined })],
    ['free text', () => ({ body: Buffer.from('{"password":"x"}') })],
    ['no session to answer to', () => ({ replyToSessionId: undefined })],
  ])('%s: nothing is done, journalled or answered', async (_, change) => {
    const wish = bench.wish(sam, fine)
    expect(await bench.deliver(wish, change(wish))).toEqual({ kind: 'silent' })
    expect(events()).toEqual(['envelopeRejected'])
    expect(bench.deps.tally.read()).toMatchObject({ rejected: 1, handled: 0 })
    expect(bench.seen.calls).toEqual([])
    // The authentic one still works: the other left no trace.
    expect(await bench.outcome(wish)).toEqual({ kind: 'done' })
  })

  test('the same request again as another message is a replay', async () => {
    const wish = bench.wish(sam, fine)
    await bench.outcome(wish)
    await bench.setPassword(sam, `${fine}-later`)
    expect(await bench.deliver(wish, { sequenceNumber: '999' })).toEqual({ kind: 'silent' })
    expect(bench.logged.at(-1)).toMatchObject({ event: 'replayRefused', request: wish.messageId, sequence: 999 })
    expect(bench.deps.tally.read()).toMatchObject({ replays: 1, handled: 1 })
    expect(bench.has(sam, `${fine}-later`)).toBe(true)
  })
})

describe('a vault that is away', () => {
  test('before it is opened: thrown, nothing journalled, and later done', async () => {
    const wish = bench.wish(sam, fine)
    bench.vault.state.away = true
    await expect(bench.deliver(wish)).rejects.toEqual(unavailable)
    expect(bench.deps.journal.unfinished()).toEqual([])
    bench.vault.state.away = false
    expect(await bench.outcome(wish, { deliveryCount: 1 })).toEqual({ kind: 'done' })
  })

  test('for the password: thrown, and later done', async () => {
    const wish = bench.wish(sam, fine)
    const held = Promise.withResolvers<void>()
    bench.vault.state.held = held.promise
    const first = expect(bench.deliver(wish)).rejects.toEqual(unavailable)
    await bench.seen.answered('locate')
    bench.vault.state.away = true
    held.resolve()
    await first
    bench.vault.state.away = false
    expect(await bench.outcome(wish, { deliveryCount: 1 })).toEqual({ kind: 'done' })
    expect(bench.writes(sam)).toBe(1)
  })
})

describe('age', () => {
  test('begun up to the limit, refused a millisecond later', async () => {
    const inTime = bench.wish(sam, fine)
    const tooLate = bench.wish('bob.brown', fine)
    await bench.clock.advance(times.startWithinMs)
    expect(await bench.outcome(inTime)).toEqual({ kind: 'done' })
    await bench.clock.advance(1)
    expect(await bench.outcome(tooLate)).toEqual({ kind: 'expired' })
    expect(bench.writes('bob.brown')).toBe(0)
  })

  test('the limit in the request counts where it is the lower one, never where it is higher', async () => {
    const short = bench.wish(sam, fine, { startWithinMs: 5_000 })
    const long = bench.wish('bob.brown', fine, { startWithinMs: 600_000 })
    await bench.clock.advance(5_001)
    expect(await bench.outcome(short)).toEqual({ kind: 'expired' })
    await bench.clock.advance(9_000)
    expect(await bench.outcome(long)).toEqual({ kind: 'expired' })
  })

  test.each([
    [60_000, 'done'],
    [-60_000, 'done'],
    [60_001, 'clockUnsure'],
    [-60_001, 'clockUnsure'],
  ])('the cloud and the broker differ by %i ms: %s', async (skewMs, kind) => {
    const wish = bench.wish(sam, fine)
    expect(await bench.outcome({ ...wish, ...bench.wish(sam, fine, { issuedAt: wish.enqueuedAt - skewMs }) })).toEqual({ kind })
  })

  test('where the clocks differ no password is opened, whatever the vault does', async () => {
    const wish = bench.wish(sam, fine, { issuedAt: 0 })
    bench.vault.state.held = Promise.reject(new Fault('KEY_UNAVAILABLE', 'the vault did not answer'))
    bench.vault.state.held.catch(() => {})
    expect(await bench.outcome(wish)).toEqual({ kind: 'clockUnsure' })
    expect(bench.vault.decrypted).toEqual([])
  })

  test.each([
    ['enqueuedAt', 'clockUnsure'],
    ['lockedUntil', 'expired'],
  ])('without the stamp %s: %s, and the agent lives', async (stamp, kind) => {
    const renew = async () => ({ lockedUntil: Number.NaN, received: { wall: bench.clock.now(), monotonic: bench.clock.monotonic() } })
    expect(await bench.outcome(bench.wish(sam, fine), { [stamp]: Number.NaN, ...(stamp === 'lockedUntil' && { renew }) })).toEqual({ kind })
    expect(bench.writes(sam)).toBe(0)
  })

  test('of what lay in a socket while the agent stood still is the broker\u2019s, not what it looks like here', async () => {
    const wish = bench.wish(sam, fine)
    const looksNew = bench.delivery(wish)
    await bench.clock.advance(times.startWithinMs + 1)
    const received = { wall: bench.clock.now(), monotonic: bench.clock.monotonic() }
    expect(await bench.outcome(wish, { lockedUntil: looksNew.lockedUntil, received })).toEqual({ kind: 'expired' })
    expect(bench.writes(sam)).toBe(0)
  })

  test('nothing is written for a message whose lock is lost: somebody else may have it', async () => {
    const lost = new Error('MessageLockLost')
    await expect(bench.deliver(bench.wish(sam, fine), { renew: () => Promise.reject(lost) })).rejects.toBe(lost)
    expect(bench.writes(sam)).toBe(0)
  })
})

describe('a redelivery', () => {
  test('after the reply was journalled sends it again, byte for byte', async () => {
    const wish = bench.wish(sam, fine)
    const first = await bench.deliver(wish)
    await bench.setPassword(sam, `${fine}-later`)
    await bench.clock.advance(20_000)
    const again = await bench.deliver(wish, { deliveryCount: 1 }, reborn())
    expect(again).toMatchObject({ reply: expect.any(Buffer) })
    expect('reply' in again && again.reply).toEqual('reply' in first && first.reply)
    expect(bench.has(sam, `${fine}-later`)).toBe(true)
  })

  test('after a crash before the write begins it anew', async () => {
    const wish = bench.wish(sam, fine)
    await expect(bench.deliver(wish, {}, dying('begin'))).rejects.toThrow('killed')
    await bench.clock.advance(10_000)
    expect(await bench.outcome(wish, { deliveryCount: 1 }, reborn())).toEqual({ kind: 'done' })
    expect(bench.writes(sam)).toBe(1)
  })

  test('the same too late: this agent alone had it and knows that it was never begun', async () => {
    const wish = bench.wish(sam, fine)
    await expect(bench.deliver(wish, {}, dying('begin'))).rejects.toThrow('killed')
    await bench.clock.advance(15_000)
    expect(await bench.outcome(wish, { deliveryCount: 1 }, reborn())).toEqual({ kind: 'expired' })
  })

  test('after a crash between write and reply finds its own write', async () => {
    const wish = bench.wish(sam, fine)
    await expect(bench.deliver(wish, {}, dying('finish'))).rejects.toThrow('killed')
    await bench.clock.advance(10_000)
    expect(await bench.outcome(wish, { deliveryCount: 1 }, reborn())).toEqual({ kind: 'done' })
    expect(bench.writes(sam)).toBe(1)
  })

  test('the same at another agent', async () => {
    const wish = bench.wish(sam, fine)
    await expect(bench.deliver(wish, {}, dying('finish'))).rejects.toThrow('killed')
    await bench.clock.advance(10_000)
    expect(await bench.outcome(wish, { deliveryCount: 1 }, other())).toEqual({ kind: 'done' })
    expect(bench.writes(sam)).toBe(1)
  })

  test('the same long after it might begin: what is, is said', async () => {
    const wish = bench.wish(sam, fine)
    await expect(bench.deliver(wish, {}, dying('finish'))).rejects.toThrow('killed')
    await bench.clock.advance(25_000)
    expect(await bench.outcome(wish, { deliveryCount: 2 }, other())).toEqual({ kind: 'done' })
  })

  test('changed by somebody else since: left as it is, and not said to be over as long as ours could still come', async () => {
    const wish = bench.wish(sam, fine)
    await expect(bench.deliver(wish, {}, dying('finish'))).rejects.toThrow('killed')
    await bench.clock.advance(3_000)
    await bench.setPassword(sam, `${fine}-later`)
    await bench.clock.advance(7_000)
    expect(await bench.outcome(wish, { deliveryCount: 1 }, reborn())).toEqual({ kind: 'unknown' })
    expect(await bench.outcome(wish, { deliveryCount: 1 }, other())).toEqual({ kind: 'unknown' })
    expect(bench.has(sam, `${fine}-later`)).toBe(true)
  })

  test('changed by somebody else since, and this agent alone had it and never began: superseded', async () => {
    const wish = bench.wish(sam, fine)
    await expect(bench.deliver(wish, {}, dying('begin'))).rejects.toThrow('killed')
    await bench.clock.advance(3_000)
    await bench.setPassword(sam, `${fine}-later`)
    await bench.clock.advance(7_000)
    expect(await bench.outcome(wish, { deliveryCount: 1 }, reborn())).toEqual({ kind: 'superseded' })
    expect(bench.has(sam, `${fine}-later`)).toBe(true)
  })

  test('another agent had it and nothing was changed: written in time, unknown when late', async () => {
    const inTime = bench.wish(sam, fine)
    const late = bench.wish('bob.brown', fine)
    await bench.clock.advance(10_000)
    expect(await bench.outcome(inTime, { deliveryCount: 1 })).toEqual({ kind: 'done' })
    await bench.clock.advance(10_000)
    expect(await bench.outcome(late, { deliveryCount: 1 })).toEqual({ kind: 'unknown' })
  })

  test('another agent had it and the directory is away: given back, and the next delivery finds out', async () => {
    const wish = bench.wish(sam, fine)
    await bench.setPassword(sam, fine)
    bench.server.control.fault({ kind: 'unavailable', operation: 'search', count: 1 })
    await expect(bench.deliver(wish, { deliveryCount: 1 })).rejects.toThrow(expect.objectContaining({ code: 'DIRECTORY_UNAVAILABLE' }))
    expect(await bench.outcome(wish, { deliveryCount: 2 })).toEqual({ kind: 'done' })
    expect(bench.writes(sam)).toBe(1)
  })

  test('another agent had it and nothing can be found out: never "not changed"', async () => {
    bench.vault.state.disabled = true
    expect(await bench.outcome(bench.wish(sam, fine), { deliveryCount: 1 })).toEqual({ kind: 'unknown' })
  })

  test.each<[string, object, object]>([
    ['in history', {}, { kind: 'policy.history', historyLength: 5 }],
    ['too young', { minPwdAgeMs: 86_400_000 }, { kind: 'policy.minAge' }],
    ['too young, without a history', { minPwdAgeMs: 86_400_000, pwdHistoryLength: 0 }, { kind: 'policy.minAge' }],
  ])('refused as %s because of our own earlier write: done; on a first delivery it is what it says', async (_, policy, refused) => {
    await bench.setPassword(sam, fine)
    bench.server.control.setPolicy(policy)
    // Longer ago than the message is old by its stamps: what took so long on the way does not show in them.
    await bench.clock.advance(5_000)
    expect(await bench.outcome(bench.wish(sam, fine))).toMatchObject(refused)
    expect(await bench.outcome(bench.wish(sam, fine), { deliveryCount: 1 })).toEqual({ kind: 'done' })
    expect(bench.writes(sam)).toBe(1)
  })

  test('refused as in history although it was not ours: that', async () => {
    await bench.setPassword(sam, fine)
    await bench.setPassword(sam, `${fine}-later`)
    await bench.clock.advance(60_000)
    expect(await bench.outcome(bench.wish(sam, fine), { deliveryCount: 1 })).toMatchObject({ kind: 'policy.history' })
  })

  test('must change: what the earlier delivery left undone is done', async () => {
    const wish = bench.wish(sam, fine, { operation: 'adminReset', actor: 'admin', flags: 3 })
    await bench.clock.advance(100)
    await bench.setPassword(sam, fine)
    await bench.clock.advance(10_000)
    expect(await bench.outcome(wish, { deliveryCount: 1 })).toEqual({ kind: 'done' })
    expect(bench.server.control.user(sam)).toMatchObject({ mustChange: true, passwordWrites: 1 })
  })

  test('must change: done wholly before, it is found by a bind', async () => {
    const wish = bench.wish(sam, fine, { operation: 'adminReset', actor: 'admin', flags: 3 })
    await expect(bench.deliver(wish, {}, dying('finish'))).rejects.toThrow('killed')
    await bench.clock.advance(10_000)
    expect(await bench.outcome(wish, { deliveryCount: 1 }, reborn())).toEqual({ kind: 'done' })
    expect(bench.writes(sam)).toBe(1)
  })
})

describe('a reply that nobody is known to have', () => {
  test('is kept as unfinished, with the reply, until it was sent', async () => {
    const wish = bench.wish(sam, fine)
    const handling = await handle(bench.delivery(wish), bench.deps)
    if (handling.kind !== 'answered') throw new Error('there is no reply')
    handling.record()
    expect(bench.deps.journal.unfinished()).toMatchObject([{ messageId: wish.messageId, reply: handling.reply }])
    handling.told()
    expect(bench.deps.journal.unfinished()).toEqual([])
  })
})

describe('a write in doubt', () => {
  test('the connection broke after it was done: read back, done', async () => {
    bench.server.control.fault({ kind: 'dropAfterWrite', operation: 'modify' })
    expect(await bench.outcome(bench.wish(sam, fine))).toEqual({ kind: 'done' })
    expect(bench.writes(sam)).toBe(1)
  })

  test('the connection broke before it was done: no answer yet, and the next delivery does it', async () => {
    const wish = bench.wish(sam, fine)
    bench.server.control.fault({ kind: 'dropBeforeWrite', operation: 'modify' })
    await expect(bench.deliver(wish)).rejects.toMatchObject({ code: 'DIRECTORY_WRITE_IN_DOUBT' })
    expect(bench.deps.journal.unfinished()).toMatchObject([{ messageId: wish.messageId, begun: expect.anything() }])
    expect(await bench.outcome(wish, { deliveryCount: 1 })).toEqual({ kind: 'done' })
    expect(bench.deps.journal.unfinished()).toEqual([])
  })

  test('too late to begin again, nobody can tell whether it is still to come: unknown', async () => {
    const wish = bench.wish(sam, fine)
    bench.server.control.fault({ kind: 'dropBeforeWrite', operation: 'modify' })
    await expect(bench.deliver(wish)).rejects.toMatchObject({ code: 'DIRECTORY_WRITE_IN_DOUBT' })
    await bench.clock.advance(times.startWithinMs + 1)
    expect(await bench.outcome(wish, { deliveryCount: 1 })).toEqual({ kind: 'unknown' })
    expect(bench.deps.journal.unfinished()).toHaveLength(1)
  })

  test('the connection broke after it was done, and the directory was away for a look: no answer yet, and never "not changed"', async () => {
    const wish = bench.wish(sam, fine)
    bench.server.control.fault({ kind: 'dropAfterWrite', operation: 'modify' })
    const passwordState = () => Promise.reject(new Fault('DIRECTORY_UNAVAILABLE', 'away'))
    const blind = { ...bench.deps, directory: { ...bench.deps.directory, passwordState } }
    await expect(bench.deliver(wish, {}, blind)).rejects.toMatchObject({ code: 'DIRECTORY_WRITE_IN_DOUBT' })
    expect(await bench.outcome(wish, { deliveryCount: 1 })).toEqual({ kind: 'done' })
    expect(bench.writes(sam)).toBe(1)
  })

  test('no answer within the limit: none to anybody, and the next delivery sees what the server did later', async () => {
    const wish = bench.wish(sam, fine)
    bench.server.control.fault({ kind: 'hang', operation: 'modify' })
    const held = bench.server.control.whenHeld()
    const outcome = bench.outcome(wish)
    await held
    await bench.clock.advance(times.ldapMs)
    await expect(outcome).rejects.toMatchObject({ code: 'DIRECTORY_WRITE_IN_DOUBT' })
    bench.server.control.clearFaults()
    expect(await bench.outcome(wish, { deliveryCount: 1 })).toEqual({ kind: 'done' })
    expect(bench.writes(sam)).toBe(1)
  })

  test('must change was lost on the way, the password was set: both are done', async () => {
    const wish = bench.wish(sam, fine, { operation: 'adminReset', actor: 'admin', flags: 2 })
    bench.server.control.fault({ kind: 'dropAfterWrite', operation: 'modify' })
    expect(await bench.outcome(wish)).toEqual({ kind: 'done' })
    expect(bench.server.control.user(sam)).toMatchObject({ mustChange: true, passwordWrites: 1 })
  })
})

describe('a lock that ran out under the work', () => {
  /** Stops this agent at the vault, after the look-up, for so long; then it goes on. */
  async function stalled(wish: ReturnType<Bench['wish']>, ms: number) {
    const held = Promise.withResolvers<void>()
    bench.vault.state.held = held.promise
    const lookedUp = bench.seen.answered('locate')
    const slow = handle(bench.delivery(wish), bench.deps)
    await lookedUp
    bench.vault.state.held = Promise.resolve()
    await bench.clock.advance(ms)
    return async () => {
      held.resolve()
      return slow
    }
  }
  const givenBack = expect.objectContaining({ code: 'DEADLINE_PASSED' })

  test('a write that might not end within the lock is not begun: the message is given back', async () => {
    const wish = bench.wish(sam, fine)
    const goOn = await stalled(wish, times.lockMs - times.ldapMs)
    await expect(goOn()).rejects.toEqual(givenBack)
    expect(bench.writes(sam)).toBe(0)
    expect(await bench.outcome(wish, { deliveryCount: 1 })).toEqual({ kind: 'done' })
  })

  test('a millisecond before it is', async () => {
    const goOn = await stalled(bench.wish(sam, fine), times.lockMs - times.ldapMs - 1)
    await goOn()
    expect(bench.writes(sam)).toBe(1)
  })

  test('another agent has set it meanwhile: nothing is written', async () => {
    const wish = bench.wish(sam, fine)
    const goOn = await stalled(wish, times.lockMs + 500)
    expect(await bench.outcome(wish, { deliveryCount: 1 }, other())).toEqual({ kind: 'done' })
    await bench.setPassword(sam, `${fine}-later`)
    await expect(goOn()).rejects.toEqual(givenBack)
    expect(bench.has(sam, `${fine}-later`)).toBe(true)
  })

  test('the same so late that it may not begin: "not changed" is told only if the message is still its own', async () => {
    const wish = bench.wish(sam, fine)
    const goOn = await stalled(wish, times.lockMs + 500)
    expect(await bench.outcome(wish, { deliveryCount: 1 }, other())).toEqual({ kind: 'done' })
    await bench.clock.advance(6_000)
    const handling = await goOn()
    expect(bench.reply(wish, handling).outcome).toEqual({ kind: 'expired' })
    expect(handling).toMatchObject({ refused: true })
    // Completing it fails, so nothing is recorded either: it is still to be found out.
    expect(bench.deps.journal.unfinished()).toMatchObject([{ messageId: wish.messageId, begun: undefined }])
  })
})

test.each<[string, string, boolean]>([
  ['done', fine, false],
  ['a refusal', 'Short-7', true],
])('%s says whether the message must be gone before anybody is told', async (_, password, refused) => {
  expect(await bench.deliver(bench.wish(sam, password))).toMatchObject({ refused })
})
