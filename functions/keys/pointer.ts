/**
 * The key pointer: one row that says under which versions everything new is sealed. Changing it is the moment of a
 * rollover; every instance follows within a minute. The run that changes it stands in the same row (run.ts).
 *
 * It is read again every 60 s and never used when it was last read more than five minutes ago: by then a rollover could
 * be over and the versions it names disabled (docs/protocol.md, Times). The row is itself under the state key whose
 * version stands in its own `v` column, so reading it needs nothing but the vault.
 */
import * as z from 'zod'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { Fault, isFault } from '../../shared/fault.ts'
import { kept } from '../../shared/kept.ts'
import type { Rows } from '../store/rows.ts'
import { followMs, run } from './run.ts'
import { isVersion } from './vault.ts'

const version = z.string().refine(isVersion)
const keyPointer = z.object({
  packageKey: version,
  passwordKey: version,
  stateKey: version,
  /** ms since the epoch. */
  since: z.number(),
  /** The run that made these versions; they carry it as the tag `rollover`. */
  rolloverId: z.string(),
  /** The last run, which may still be under way, and may have been abandoned. */
  run: run.optional(),
  /** When the shared keys are rolled once more: tokens that a revoked agent got before are dead by then. */
  again: z.object({ at: z.number(), reason: z.string(), by: z.string() }).optional(),
})
export type KeyPointer = z.infer<typeof keyPointer>

const place = ['state', 'keys', 'pointer'] as const

export interface PointerRow {
  pointer: KeyPointer
  etag: string
}

export async function readPointer(rows: Pick<Rows, 'read'>): Promise<PointerRow | undefined> {
  const row = await rows.read<unknown>(...place)
  if (!row) return undefined
  const parsed = keyPointer.safeParse(row.value)
  if (!parsed.success)
    throw new Fault('KEY_UNAVAILABLE', 'the key pointer was written by another version of this product', { permanent: true })
  return { pointer: parsed.data, etag: row.etag }
}

/** STORE_CONFLICT when there is one already. */
export const insertPointer = (rows: Rows, pointer: KeyPointer): Promise<string> => rows.insert(...place, pointer)

/** STORE_CONFLICT when it is not the one that was read. */
export const replacePointer = (rows: Pick<Rows, 'replace'>, pointer: KeyPointer, etag: string): Promise<string> =>
  rows.replace(...place, pointer, etag)

export interface Pointer {
  /** KEY_POINTER_STALE when it could not be read for five minutes. */
  current(): Promise<KeyPointer>
  /** Reads it now: whoever has moved it follows at once. */
  follow(): Promise<KeyPointer>
}

export interface PointerOptions {
  rows: Rows
  /** Called when there is no pointer yet. */
  makeFirst(): Promise<KeyPointer>
  clock?: Clock
}

export function openPointer({ rows, makeFirst, clock = systemClock }: PointerOptions): Pointer {
  let everRead = false
  const pointer = kept(clock, { freshMs: 60_000, usableMs: followMs }, async () => {
    const found = (await readPointer(rows))?.pointer ?? (await makeFirst())
    everRead = true
    return found
  })
  return {
    async current() {
      try {
        return await pointer.get()
      } catch (cause) {
        if (!everRead || !isFault(cause) || cause.permanent) throw cause
        throw new Fault('KEY_POINTER_STALE', 'the key pointer could not be read for five minutes', { cause })
      }
    },
    follow: () => pointer.renew(),
  }
}
