/** People's steps: what is stored when, read back how, and removed after which day; on tables in memory and a clock set by hand. */
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { Fault } from '../../shared/fault.ts'
import type { EventName, Fields } from '../../shared/log.ts'
import { type VirtualClock, virtualClock } from '../../test/virtual-clock.ts'
import { openRows, type Rows } from '../store/rows.ts'
import type { TableAccess } from '../store/tables.ts'
import { memoryTables } from '../store/test-tables.ts'
import { openAudit } from './audit.ts'
import { type ListedEntry, type Listing, openListing } from './listing.ts'
import { dayMs, dayPartition } from './place.ts'
import { maxRetentionDays, removedPerRun, removeOldSteps } from './retain.ts'
import { countedMs, maxWaiting, openSteps, type Steps, stepsPerRow } from './steps.ts'

const key = { version: '0'.repeat(32), key: Buffer.alloc(32, 1) }
let clock: VirtualClock
let tables: TableAccess
let rows: Rows
let away: boolean
let logged: [EventName, Fields | undefined][]
let steps: Steps
let listing: Listing
let days: number
const log = (event: EventName, fields?: Fields) => void logged.push([event, fields])
const retentionDays = async () => days

beforeEach(() => {
  clock = virtualClock()
  tables = memoryTables()
  logged = []
  away = false
  days = 180
  rows = openRows({ tables, keys: { subkey: async () => key }, log })
  const put: Rows['put'] = async (...row) => {
    if (away) throw new Fault('STORE_UNAVAILABLE', 'away')
    return rows.put(...row)
  }
  steps = openSteps({ rows: { put }, clock, log })
  listing = openListing({ rows, clock, retentionDays })
})

async function all(filter: Parameters<Listing['page']>[0] = {}, limit = 50): Promise<ListedEntry[]> {
  const found: ListedEntry[] = []
  let before: string | undefined
  for (let calls = 0; ; calls += 1) {
    if (calls > 500) throw new Error('the list does not end')
    const { entries, next } = await listing.page(filter, limit, before)
    found.push(...entries)
    if (next === undefined) return found
    if (before !== undefined && next <= before) throw new Error('the list does not go on')
    before = next
  }
}
const stored = async (at = clock.now()) => (await tables.list('audit', dayPartition(at))).length

describe('a step', () => {
  it('is in the log at once, and in the store a moment later, with others in one row', async () => {
    for (const request of ['r1', 'r2', 'r3']) steps.add({ event: 'submitted', request, subject: 'p1', operation: 'reset' })
    expect(logged[0]).toEqual(['submitted', { request: 'r1', person: 'p1', operation: 'reset' }])
    expect(await stored()).toBe(0)
    await clock.advance(500)
    expect(await stored()).toBe(1)
    expect(await all({ request: 'r2' })).toEqual([
      { at: clock.now() - 500, event: 'submitted', id: 31001, request: 'r2', subject: 'p1', operation: 'reset' },
    ])
  })

  it('waits while the store is away, and is there once when it is back', async () => {
    away = true
    steps.add({ event: 'gatePassed', flow: 'f1' })
    await clock.advance(60_000)
    expect(await stored()).toBe(0)
    away = false
    await clock.advance(10_000)
    expect((await all()).length).toBe(1)
    expect(logged.filter(([event]) => event === 'auditLost')).toEqual([])
  })

  it('whose write was not answered is not told twice', async () => {
    let answered = false
    const put: Rows['put'] = async (...row) => {
      const etag = await rows.put(...row)
      if (!answered) throw new Fault('STORE_UNAVAILABLE', 'no answer')
      return etag
    }
    const other = openSteps({ rows: { put }, clock, log })
    other.add({ event: 'gatePassed', flow: 'f1' })
    await other.flush()
    answered = true
    await clock.advance(10_000)
    expect((await all()).length).toBe(1)
  })

  it('that has to be dropped is counted in the log', async () => {
    away = true
    for (let n = 0; n < maxWaiting + 3; n += 1) steps.add({ event: 'gatePassed' })
    await steps.flush()
    expect(logged.filter(([event]) => event === 'auditLost')).toEqual([['auditLost', { count: 3 }]])
  })
})

describe('what anybody can cause', () => {
  it('is one entry a minute, however often', async () => {
    for (let n = 0; n < 10_000; n += 1) steps.count(n % 2 ? 'flowStarted' : 'gateFailed')
    await clock.advance(countedMs + 500)
    expect(await stored()).toBe(1)
    expect((await all()).map(({ event, ...entry }) => [event, 'count' in entry && entry.count])).toEqual([
      ['flowStarted', 5_000],
      ['gateFailed', 5_000],
    ])
  })

  it('is stored when the instance ends before the minute does', async () => {
    steps.count('flowClosed')
    await steps.flush({ counts: true })
    expect(await all()).toMatchObject([{ event: 'flowClosed', count: 1 }])
    await clock.advance(countedMs + 500)
    expect((await all()).length).toBe(1)
  })
})

