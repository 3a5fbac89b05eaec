/**
 * This instance's end of the relay: a sender on `requests` and one long-lived session on `replies`.
 *
 * Accepting a session per request costs ten times the throughput (reference: 76 against 1,000 exchanges a second). A
 * session never recovers by itself; the watchdog opens a new link, which takes the same session, because replies to what was
 * sent are on their way there. If the broker still believes the dead link holds it, a new one is taken rather than
 * waiting for its lock to run out. A send that is not confirmed soon is the first sign that a connection is dead.
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
      const session = (await accept(inUse)) ?? (await accept(newSession()))
      if (!session) throw new Fault('RELAY_DOWN', 'somebody holds a session that nobody knows')
      const { sessionId, probe, pulse } = session
      const dropped = Promise.withResolvers<never>()
      dropped.promise.catch(() => {})
      return {
        sessionId,
        async send(message, signal) {
          inUse = sessionId
          const confirmed = client.send('requests', message, signal)
          void doubtUnless(confirmed)
          await Promise.race([confirmed, dropped.promise])
        },
        drainNextSession: (handle) => client.drainNextSession('replies', handle),
        probe,
        pulse,
        close: () => client.close(),
        drop() {
          dropped.reject(new Fault('SEND_IN_DOUBT', 'the link was replaced before the broker had confirmed'))
          client.drop()
        },
      }
    } catch (error) {
      client.drop()
      throw error
    }
  }

  async function doubtUnless(confirmed: Promise<void>): Promise<void> {
    const settled = new AbortController()
    confirmed.catch(() => {}).finally(() => settled.abort())
    await clock.sleep(confirmedSoonMs, { signal: settled.signal, unref: true }).then(watchdog.doubt, () => {})
  }
}
