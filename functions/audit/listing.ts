/**
 * The audit as one list, newest first: what administrators did and the steps of people, filtered, a page at a time.
 *
 * Both kinds stand in order of time (place.ts) and are merged while they are read. One call reads a bounded number of rows and
 * days; where it stops, `next` leads on, even if nothing on the way fitted. A row that somebody else wrote is counted, not shown.
 */
import type { Clock } from '../../shared/clock.ts'
import { type EventName, events } from '../../shared/log.ts'
import { outcomes } from '../../shared/outcome.ts'
import type { Page, Rows } from '../store/rows.ts'
import type { AuditEntry } from './audit.ts'
import { administrators, auditTable, dayMs, dayPartition, dayStart, placeAt, timeOf } from './place.ts'
import { rowSpanMs, type Step, type StepRow } from './steps.ts'

export type ListedEntry = (({ event: 'administratorActed' } & AuditEntry) | Step) & { id: number | string }

export interface AuditFilter {
  /** ms since the epoch; from is inside, to is not. */
  from?: number | undefined
  to?: number | undefined
  who?: string | undefined
  subject?: string | undefined
  /** The route's name, or the event's. */
  action?: string | undefined
  outcome?: string | undefined
  flow?: string | undefined
  request?: string | undefined
}

export interface AuditPage {
  entries: ListedEntry[]
  /** Give it to get what lies before; absent at the end. */
  next?: string
  /** Rows on the way whose MAC does not fit: somebody else wrote there. */
  rejected: number
}

export interface Listing {
  /** `limit`: of entries; a row is not divided. */
  page(filter: AuditFilter, limit: number, before?: string): Promise<AuditPage>
}

export interface ListingDeps {
  rows: Pick<Rows, 'page'>
  clock: Clock
  retentionDays(): Promise<number>
}

/** What one call reads at most: enough for half a year of empty days, and still answered in time. */
const maxReads = 250
const rowsPerRead = 50
/** Days that retention may be behind with removing. */
const graceDays = 8

/** `entries` stand at `place`, newest first; none at a place where only the reading has come by. */
interface Stop {
  place: string
  entries: ListedEntry[]
  rejected: number
}
type Reads = { left: number }

export const openListing = (deps: ListingDeps): Listing => ({
  async page(filter, limit, before) {
    const { clock, retentionDays } = deps
    const oldest = Math.max(filter.from ?? 0, dayStart(clock.now() - ((await retentionDays()) + graceDays) * dayMs))
    const latest = placeAt((filter.to ?? clock.now()) + rowSpanMs)
    const start = before !== undefined && before > latest ? before : latest
    const reads = { left: maxReads }
    const found: AuditPage = { entries: [], rejected: 0 }
    let last = start
    const pageSoFar = (more: boolean) => ({ ...found, entries: found.entries.sort((a, b) => b.at - a.at), ...(more && { next: last }) })
    for await (const { place, entries, rejected } of merged([acts(start, reads, deps), steps(start, oldest, reads, deps)], reads)) {
      // No entry is later than its row's key.
      if (filter.from !== undefined && timeOf(place) < filter.from) return pageSoFar(false)
      found.rejected += rejected
      found.entries.push(...entries.filter((entry) => fits(entry, filter)))
      if (place > last) last = place
      if (found.entries.length >= limit) return pageSoFar(true)
    }
    return pageSoFar(reads.left <= 0)
  },
})

async function* acts(start: string, reads: Reads, { rows }: ListingDeps): AsyncGenerator<Stop> {
  for await (const page of pages<AuditEntry>(administrators, start, reads, rows)) {
    for (const { rowKey, value } of page.rows) yield { place: rowKey, entries: [actOf(value)], rejected: 0 }
    if (page.rejected > 0) yield { place: page.last ?? page.rows.at(-1)?.rowKey ?? start, entries: [], rejected: page.rejected }
  }
}

async function* steps(start: string, oldest: number, reads: Reads, { rows }: ListingDeps): AsyncGenerator<Stop> {
  for (let day = dayStart(timeOf(start)); day >= dayStart(oldest); day -= dayMs) {
    for await (const page of pages<StepRow>(dayPartition(day), start, reads, rows)) {
      for (const { rowKey, value } of page.rows) yield { place: rowKey, entries: value.steps.map(stepOf), rejected: 0 }
      if (page.rejected > 0) yield { place: page.last ?? page.rows.at(-1)?.rowKey ?? placeAt(day), entries: [], rejected: page.rejected }
    }
    yield { place: placeAt(day - 1), entries: [], rejected: 0 }
  }
}

async function* pages<T>(partition: string, start: string, reads: Reads, rows: ListingDeps['rows']): AsyncGenerator<Page<T>> {
  for (let after: string | undefined = start; after !== undefined && reads.left > 0; ) {
    reads.left -= 1
    const page: Page<T> = await rows.page<T>(auditTable, partition, rowsPerRead, after)
    yield page
    after = page.last
  }
}

/** By place. Without reads left both end: beyond what was read the order is not known. */
async function* merged(sources: AsyncGenerator<Stop>[], reads: Reads): AsyncGenerator<Stop> {
  const heads = await Promise.all(sources.map(async (source) => ({ source, head: await source.next() })))
  while (reads.left > 0) {
    const [first] = heads.filter(({ head }) => !head.done).sort((a, b) => (a.head.value.place < b.head.value.place ? -1 : 1))
    if (first === undefined) return
    yield first.head.value
    first.head = await first.source.next()
  }
}

const actOf = (act: AuditEntry): ListedEntry => ({ event: 'administratorActed', id: events.administratorActed.id, ...act })
const stepOf = (step: Step): ListedEntry => ({ id: idOf(step), ...step })

/** Administrators of Microsoft's service know these by the operation. */
const begun: Partial<Record<string, number>> = { reset: 31001, change: 31006, adminReset: 31009 }
const changed: Partial<Record<string, number>> = { reset: 31002, change: 31007, adminReset: 31010 }

export function idOf({ event, operation, outcome }: Pick<Step, 'event' | 'operation' | 'outcome'>): number | string {
  if (event === 'submitted') return begun[operation ?? ''] ?? events.submitted.id
  if (outcome === undefined) return events[event satisfies EventName].id
  return (outcome === 'done' && changed[operation ?? '']) || outcomes[outcome].event
}

function fits(entry: ListedEntry, { from, to, action, ...exact }: AuditFilter): boolean {
  if ((from !== undefined && entry.at < from) || (to !== undefined && entry.at >= to)) return false
  const named: Record<string, unknown> = { ...entry }
  if (action !== undefined && named['action'] !== action && entry.event !== action) return false
  return Object.entries(exact).every(([name, value]) => value === undefined || named[name] === value)
}