describe('the list', () => {
  it('tells the ids that administrators know', async () => {
    const outcomes = { reset: 31002, change: 31007, adminReset: 31010, unlock: 31002 } as const
    for (const operation of ['reset', 'change', 'adminReset', 'unlock'] as const) {
      steps.add({ event: 'outcomeTold', operation, outcome: 'done' })
      steps.add({ event: 'outcomeTold', operation, outcome: 'policy.history' })
      steps.add({ event: 'submitted', operation })
    }
    await steps.flush()
    for (const [operation, done] of Object.entries(outcomes)) {
      const ids = (await all()).filter((entry) => 'operation' in entry && entry.operation === operation).map(({ id }) => id)
      const begun = { reset: 31001, change: 31006, adminReset: 31009 }[operation] ?? 34075
      expect(ids.sort()).toEqual([done, 33008, begun].sort())
    }
  })

  it('shows each entry of both kinds once, newest first, whatever the page, and all that a filter fits', async () => {
    const kinds = fc.record({ agoMs: fc.integer({ min: 0, max: 5 * dayMs }), subject: fc.constantFrom('p1', 'p2'), act: fc.boolean() })
    const given = fc.record({ made: fc.array(kinds, { maxLength: 60 }), limit: fc.integer({ min: 1, max: 20 }) })
    await fc.assert(
      fc.asyncProperty(given, async ({ made, limit }) => {
        tables = memoryTables()
        rows = openRows({ tables, keys: { subkey: async () => key }, log })
        listing = openListing({ rows, clock, retentionDays })
        const writing = openSteps({ rows, clock, log })
        for (const [n, { agoMs, subject, act }] of made.entries()) {
          const at = clock.now() - agoMs
          const entry = { who: 'w', role: 'Writeback.Admin', action: `a${n}`, subject } as const
          if (act) await openAudit({ rows, clock: { ...clock, now: () => at } }).begin(entry)
          else writing.add({ at, event: 'submitted', request: `a${n}`, subject })
        }
        await writing.flush()
        const nameOf = (entry: ListedEntry) => ('action' in entry ? entry.action : entry.request)
        const found = await all({}, limit)
        expect(found.map(nameOf).sort()).toEqual(made.map((_, n) => `a${n}`).sort())
        const filter = { from: clock.now() - 3 * dayMs, to: clock.now() - dayMs, subject: 'p1' }
        const expected = made.flatMap(({ agoMs, subject }, n) => (subject === 'p1' && agoMs <= 3 * dayMs && agoMs > dayMs ? [`a${n}`] : []))
        expect((await all(filter, limit)).map(nameOf).sort()).toEqual(expected.sort())
        const times = (await listing.page({}, 1_000)).entries.map(({ at }) => at)
        expect(times).toEqual(times.toSorted((a, b) => b - a))
      }),
      { numRuns: 40 },
    )
  })

  it('finds a step before the end of the filter in a row that goes on beyond it', async () => {
    for (const seconds of [10, 40]) steps.add({ at: clock.now() - 60_000 + seconds * 1_000, event: 'gatePassed', flow: `f${seconds}` })
    await steps.flush()
    expect(await stored()).toBe(1)
    expect(await all({ to: clock.now() - 40_000 })).toMatchObject([{ flow: 'f10' }])
  })

  it('leads on over more empty days than one call reads', async () => {
    days = 700
    steps.add({ at: clock.now() - 600 * dayMs, event: 'gatePassed', flow: 'old' })
    await steps.flush()
    const first = await listing.page({}, 50)
    expect([first.entries, typeof first.next]).toEqual([[], 'string'])
    expect(await all()).toMatchObject([{ flow: 'old' }])
  })

  it('counts rows of days that somebody else wrote', async () => {
    steps.add({ event: 'gatePassed', flow: 'f1' })
    await steps.flush()
    const [row] = await tables.list('audit', dayPartition(clock.now()))
    if (row) await tables.upsert('audit', { ...row, d: row.d.replace('f1', 'f2') })
    expect(await listing.page({}, 50)).toEqual({ entries: [], rejected: 1 })
  })
})

describe('an old day', () => {
  const fill = async (agoDays: number, count = 1) => {
    for (let n = 0; n < count; n += 1) {
      steps.add({ at: clock.now() - agoDays * dayMs, event: 'gatePassed', flow: `f${n}` })
      if (n % stepsPerRow === 0) await steps.flush()
    }
    await steps.flush()
  }
  const run = () => removeOldSteps({ rows, tables, clock, retentionDays })

  it('is removed once its time is over, and no earlier; administrators’ entries stay', async () => {
    await openAudit({ rows, clock: { ...clock, now: () => clock.now() - 400 * dayMs } }).begin({
      who: 'w',
      role: 'Writeback.Admin',
      action: 'relink',
    })
    for (const ago of [0, 179, 180, 181, 300]) await fill(ago)
    for (let n = 0; n < 25; n += 1) await run()
    const left = await Promise.all([0, 179, 180, 181, 300].map((ago) => stored(clock.now() - ago * dayMs)))
    expect(left).toEqual([1, 1, 1, 0, 0])
    await clock.advance(dayMs)
    expect(await run()).toBe(1)
    expect((await tables.list('audit', 'administrators')).length).toBe(1)
  })

  it('that is large takes several runs, each bounded', async () => {
    days = 30
    for (let n = 0; n < 25; n += 1) await run()
    await clock.advance(2 * dayMs)
    const partition = dayPartition(clock.now() - 31 * dayMs)
    const blank = { partitionKey: partition, v: '', d: 'of somebody else’s making', w: '', m: '' }
    for (let n = 0; n < removedPerRun + 50; n += 1) await tables.upsert('audit', { ...blank, rowKey: `r${n}` })
    const counts: number[] = []
    for (let n = 0; n < 3; n += 1) counts.push(await run())
    expect(counts.filter((count) => count > 0)).toEqual([removedPerRun, 50])
  })

  it('is found again although the mark of how far it went is lost or forged', async () => {
    for (let n = 0; n < 25; n += 1) await run()
    await fill(maxRetentionDays)
    const [mark] = await tables.list('audit', 'retention')
    if (mark) await tables.upsert('audit', { ...mark, d: '{"day":9999999999999}' })
    for (let n = 0; n < 25; n += 1) await run()
    expect(await stored(clock.now() - maxRetentionDays * dayMs)).toBe(0)
  })
})
