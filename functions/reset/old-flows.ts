/**
 * Removes flows that nobody can read any more: they hold the name that was typed, and parts of names.
 *
 * Anybody can start a flow, so a store that kept them would grow as they please. A flow is read for a day and its quarter of
 * an hour at most (flow.ts), an agent gives a request up after a day; what was not written for two days is neither's. A run is
 * bounded, and the next one goes on; whoever wrote the row, it is removed.
 */
import type { Clock } from '../../shared/clock.ts'
import type { TableAccess } from '../store/tables.ts'
import { flowTable } from './flow.ts'

export interface OldFlowsDeps {
  tables: Pick<TableAccess, 'older' | 'remove'>
  clock: Clock
}

const keptMs = 48 * 3_600_000
export const removedPerRun = 100_000
const removedAtOnce = 16

/** Resolves with the number of rows that were removed. */
export async function removeOldFlows({ tables, clock }: OldFlowsDeps): Promise<number> {
  let removed = 0
  for await (const rows of tables.older(flowTable, clock.now() - keptMs)) {
    for (let start = 0; start < rows.length; start += removedAtOnce) {
      const some = rows.slice(start, start + removedAtOnce)
      await Promise.all(some.map(({ partitionKey, rowKey }) => tables.remove(flowTable, partitionKey, rowKey)))
    }
    removed += rows.length
    if (removed >= removedPerRun) break
  }
  return removed
}
