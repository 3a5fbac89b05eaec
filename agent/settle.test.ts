import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Fault } from '../shared/fault.ts'
import { messageIdOf } from '../shared/seal.ts'
import { type Bench, fine, startBench, times } from './agent.fixture.ts'
import { handle } from './handle.ts'
import { type SettleDeps, settleUnfinished } from './settle.ts'

let bench: Bench
let told: { messageId: string; outcome: unknown }[]
beforeEach(async () => {
  bench = await startBench()
  told = []
})
afterEach(() => bench.close())

const sam = 'alice.adams'
/** From here on no delivery can begin a write any more. */
const deadMs = times.ttlMs + times.lockMs

const settle = (over: Partial<SettleDeps> = {}) =>
  settleUnfinished({
    ...bench.deps,
    inHand: () => false,
    tell: async (request, outcome) => void told.push({ messageId: messageIdOf(request), outcome }),
    ...over,
  })
const left = () => bench.deps.journal.unfinished().map(({ messageId }) => messageId)

/** Taken, and the agent killed before it did anything. */
function taken() {
  const wish = bench.wish(sam, fine)
  const { id, messageId, sequenceNumber, body: envelope } = wish
  bench.deps.journal.enter({
    id,
    messageId,
    sequenceNumber,
    envelope,
    replyToSessionId: 's',
    received: { wall: bench.clock.now(), monotonic: bench.clock.monotonic() },
    ageMs: 0,
  })
  return wish
}

/** Taken and begun, and the agent killed: before its write, or after it. */
async function begun({ written, must = false }: { written: boolean; must?: boolean }) {
  const wish = bench.wish(sam, fine, must ? { operation: 'adminReset', actor: 'admin', flags: 3 } : {})
  const killed = () => {
    throw new Fault('JOURNAL_FAILED', 'killed')
  }
  if (written) {
    const handling = await handle(bench.delivery(wish), bench.deps)
    expect(bench.reply(wish, handling).outcome).toEqual({ kind: 'done' })
  } else {
    const mortal = { ...bench.deps.directory, setPassword: killed }
    await expect(handle(bench.delivery(wish), { ...bench.deps, directory: mortal })).rejects.toThrow('killed')
  }
  return wish
}

describe('when', () => {
  test('only once the message is dead, to the millisecond', async () => {
    const wish = taken()
    await bench.clock.advance(deadMs)
    await settle()
    expect(told).toEqual([])
    await bench.clock.advance(1)
    await settle()
    expect(told).toEqual([{ messageId: wish.messageId, outcome: { kind: 'expired' } }])
    expect(left()).toEqual([])
  })

  test('not while a delivery of it is in hand', async () => {
    const wish = taken()
    await bench.clock.advance(deadMs + 1)
    await settle({ inHand: (messageId) => messageId === wish.messageId })
    expect(told).toEqual([])
    expect(left()).toEqual([wish.messageId])
  })

  test('not sooner because the wall clock was set back', async () => {
    taken()
    bench.clock.stepWall(-3_600_000)
    await bench.clock.advance(deadMs + 1)
    await settle()
    expect(told).toEqual([])
  })

  test('not sooner because the wall clock was set ahead', async () => {
    taken()
    bench.clock.stepWall(3_600_000)
    await settle()
    expect(told).toEqual([])
    await bench.clock.advance(deadMs + 1)
    await settle()
    expect(told).toHaveLength(1)
  })

  test('of a former run: not sooner than this run can know', async () => {
    taken()
    const reborn = bench.depsWith(bench.journalOf())
    bench.clock.stepWall(3_600_000)
    await settle({ journal: reborn.journal })
    expect(told).toEqual([])
    await bench.clock.advance(deadMs + 1)
    await settle({ journal: reborn.journal })
    expect(told).toHaveLength(1)
  })

  test('not twice', async () => {
    taken()
    await bench.clock.advance(deadMs + 1)
    await settle()
    await settle()
    expect(told).toHaveLength(1)
  })

  test('after a day nobody waits: the row is closed without a word', async () => {
    taken()
    await bench.clock.advance(24 * 3_600_000 + 1)
    await settle()
    expect(told).toEqual([])
    expect(left()).toEqual([])
    expect(bench.vault.decrypted).toEqual([])
  })
})

