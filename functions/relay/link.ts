/**
 * This instance's end of the relay: a sender on `requests` and one long-lived session on `replies`.
 *
 * Accepting a session per request costs ten times the throughput (reference: 76 against 1,000 exchanges a second). A
 * session never recovers by itself; the watchdog opens a new link. If the broker still believes the dead link holds the
 * session, a new session id is taken rather than waiting for its lock to run out.
 */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../../shared/clock.ts'
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

export function openLink(settings: RelaySettings, receive: Handle, { clock, log }: { clock: Clock; log: Log }): Watchdog<FunctionsLink> {
  const newSession = () => randomBytes(16).toString('base64url')
  let sessionId = newSession()
  return keepAlive<FunctionsLink>(
    async (lost) => {
      const client = connectRelay(settings, clock)
      try {
        const { probe } = await client.receiveSession('replies', sessionId, concurrency, receive, lost)
        const send: AskLink['send'] = (message, signal) => client.send('requests', message, signal)
        const drainNextSession: FunctionsLink['drainNextSession'] = (each) => client.drainNextSession('replies', each)
        return { sessionId, send, drainNextSession, probe, close: () => client.close(), drop: () => client.drop() }
      } catch (error) {
        client.drop()
        sessionId = newSession()
        throw error
      }
    },
    { clock, log },
  )
}
