/**
 * Removes the days of people's steps whose time is over, a bounded number of rows per run; the timer goes on where it stopped.
 *
 * A row remembers the first day that may still hold any. If it is lost, the search begins anew from before the longest retention.
 * Rows are removed whoever wrote them. Administrators' entries stay: they tell of whoever shortened the retention, too.
 */
import type { Clock } from '../../shared/clock.ts'
import { isFault } from '../../shared/fault.ts'
import type { Rows } from '../store/rows.ts'
import type { TableAccess } from '../store/tables.ts'
import { auditTable, dayMs, dayPartition, dayStart } from './place.ts'

export interface RetainDeps {
  rows: Pick<Rows, 'read' | 'put'>
  tables: Pick<TableAccess, 'page' | 'remove'>
  clock: Clock
  retentionDays(): Promise<number>
}

export const maxRetentionDays = 3_650
export const removedPerRun = 5_000
const readsPerRun = 200
const removedAtOnce = 16
const place = [auditTable, 'retention', 'first'] as const

/** Resolves with the number of rows that were removed. */
export async function removeOldSteps(deps: RetainDeps): Promise<number> {
  const { rows, clock, retentionDays } = deps
  const today = dayStart(clock.now())
  const end = today - Math.min(await retentionDays(), maxRetentionDays) * dayMs
  const begun = (await firstDay(deps)) ?? today - (maxRetentionDays + 1) * dayMs
  let [day, removed] = [begun, 0]
  for (let reads = 0; day < end && reads < readsPerRun && removed < removedPerRun; reads += 1) {
    const some = await removeSome(day, deps)
    removed += some
    if (some === 0) day += dayMs
  }
  if (day !== begun) await rows.put<{ day: number }>(...place, { day })
  return removed
}

/** Of somebody else's making, it counts as lost. */
async function firstDay({ rows }: RetainDeps): Promise<number | undefined> {
  try {
    return (await rows.read<{ day: number }>(...place))?.value.day
  } catch (error) {
    if (isFault(error, 'ROW_REJECTED')) return undefined
    throw error
  }
}

async function removeSome(day: number, { tables }: RetainDeps): Promise<number> {
  const found = await tables.page(auditTable, dayPartition(day), rowsPerRead)
  for (let start = 0; start < found.length; start += removedAtOnce) {
    const some = found.slice(start, start + removedAtOnce)
    await Promise.all(some.map(({ partitionKey, rowKey }) => tables.remove(auditTable, partitionKey, rowKey)))
  }
  return found.length
}

const rowsPerRead = 200
