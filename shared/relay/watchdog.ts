/**
 * Owns the connection: opens it, proves it, and replaces it. Nobody else closes or repairs a link.
 *
 * The SDK can go deaf without an error (the peer closed cleanly, a token was not renewed, an idle link was detached), and a
 * network can keep a dead connection open for ever. So the link is asked: every 1.25 s (5 s while all is quiet) for its pulse where that
 * costs nothing, every half minute and whenever somebody doubts it by a probe, which is an operation of the broker. What does not
 * answer soon, be it a link or one still being opened, is raced (race.ts). After five idle minutes the link is renewed before
 * the service detaches it (azure-sdk-for-go #19465). A dead link is dropped without awaiting its close.
 *
 * Recovery times and what they cost: docs/decisions/0009-recovery.md.
 */
import type { Clock } from '../clock.ts'
import { Fault, faultWord } from '../fault.ts'
import type { Log } from '../log.ts'
import { dropLate, type Opening, orFresh } from './race.ts'
import { backoffMs, longestPauseMs } from './waits.ts'

export interface Link {
  /** Rejects or never settles when the link is dead. */
  probe(): Promise<void>
  /** The same as far as can be told for nothing; left out where nothing can. */
  pulse?(): Promise<void>
  /** ms since the last message, or since it was opened; left out where an idle link is never detached. */
  idleMs?(): number
  drop(): void
}

/** Opens one link; calls `lost` when it notices by itself that the link is gone. */
export type Open<L extends Link> = (lost: (error: unknown) => void) => Promise<L>

export interface WatchdogOptions {
  clock: Clock
  log: Log
  pulseEveryMs?: number
  probeEveryMs?: number
  probeTimeoutMs?: number
  openTimeoutMs?: number
  maxIdleMs?: number
  healthyAfterMs?: number
  random?: () => number
}

export interface Watchdog<L extends Link> {
  /** The link, if it is up now. */
  current(): L | undefined
  /** Waits for a link; rejects with the signal's reason. */
  ready(signal: AbortSignal): Promise<L>
  /** True if the link was proven (opened, probed, or brought a message) within `ms`. */
  provenWithin(ms: number): boolean
  /** An answer is late: the link is probed now, at most once a second. */
  doubt(): void
  /** Ends the watch and returns the link that was up, for an orderly close by the caller. */
  stop(): L | undefined
}

interface Up<L> {
  link: L
  gone: AbortSignal
  lost(error: unknown): void
}

/** What answers later than this is raced; on a link that did answer in the end, twice as late from then on. */
const lateAfterMs = 500
/** An opening takes a dozen round trips, not one. */
const lateOpeningMs = 1_500
const doubtEveryMs = 1_000
/** Without a message for so long, a link has its pulse felt this seldom. */
const quietAfterMs = 30_000
const quietPulseEveryMs = 5_000

