/**
 * Whether password writeback is switched on at all: one row, so that it is off for every instance within ten seconds.
 *
 * The first start writes what the setting says; from then on the row alone counts. A store that is down leaves things as
 * they were for a minute at most.
 */
import * as z from 'zod'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { Fault, isFault } from '../../shared/fault.ts'
import { kept } from '../../shared/kept.ts'
import type { Rows } from '../store/rows.ts'

const featureState = z.object({
  on: z.boolean(),
  /** ms since the epoch. */
  since: z.number(),
  reason: z.string(),
  /** The administrator's object id; absent for the setting. */
  by: z.string().optional(),
})
export type FeatureState = z.infer<typeof featureState>

export interface Feature {
  isOn(): Promise<boolean>
  /** As it is now, not as it was remembered. */
  state(): Promise<FeatureState>
  /** This instance follows at once, every other within ten seconds. */
  turn(on: boolean, reason: string, by: string): Promise<void>
  /** On, unless somebody has switched it since the run that enables it began: who came later has the last word. */
  enable(run: { startedAt: number; reason: string; by: string }): Promise<void>
}

export interface FeatureOptions {
  rows: Rows
  initiallyOn: boolean
  clock?: Clock
}

const place = ['state', 'feature', 'writeback'] as const

export function openFeature({ rows, initiallyOn, clock = systemClock }: FeatureOptions): Feature {
  const read = async (): Promise<FeatureState | undefined> => {
    const row = await rows.read<unknown>(...place)
    if (!row) return undefined
    const parsed = featureState.safeParse(row.value)
    if (!parsed.success)
      throw new Fault('ROW_REJECTED', 'the feature row was written by another version of this product', { permanent: true })
    return parsed.data
  }
  const readOrInsert = async (): Promise<FeatureState> => {
    const there = await read()
    if (there) return there
    const initial = { on: initiallyOn, since: clock.now(), reason: 'setting' }
    try {
      await rows.insert(...place, initial)
      return initial
    } catch (error) {
      const winner = isFault(error, 'STORE_CONFLICT') ? await read() : undefined
      if (!winner) throw error
      return winner
    }
  }
  const state = kept(clock, { freshMs: 10_000, usableMs: 60_000 }, readOrInsert)
  async function enable(run: Parameters<Feature['enable']>[0]): Promise<void> {
    await readOrInsert()
    const row = await rows.read<FeatureState>(...place)
    if (!row || row.value.on || row.value.since > run.startedAt) return
    try {
      const { reason, by } = run
      await rows.replace(...place, { on: true, since: clock.now(), reason, by } satisfies FeatureState, row.etag)
    } catch (error) {
      if (isFault(error, 'STORE_CONFLICT')) return enable(run)
      throw error
    }
  }
  return {
    isOn: async () => (await state.get()).on,
    state: () => state.renew(),
    async turn(on, reason, by) {
      await rows.put(...place, { on, since: clock.now(), reason, by } satisfies FeatureState)
      await state.renew()
    },
    async enable(run) {
      await enable(run)
      await state.renew()
    },
  }
}
