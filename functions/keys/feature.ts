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
  /** Who or what switched it: a word for the log. */
  reason: z.string(),
})
export type FeatureState = z.infer<typeof featureState>

export interface Feature {
  isOn(): Promise<boolean>
  /** Every instance, this one too, follows within ten seconds. */
  turn(on: boolean, reason: string): Promise<void>
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
  return {
    isOn: async () => (await state.get()).on,
    async turn(on, reason) {
      await rows.put(...place, { on, since: clock.now(), reason } satisfies FeatureState)
    },
  }
}
