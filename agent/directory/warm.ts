/**
 * One connection at a time to a domain; whoever comes while it is being built waits for the same one.
 *
 * It is built when it is first needed and built anew after it broke; nothing is tried again here. A refused service account
 * is left alone for a while: several agents share it, and every attempt counts towards its lock-out.
 */
import type { Clock } from '../../shared/clock.ts'
import { Fault, isFault } from '../../shared/fault.ts'
import type { Pdc } from './pdc.ts'

const heldBackMs = 5 * 60_000
/** What is under way on a connection that was left may end on it. */
const lingersMs = 30_000

export interface Warm {
  get(): Promise<Pdc>
  /** The next `get` builds a new one. What is under way on this one may end. */
  drop(pdc: Pdc): void
  close(): void
}

export function keepWarm(open: () => Promise<Pdc>, report: (error: unknown) => void, clock: Clock): Warm {
  let heldBack: { by: Fault; until: number } | undefined
  let current: Pdc | undefined
  let opening: Promise<Pdc> | undefined
  let closed = false
  const left = new Set<Pdc>()
  const end = (pdc: Pdc) => {
    left.delete(pdc)
    pdc.connection.reset()
  }
  const build = async () => {
    try {
      current = await open()
      if (closed) current.connection.reset()
      return current
    } catch (error) {
      report(error)
      if (isFault(error) && error.permanent) heldBack = { by: error, until: clock.monotonic() + heldBackMs }
      throw error
    } finally {
      opening = undefined
    }
  }
  return {
    async get() {
      if (closed) throw new Fault('DIRECTORY_UNAVAILABLE', 'the directory was closed')
      if (current?.connection.isOpen()) return current
      if (heldBack && clock.monotonic() < heldBack.until) throw heldBack.by
      opening ??= build()
      return opening
    },
    drop(pdc) {
      if (current !== pdc) return
      current = undefined
      left.add(pdc)
      void clock.sleep(lingersMs, { unref: true }).then(() => end(pdc))
    },
    close() {
      closed = true
      current?.connection.reset()
      for (const pdc of left) end(pdc)
    },
  }
}
