/**
 * Pins: the source anchor that a cloud object had when it was first served. A row that only we can write.
 *
 * Who can write `onPremisesImmutableId` in the cloud directory could otherwise point a cloud account of their own at
 * anybody's on-premises account and reset that one's password. A pair that has changed is refused and reported until an
 * administrator links it anew, with a reason (admin/relink.ts).
 */
import { isFault } from '../../shared/fault.ts'
import type { Rows } from '../store/rows.ts'

export interface PinRow {
  sourceAnchor: string
  /** ms since the epoch. */
  at: number
  /** Why an administrator has linked anew. */
  reason?: string | undefined
}

export interface PinDeps {
  rows: Pick<Rows, 'read' | 'insert' | 'put'>
  clock: { now(): number }
}

const place = (personId: string) => ['state', 'pins', personId.toLowerCase()] as const

/** Whether this is the pair that was pinned; the first pair is. STORE_UNAVAILABLE, ROW_REJECTED: nobody is served then. */
export async function fitsPin(personId: string, sourceAnchor: string, deps: PinDeps): Promise<boolean> {
  const pinned = await deps.rows.read<PinRow>(...place(personId))
  if (pinned) return pinned.value.sourceAnchor === sourceAnchor
  try {
    await deps.rows.insert<PinRow>(...place(personId), { sourceAnchor, at: deps.clock.now() })
    return true
  } catch (error) {
    // Another instance was faster, perhaps with another pair.
    if (isFault(error, 'STORE_CONFLICT')) return fitsPin(personId, sourceAnchor, deps)
    throw error
  }
}

/** Pins the pair as it is now; says whether it had changed. */
export async function pinAnew(personId: string, sourceAnchor: string, reason: string, deps: PinDeps): Promise<{ changed: boolean }> {
  const pinned = await deps.rows.read<PinRow>(...place(personId))
  await deps.rows.put<PinRow>(...place(personId), { sourceAnchor, at: deps.clock.now(), reason })
  return { changed: pinned !== undefined && pinned.value.sourceAnchor !== sourceAnchor }
}