export function keepAlive<L extends Link>(open: Open<L>, options: WatchdogOptions): Watchdog<L> {
  const { clock, log, pulseEveryMs = 1_250, probeEveryMs = 30_000, probeTimeoutMs = 10_000, openTimeoutMs = 30_000 } = options
  const { maxIdleMs = 300_000, healthyAfterMs = 5_000, random = Math.random } = options
  const stopping = new AbortController()
  const waiting = new Set<(link: L) => void>()
  let link: L | undefined
  let provenAt = Number.NEGATIVE_INFINITY
  let doubted = false
  /** Ends the wait for the next look. */
  let lookNow = new AbortController()
  /** Of the last link that was opened: time spent opening is no health. */
  let openedAt = Number.POSITIVE_INFINITY
  let attempt = 0
  let workedAt = clock.monotonic()
  const race = {
    clock,
    begin,
    drop: (up: Up<L>) => up.link.drop(),
    everyMs: () => Math.max(lateOpeningMs, longestPauseMs(failingMs())),
  }

  void watch()
  return {
    current: () => link,
    ready: (signal) => (link ? Promise.resolve(link) : arrival(signal)),
    provenWithin: (ms) => link !== undefined && Math.min(clock.monotonic() - provenAt, idleMs(link)) <= ms,
    doubt() {
      doubted = true
      wake()
    },
    stop() {
      stopping.abort()
      const last = link
      link = undefined
      return last
    },
  }

  async function watch(): Promise<void> {
    let fresh: Up<L> | undefined
    while (!stopping.signal.aborted) {
      openedAt = Number.POSITIVE_INFINITY
      try {
        fresh = await live(fresh ?? (await opened()))
        attempt = fresh ? 1 : 0
      } catch (error) {
        if (stopping.signal.aborted) return
        fresh = undefined
        attempt = noteHealth() ? 1 : attempt + 1
        // One, two, four …: an outage of an hour is a dozen lines.
        if (Number.isInteger(Math.log2(attempt))) log('relayDown', { fault: faultWord(error), attempt })
        await clock.sleep(backoffMs(attempt, failingMs(), random), { signal: stopping.signal }).catch(() => {})
      }
    }
    fresh?.link.drop()
  }

  function noteHealth(): boolean {
    const now = clock.monotonic()
    const healthy = now - openedAt >= healthyAfterMs
    if (healthy) workedAt = now
    return healthy
  }

  function failingMs(): number {
    return clock.monotonic() - workedAt
  }

  function begin(): Opening<Up<L>> {
    const end = new AbortController()
    const lost = (error: unknown) => end.abort(error)
    const gone = AbortSignal.any([end.signal, stopping.signal])
    return { up: open(lost).then((arrived) => ({ link: arrived, gone, lost })), gone }
  }

  async function opened(): Promise<Up<L>> {
    const { up, gone } = begin()
    let first: Up<L> | undefined
    try {
      first = await orFresh(up, gone, { ...race, lateMs: lateOpeningMs, timeoutMs: openTimeoutMs })
      return first
    } finally {
      dropLate(up, race, first)
    }
  }

  /** Lives as long as the link does. Resolves with a fresh one in its place, or with none when an idle link is to be renewed; throws what killed it. */
  async function live(up: Up<L>): Promise<Up<L> | undefined> {
    if (stopping.signal.aborted) return void up.link.drop()
    link = up.link
    openedAt = clock.monotonic()
    provenAt = openedAt
    doubted = false
    if (attempt > 0) log('relayReconnected', { attempt })
    for (const arrive of waiting) arrive(link)
    waiting.clear()
    try {
      return await proveUntilGone(up)
    } finally {
      if (!stopping.signal.aborted) {
        link = undefined
        up.link.drop()
      }
    }
  }

  async function proveUntilGone(up: Up<L>): Promise<Up<L> | undefined> {
    const { link: watched, gone } = up
    let lateMs = lateAfterMs
    let beat: Promise<void> | undefined
    let beatAt = clock.monotonic()
    gone.addEventListener('abort', wake, { once: true })
    while (true) {
      const restMs = (watched.idleMs?.() ?? 0) > quietAfterMs ? quietPulseEveryMs : pulseEveryMs
      const due = await nextLook(watched.pulse ? beatAt + (beat ? lateMs : restMs) : Number.POSITIVE_INFINITY, gone)
      if (watched.idleMs && watched.idleMs() > maxIdleMs) return undefined
      if (due === 'nothing') continue
      noteHealth()
      if (due === 'pulse' && !beat) {
        feel()
        continue
      }
      const askedAt = due === 'probe' ? clock.monotonic() : beatAt
      const [asked, patienceMs] = due === 'pulse' && beat ? [beat, 0] : [watched.probe(), lateMs]
      const fresh = await orFresh(asked, gone, { ...race, lateMs: patienceMs, timeoutMs: probeTimeoutMs })
      if (fresh) {
        log('relayDown', { fault: 'RELAY_DOWN', attempt: 1 })
        return fresh
      }
      if (due === 'probe') provenAt = clock.monotonic()
      if (clock.monotonic() - askedAt > lateMs) lateMs *= 2
    }

    function feel(): void {
      beatAt = clock.monotonic()
      beat = watched.pulse?.()
      beat?.then(() => {
        beat = undefined
        wake()
      }, up.lost)
    }
  }

  function wake(): void {
    lookNow.abort('woken')
  }

  /** Waits until something is due; `nothing`: woken before, to look at what has changed. */
  async function nextLook(pulseDueAt: number, gone: AbortSignal): Promise<'pulse' | 'probe' | 'nothing'> {
    if (gone.aborted) throw gone.reason
    if (lookNow.signal.aborted) lookNow = new AbortController()
    const probeDueAt = provenAt + (doubted ? doubtEveryMs : probeEveryMs)
    await clock.sleep(Math.max(0, Math.min(pulseDueAt, probeDueAt) - clock.monotonic()), { signal: lookNow.signal }).catch(() => {})
    if (gone.aborted) throw gone.reason
    if (lookNow.signal.aborted) return 'nothing'
    if (pulseDueAt < probeDueAt) return 'pulse'
    doubted = false
    return 'probe'
  }

  function arrival(signal: AbortSignal): Promise<L> {
    return new Promise((resolve, reject) => {
      const arrive = (arrived: L) => {
        signal.removeEventListener('abort', give)
        resolve(arrived)
      }
      const give = () => {
        waiting.delete(arrive)
        reject(new Fault('RELAY_DOWN', 'no connection to the broker', { cause: signal.reason }))
      }
      if (signal.aborted) return give()
      signal.addEventListener('abort', give, { once: true })
      waiting.add(arrive)
    })
  }
}

const idleMs = (link: Link) => link.idleMs?.() ?? Number.POSITIVE_INFINITY