describe('what', () => {
  const outcomeOf = async () => {
    await bench.clock.advance(deadMs + 1)
    await settle()
    expect(left()).toEqual([])
    return told[0]?.outcome
  }

  test('begun and not written: expired, and it stays unwritten', async () => {
    await begun({ written: false })
    expect(await outcomeOf()).toEqual({ kind: 'expired' })
    expect(bench.writes(sam)).toBe(0)
  })

  test('begun and written: done', async () => {
    await begun({ written: true })
    expect(await outcomeOf()).toEqual({ kind: 'done' })
    expect(bench.writes(sam)).toBe(1)
  })

  test('written with "must change", which hides when: proven by a bind, done', async () => {
    await begun({ written: true, must: true })
    expect(await outcomeOf()).toEqual({ kind: 'done' })
    expect(bench.server.control.user(sam)).toMatchObject({ mustChange: true, passwordWrites: 1 })
  })

  test('written, and "must change" still to be done: it is', async () => {
    await begun({ written: false, must: true })
    await bench.setPassword(sam, fine)
    expect(await outcomeOf()).toEqual({ kind: 'done' })
    expect(bench.server.control.user(sam)).toMatchObject({ mustChange: true, passwordWrites: 1 })
  })

  test('changed by somebody else: superseded, and left as it is', async () => {
    await begun({ written: false })
    await bench.setPassword(sam, `${fine}-later`)
    expect(await outcomeOf()).toEqual({ kind: 'superseded' })
    expect(bench.has(sam, `${fine}-later`)).toBe(true)
  })

  test('set by another agent that took it afterwards: done', async () => {
    taken()
    await bench.clock.advance(10_000)
    await bench.setPassword(sam, fine)
    expect(await outcomeOf()).toEqual({ kind: 'done' })
  })

  test('"must change" since before, and not ours: expired', async () => {
    await begun({ written: false })
    bench.server.control.setAttributes(sam, { pwdLastSet: 0 })
    expect(await outcomeOf()).toEqual({ kind: 'expired' })
  })

  test('a write that the server did after we had given up: done', async () => {
    const wish = bench.wish(sam, fine)
    bench.server.control.fault({ kind: 'hang', operation: 'modify' })
    const held = bench.server.control.whenHeld()
    const inDoubt = expect(bench.deliver(wish)).rejects.toMatchObject({ code: 'DIRECTORY_WRITE_IN_DOUBT' })
    await held
    await bench.clock.advance(times.ldapMs)
    await inDoubt
    bench.server.control.clearFaults()
    await bench.clock.advance(1)
    await expect.poll(() => bench.writes(sam)).toBe(1)
    expect(await outcomeOf()).toEqual({ kind: 'done' })
    expect(told).toMatchObject([{ messageId: wish.messageId }])
  })

  test('nobody is linked to the account any more, and nothing was begun: that', async () => {
    taken()
    bench.server.control.setAttributes(sam, { 'mS-DS-ConsistencyGuid': Buffer.alloc(16, 9).toString('base64') })
    expect(await outcomeOf()).toEqual({ kind: 'notLinked', condition: 'metaverse' })
  })

  test.each([
    [true, 'done'],
    [false, 'expired'],
  ])('nobody is linked to the account any more, but a write was begun there (written: %s): %s', async (written, kind) => {
    await begun({ written })
    bench.server.control.setAttributes(sam, { 'mS-DS-ConsistencyGuid': Buffer.alloc(16, 9).toString('base64') })
    expect(await outcomeOf()).toEqual({ kind })
  })

  test('changed, and the password can be opened no more: never "not changed", but silence', async () => {
    await begun({ written: true })
    bench.vault.state.disabled = true
    expect(await outcomeOf()).toBeUndefined()
  })

  test('a reply that was recorded and never taken by the broker: what it says', async () => {
    const wish = bench.wish(sam, 'Short-7')
    const handling = await handle(bench.delivery(wish), bench.deps)
    if (handling.kind === 'answered') handling.record()
    expect(await outcomeOf()).toEqual({ kind: 'policy.length', minLength: 10 })
  })

  test('a doubt that the next delivery has ended is not told again', async () => {
    const wish = bench.wish(sam, fine)
    bench.server.control.fault({ kind: 'dropBeforeWrite', operation: 'modify' })
    await expect(bench.deliver(wish)).rejects.toMatchObject({ code: 'DIRECTORY_WRITE_IN_DOUBT' })
    expect(await bench.outcome(wish, { deliveryCount: 1 })).toEqual({ kind: 'done' })
    expect(await outcomeOf()).toBeUndefined()
  })
})

