/**
 * Owns the connection: opens it, proves it, and replaces it. Nobody else closes or repairs a link.
 *
 * The SDK can go deaf without an error (the peer closed cleanly, a token was not renewed, an idle link was detached), so
 * the link is proven by a probe that sends no message, and renewed after five idle minutes before the service detaches
 * it (azure-sdk-for-go #19465). A dead link is dropped without awaiting its close. Back-off grows to 30 s with jitter and
 * is forgotten only after a link has been healthy for a while, so that a flapping broker is not hammered.
 */
import type { Clock } from '../clock.ts'
import { Fault, faultWord } from '../fault.ts'
import type { Log } from '../log.ts'

export interface Link {
  /** Rejects or never settles when the link is dead. */
  probe(): Promise<void>
  /** ms since the last message, or since it was opened; left out where an idle link is never detached. */
  idleMs?(): number
  drop(): void
}

/** Opens one link; calls `lost` when it notices by itself that the link is gone. */
export type Open<L extends Link> = (lost: (error: unknown) => void) => Promise<L>

export interface WatchdogOptions {
  clock: Clock
  log: Log
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
  /** Ends the watch and returns the link that was up, for an orderly close by the caller. */
  stop(): L | undefined
}

const firstDelayMs = 500
const maxDelayMs = 30_000

export function keepAlive<L extends Link>(open: Open<L>, options: WatchdogOptions): Watchdog<L> {
  const { clock, log, probeEveryMs = 30_000, probeTimeoutMs = 10_000, openTimeoutMs = 30_000 } = options
  const { maxIdleMs = 300_000, healthyAfterMs = 60_000, random = Math.random } = options
  const stopping = new AbortController()
  const waiting = new Set<(link: L) => void>()
  let link: L | undefined
  let provenAt = Number.NEGATIVE_INFINITY
  /** Of the last link that was opened: time spent opening is no health. */
  let openedAt = Number.POSITIVE_INFINITY

  void watch()
  return {
    current: () => link,
    ready: (signal) => (link ? Promise.resolve(link) : arrival(signal)),
    provenWithin: (ms) => link !== undefined && Math.min(clock.monotonic() - provenAt, idleMs(link)) <= ms,
    stop() {
      stopping.abort()
      const last = link
      link = undefined
      return last
    },
  }

  async function watch(): Promise<void> {
    let attempt = 0
    while (!stopping.signal.aborted) {
      openedAt = Number.POSITIVE_INFINITY
      try {
        await oneLink(attempt)
        attempt = 0
      } catch (error) {
        if (stopping.signal.aborted) return
        attempt = clock.monotonic() - openedAt >= healthyAfterMs ? 1 : attempt + 1
        log('relayDown', { fault: faultWord(error), attempt })
        await clock.sleep(backoffMs(attempt, random), { signal: stopping.signal }).catch(() => {})
      }
    }
  }

  /** Lives as long as the link does; ends by throwing what killed it, or quietly when an idle link is to be renewed. */
  async function oneLink(attempt: number): Promise<void> {
    const gone = new AbortController()
    const opening = open((error) => gone.abort(error))
    // An open that outlives its time-out must still be dropped when it comes, or its session stays locked.
    const opened = await within(openTimeoutMs, opening, gone.signal).catch((error) => {
      opening.then((late) => late.drop()).catch(() => {})
      throw error
    })
    if (stopping.signal.aborted) return opened.drop()
    link = opened
    openedAt = clock.monotonic()
    provenAt = openedAt
    if (attempt > 0) log('relayReconnected', { attempt })
    for (const arrive of waiting) arrive(opened)
    waiting.clear()
    try {
      await proveUntilGone(opened, gone.signal)
    } finally {
      if (!stopping.signal.aborted) {
        link = undefined
        opened.drop()
      }
    }
  }

  async function proveUntilGone(opened: L, gone: AbortSignal): Promise<void> {
    while (true) {
      await clock.sleep(probeEveryMs, { signal: AbortSignal.any([gone, stopping.signal]) }).catch(() => {
        throw gone.reason ?? stopping.signal.reason
      })
      if (opened.idleMs && opened.idleMs() > maxIdleMs) return
      await within(probeTimeoutMs, opened.probe(), gone)
      provenAt = clock.monotonic()
    }
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

  async function within<T>(ms: number, work: Promise<T>, gone: AbortSignal): Promise<T> {
    const settled = new AbortController()
    const timer = clock.sleep(ms, { signal: AbortSignal.any([gone, stopping.signal, settled.signal]) }).then(
      () => Promise.reject(new Fault('RELAY_DOWN', `no answer from the broker within ${ms} ms`)),
      () => Promise.reject(gone.reason instanceof Error ? gone.reason : new Fault('RELAY_DOWN', 'the link is gone')),
    )
    try {
      return await Promise.race([work, timer])
    } finally {
      settled.abort()
      timer.catch(() => {})
    }
  }
}

const idleMs = (link: Link) => link.idleMs?.() ?? Number.POSITIVE_INFINITY

/** Doubling from half a second to half a minute, each between 50 % and 100 % so that many clients do not come back at once. */
export const backoffMs = (attempt: number, random: () => number): number =>
  Math.min(maxDelayMs, firstDelayMs * 2 ** Math.max(0, attempt - 1)) * (0.5 + random() / 2)
