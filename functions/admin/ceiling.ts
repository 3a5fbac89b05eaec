/**
 * How often one administrator may call about people in an hour: whoever holds a help desk's token does not reset a whole company,
 * nor fill the audit with calls that are refused.
 *
 * Counted before anything is done or written, whatever becomes of the call, in a row per administrator, over all instances. The
 * agents have ceilings of their own.
 */
import type { Clock } from '../../shared/clock.ts'
import { isFault } from '../../shared/fault.ts'
import type { Rows } from '../store/rows.ts'

export const actsPerHour = 60
const hourMs = 3_600_000

interface ActsRow {
  /** When the hour began, ms. */
  since: number
  count: number
}

export interface CeilingDeps {
  rows: Pick<Rows, 'read' | 'insert' | 'replace'>
  clock: Clock
}

/** `noMore`: the first of this hour that may not. */
export type MayAct = 'yes' | 'noMore' | 'no'

export async function mayAct(administrator: string, deps: CeilingDeps): Promise<MayAct> {
  const { rows, clock } = deps
  const place = ['state', 'acts', administrator] as const
  const row = await rows.read<ActsRow>(...place)
  const fresh = { since: clock.now(), count: 0 }
  const counted = row && clock.now() - row.value.since < hourMs ? row.value : fresh
  if (counted.count > actsPerHour) return 'no'
  const next = { ...counted, count: counted.count + 1 }
  try {
    await (row ? rows.replace<ActsRow>(...place, next, row.etag) : rows.insert<ActsRow>(...place, next))
    return counted.count < actsPerHour ? 'yes' : 'noMore'
  } catch (error) {
    if (isFault(error, 'STORE_CONFLICT')) return mayAct(administrator, deps)
    throw error
  }
}
