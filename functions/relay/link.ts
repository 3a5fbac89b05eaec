/**
 * This instance's end of the relay: a sender on `requests` and one long-lived session on `replies`.
 *
 * Accepting a session per request costs ten times the throughput (reference: 76 against 1,000 exchanges a second). A
 * session never recovers by itself; the watchdog opens a new link, which takes the same session, because replies to what was
 * sent are on their way there. If the broker still believes the dead link holds it, a new one is taken at once, and the
 * old one read as well as soon as it can be had. A send that is not confirmed soon is the first sign that a connection is dead.
 */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../../shared/clock.ts'
import { Fault } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import { connectRelay, type Handle, type RelayClient, type RelaySettings } from '../../shared/relay/client.ts'
import { keepAlive, type Link, type Watchdog } from '../../shared/relay/watchdog.ts'
import type { AskLink } from './ask.ts'

export interface FunctionsLink extends Link, AskLink {
  /** Replies on a session nobody holds (RelayClient). */
  drainNextSession(handle: Handle): ReturnType<RelayClient['drainNextSession']>
  close(): Promise<void>
}

const concurrency = 64
const confirmedSoonMs = 500
/** As long as somebody may be waiting for what lies on the session that was left. */
const leftForMs = 30_000
const leftEveryMs = 1_000

export function openLink(settings: RelaySettings, receive: Handle, { clock, log }: { clock: Clock; log: Log }): Watchdog<FunctionsLink> {
  const newSession = () => randomBytes(16).toString('base64url')
  /** Where the last request asked for its reply. */
  let inUse = newSession()
  const watchdog = keepAlive<FunctionsLink>(open, { clock, log })
  return watchdog

  async function open(lost: (error: unknown) => void): Promise<FunctionsLink> {
    const client = connectRelay(settings, clock)
    const accept = async (sessionId: string) => {
      const session = await client.receiveSession('replies', sessionId, concurrency, receive, lost)
      return session && { sessionId, ...session }
    }
    try {
      const wanted = inUse
      const session = (await accept(wanted)) ?? (await accept(newSession()))
      if (!session) throw new Fault('RELAY_DOWN', 'somebody holds a session that nobody knows')
      const { sessionId, pulse } = session
      const gone = new AbortController()
      const over = Promise.withResolvers<never>()
      over.promise.catch(() => {})
      let confirmed = Promise.withResolvers<void>()
      if (sessionId !== wanted) void readToo(wanted, client, gone.signal)
      return {
        sessionId,
        async send(message, signal) {
          inUse = sessionId
          const sent = client.send('requests', message, signal)
          void doubtUnless(sent)
          await Promise.race([sent, over.promise])
          confirmed.resolve()
          confirmed = Promise.withResolvers()
        },
        drainNextSession: (handle) => client.drainNextSession('replies', handle),
        // A send that is confirmed shows as much, and sooner where both have waited for the broker.
        probe: () => Promise.race([session.probe(), confirmed.promise]),
        pulse,
        close: () => client.close(),
        drop() {
          gone.abort()
          over.reject(new Fault('SEND_IN_DOUBT', 'the link was replaced before the broker had confirmed'))
          client.drop()
        },
      }
    } catch (error) {
      client.drop()
      throw error
    }
  }

  async function doubtUnless(sent: Promise<void>): Promise<void> {
    const settled = new AbortController()
    sent.catch(() => {}).finally(() => settled.abort())
    await clock.sleep(confirmedSoonMs, { signal: settled.signal, unref: true }).then(watchdog.doubt, () => {})
  }

  /** The session that requests under way have asked for: the link that held it was dropped, and the broker lets it go. */
  async function readToo(left: string, client: RelayClient, gone: AbortSignal): Promise<void> {
    for (let waitedMs = 0; waitedMs < leftForMs; waitedMs += leftEveryMs) {
      await clock.sleep(leftEveryMs, { signal: gone, unref: true }).catch(() => {})
      if (gone.aborted) return
      if (await client.receiveSession('replies', left, concurrency, receive, () => {}).catch(() => undefined)) return
    }
  }
}