describe('what fails is tried again in the next round', () => {
  const dead = async () => {
    const wish = await begun({ written: true })
    await bench.clock.advance(deadMs + 1)
    return wish.messageId
  }
  const errors = () => bench.logged.filter(({ event }) => event === 'directoryError').length

  test('the vault is away', async () => {
    const messageId = await dead()
    bench.vault.state.away = true
    await settle()
    expect(left()).toEqual([messageId])
    expect(errors()).toBe(1)
    bench.vault.state.away = false
    await settle()
    expect(told).toMatchObject([{ messageId, outcome: { kind: 'done' } }])
  })

  test('the directory is away', async () => {
    const messageId = await dead()
    bench.server.control.fault({ kind: 'dropBeforeWrite', operation: 'search' })
    await settle()
    expect(left()).toEqual([messageId])
    await settle()
    expect(told).toMatchObject([{ messageId, outcome: { kind: 'done' } }])
  })

  test('the bind says nothing (locked out)', async () => {
    const messageId = await dead()
    bench.server.control.setPolicy({ lockoutThreshold: 1 })
    await bench.seen.directory.locate(bench.server.control.user(sam).immutableId)
    bench.server.control.setAttributes(sam, { lockoutTime: String((BigInt(bench.clock.now()) + 11_644_473_600_000n) * 10_000n) })
    await settle()
    expect(told).toEqual([])
    expect(left()).toEqual([messageId])
    bench.server.control.setAttributes(sam, { lockoutTime: 0 })
    await settle()
    expect(told).toMatchObject([{ messageId, outcome: { kind: 'done' } }])
  })

  test('the relay is away: the row stays until somebody was told', async () => {
    const messageId = await dead()
    await settle({ tell: () => Promise.reject(new Fault('RELAY_DOWN', 'no connection')) })
    expect(left()).toEqual([messageId])
    await settle()
    expect(told).toMatchObject([{ messageId }])
  })

  test('one that fails does not keep the others waiting', async () => {
    const first = await dead()
    const second = taken()
    await bench.clock.advance(deadMs + 1)
    await settle({
      tell: async (request, outcome) => {
        if (messageIdOf(request) === first) throw new Fault('RELAY_DOWN', 'no connection')
        told.push({ messageId: messageIdOf(request), outcome })
      },
    })
    expect(told).toMatchObject([{ messageId: second.messageId }])
    expect(left()).toEqual([first])
  })

  test('except a journal that cannot be written: that ends the agent', async () => {
    await dead()
    const journal = {
      ...bench.deps.journal,
      told: () => {
        throw new Fault('JOURNAL_FAILED', 'the journal could not be read or written', { permanent: true })
      },
    }
    await expect(settle({ journal })).rejects.toMatchObject({ code: 'JOURNAL_FAILED' })
  })
})

describe('an unlock whose answer was lost', () => {
  const locked = 'frank.locked'
  const settled = async () => {
    await bench.clock.advance(deadMs + 1)
    await settle()
    expect(left()).toEqual([])
    return told[0]?.outcome
  }

  test('and that was done: done, not "not changed"', async () => {
    bench.lock(locked)
    bench.server.control.fault({ kind: 'dropAfterWrite', operation: 'modify' })
    expect(await bench.outcome(bench.plainWish(locked, 'unlock'))).toEqual({ kind: 'unknown' })
    expect(await settled()).toEqual({ kind: 'done' })
  })

  test('and that was not done: expired, and the account stays locked', async () => {
    bench.lock(locked)
    bench.server.control.fault({ kind: 'dropBeforeWrite', operation: 'modify' })
    expect(await bench.outcome(bench.plainWish(locked, 'unlock'))).toEqual({ kind: 'unknown' })
    expect(await settled()).toEqual({ kind: 'expired' })
    expect(bench.server.control.user(locked)).toMatchObject({ locked: true })
  })
})
