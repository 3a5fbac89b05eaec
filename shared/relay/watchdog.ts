/**
 * Owns the connection: opens it, proves it, and replaces it. Nobody else closes or repairs a link.
 *
 * The SDK can go deaf without an error (the peer closed cleanly, a token was not renewed, an idle link was detached), and a
 * network can keep a dead connection open for ever. So the link is asked: every second for its pulse where that costs
 * nothing, every half minute and whenever somebody doubts it by a probe, which is an operation of the broker. What does not
 * answer soon, be it a link or one still being opened, is not given up but raced: a fresh one is opened beside it, and whoever
 * is first is the link. A slow network costs a needless connection and not the link. After five idle minutes the link is renewed before
 * the service detaches it (azure-sdk-for-go #19465). A dead link is dropped without awaiting its close.
 *
 * Recovery times and what they cost: docs/decisions/0009-recovery.md.
 */
import type { Clock } from '../clock.ts'
import { Fault, faultWord } from '../fault.ts'
import type { Log } from '../log.ts'
import { backoffMs, longestPauseMs, pause, within } from './waits.ts'

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

/** A link and when it says by itself that it is gone. */
interface Up<L> {
  link: L
  gone: AbortSignal
}

/** What answers later than this is raced; on a link that did answer in the end, twice as late from then on. */
const lateAfterMs = 500
/** An opening takes a dozen round trips, not one. */
const lateOpeningMs = 1_500
const doubtEveryMs = 1_000

export function keepAlive<L extends Link>(open: Open<L>, options: WatchdogOptions): Watchdog<L> {
  const { clock, log, pulseEveryMs = 1_000, probeEveryMs = 30_000, probeTimeoutMs = 10_000, openTimeoutMs = 30_000 } = options
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

  void watch()
  return {
    current: () => link,
    ready: (signal) => (link ? Promise.resolve(link) : arrival(signal)),
    provenWithin: (ms) => link !== undefined && Math.min(clock.monotonic() - provenAt, idleMs(link)) <= ms,
    doubt() {
      doubted = true
      lookNow.abort()
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

  function begin(): { up: Promise<Up<L>>; gone: AbortSignal } {
    const lost = new AbortController()
    const gone = AbortSignal.any([lost.signal, stopping.signal])
    return { up: open((error) => lost.abort(error)).then((arrived) => ({ link: arrived, gone })), gone }
  }

  async function opened(): Promise<Up<L>> {
    const { up, gone } = begin()
    let first: Up<L> | undefined
    try {
      first = await orFresh(up, { lateMs: lateOpeningMs, timeoutMs: openTimeoutMs, gone })
      return first
    } finally {
      dropLate(up, first)
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

  async function proveUntilGone({ link: watched, gone }: Up<L>): Promise<Up<L> | undefined> {
    let lateMs = lateAfterMs
    while (true) {
      const probing = await nextLook(watched, gone)
      if (watched.idleMs && watched.idleMs() > maxIdleMs) return undefined
      noteHealth()
      const askedAt = clock.monotonic()
      const asked = probing ? watched.probe() : watched.pulse?.()
      const fresh = await orFresh(asked ?? Promise.resolve(), { lateMs, timeoutMs: probeTimeoutMs, gone })
      if (fresh) {
        log('relayDown', { fault: 'RELAY_DOWN', attempt: 1 })
        return fresh
      }
      if (probing) provenAt = clock.monotonic()
      if (clock.monotonic() - askedAt > lateMs) lateMs *= 2
    }
  }

  /** Waits until the link is to be asked again; true if by a probe. */
  async function nextLook(watched: L, gone: AbortSignal): Promise<boolean> {
    while (true) {
      lookNow = new AbortController()
      const untilProbeMs = Math.max(0, provenAt + (doubted ? doubtEveryMs : probeEveryMs) - clock.monotonic())
      const pauseMs = watched.pulse ? Math.min(pulseEveryMs, untilProbeMs) : untilProbeMs
      await pause(clock, pauseMs, gone, lookNow).catch(() => {})
      if (gone.aborted) throw gone.reason
      if (lookNow.signal.aborted) continue
      if (pauseMs === untilProbeMs) doubted = false
      return pauseMs === untilProbeMs
    }
  }

  /** What `work` brings, or a fresh link if that is there first. */
  async function orFresh<T>(work: Promise<T>, { lateMs, timeoutMs, gone }: { lateMs: number; timeoutMs: number; gone: AbortSignal }) {
    const over = new AbortController()
    const fresh = firstFresh(lateMs, over.signal)
    let first: T | Up<L> | undefined
    try {
      first = await Promise.race([within(clock, timeoutMs, work, gone), fresh])
      return first
    } finally {
      over.abort()
      dropLate(fresh, first)
    }
  }

  /** Once it is late, one after another until one is up; each has its while. */
  async function firstFresh(lateMs: number, over: AbortSignal): Promise<Up<L>> {
    await clock.sleep(lateMs, { signal: over })
    while (true) {
      const everyMs = Math.max(lateOpeningMs, longestPauseMs(failingMs()))
      const next = clock.sleep(everyMs, { signal: over })
      next.catch(() => {})
      const { up, gone } = begin()
      const arrived = await within(clock, everyMs, up, AbortSignal.any([gone, over])).catch(() => undefined)
      dropLate(up, arrived)
      if (arrived) return arrived
      await next
    }
  }

  /** An opening that nobody waits for any more must still be dropped when it comes, or its session stays locked. */
  function dropLate(opening: Promise<Up<L>>, taken: unknown): void {
    opening.then((up) => up !== taken && up.link.drop()).catch(() => {})
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
