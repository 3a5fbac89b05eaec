/**
 * For each delivery, settle it as handling says.
 *
 * The crash story. A change is journalled, then told, then its message is settled. A refusal is told only once its message
 * is gone: as long as there may be another delivery, another agent may still do what this one could not.
 *  - killed before the journal notes a write: the lock runs out, the next delivery starts afresh;
 *  - killed between that note and the reply: the next delivery, here or at another agent, asks the directory first;
 *  - killed after the reply: the next delivery here sends the recorded reply again, elsewhere asks the directory first;
 *  - never delivered again, or its reply never taken by the broker: settle.ts finds out and says so with an event.
 * A fault that trying again may mend gives the message back after a pause, a write in doubt leaves it until its lock runs out; a
 * journal that cannot be written ends the agent.
 */
import type { Clock } from '../shared/clock.ts'
import { Fault, faultWord, isFault } from '../shared/fault.ts'
import type { Log } from '../shared/log.ts'
import type { connectRelay, Delivery, RelaySettings } from '../shared/relay/client.ts'
import { keepAlive, type Link, type Watchdog } from '../shared/relay/watchdog.ts'
import type { Handling } from './handle.ts'

export interface AgentLink extends Link {
  send(
    queue: 'replies' | 'events',
    message: { messageId: string; body: Buffer; ttlMs: number; sessionId?: string; correlationId?: string },
  ): Promise<void>
  stop(): Promise<void>
  close(): Promise<void>
}

export interface Loop {
  relay: Watchdog<AgentLink>
  inHand(messageId: string): boolean
  /** Takes no more, finishes what is in hand (at most `ms`), and leaves the link open for the last word. */
  drain(ms: number): Promise<void>
}

export interface LoopOptions {
  /** Asked for each connection: a file with a new key counts from the next one on. */
  relay(): RelaySettings
  connect: typeof connectRelay
  /** Calls `placed` when it is decided that the delivery is worked on; from then on the next one is taken. */
  handle(delivery: Delivery, placed: () => void): Promise<Handling>
  /** The agent must end: it can no longer keep its promises. */
  fatal(error: unknown): void
  clock: Clock
  log: Log
}

/** Until it is decided what becomes of them. Few: what an agent that hangs, or a dead connection, has taken is late for whoever waits. */
const takenAtOnce = 2
const replyTtlMs = 300_000
const pauseMs = 1_000
/** A link that lives answers within milliseconds. One that is gone takes the SDK 20 s, and whoever comes next waits for that. */
const linkMs = 3_000

export function runLoop({ relay: settings, connect, handle, fatal, clock, log }: LoopOptions): Loop {
  const inHand = new Map<string, Promise<void>>()
  const relay = keepAlive<AgentLink>(open, { clock, log })
  return {
    relay,
    inHand: (messageId) => inHand.has(messageId),
    async drain(ms) {
      // On a link that is gone the SDK's stop may fail or never return; what is in hand is waited for all the same.
      const stopped = Promise.resolve(relay.current()?.stop()).catch(() => {})
      const finished = stopped.then(() => Promise.allSettled(inHand.values()))
      await Promise.race([finished, clock.sleep(ms, { unref: true })])
    },
  }

  async function open(lost: (error: unknown) => void): Promise<AgentLink> {
    const client = connect(settings(), clock)
    let lastMessageAt = clock.monotonic()
    const link: AgentLink = {
      ...(await client.receive('requests', takenAtOnce, receive, lost)),
      send: (queue, message) => client.send(queue, message),
      idleMs: () => clock.monotonic() - lastMessageAt,
      close: () => client.close(),
      drop: () => client.drop(),
    }
    return link

    async function receive(delivery: Delivery): Promise<void> {
      lastMessageAt = clock.monotonic()
      const messageId = String(delivery.messageId)
      const placed = Promise.withResolvers<void>()
      const settle = () => settleDelivery(delivery, client.send, placed.resolve)
      // The lock of an earlier delivery may have run out while it is still being worked on: one at a time, in order.
      const earlier = inHand.get(messageId)
      const work = earlier ? earlier.then(settle) : settle()
      inHand.set(messageId, work)
      const finished = work.then(() => void (inHand.get(messageId) === work && inHand.delete(messageId)))
      await Promise.race([finished, placed.promise])
    }
  }

  type Send = ReturnType<typeof connectRelay>['send']

  async function settleDelivery(delivery: Delivery, send: Send, placed: () => void): Promise<void> {
    try {
      const handling = await handle(delivery, placed)
      if (handling.kind === 'silent') return await soon(delivery.complete())
      if (handling.refused) await soon(delivery.complete())
      handling.record()
      await answer(delivery, handling.reply, send)
      handling.told()
      if (!handling.refused) await soon(delivery.complete())
    } catch (error) {
      log('listenerError', { request: String(delivery.messageId), fault: faultWord(error) })
      if (isFault(error, 'JOURNAL_FAILED')) return fatal(error)
      // Nobody may look before the write is over, one way or the other: that is when the lock runs out.
      if (isFault(error, 'DIRECTORY_WRITE_IN_DOUBT')) return
      await clock.sleep(pauseMs, { unref: true })
      // If this fails too, the lock runs out by itself.
      await soon(delivery.abandon()).catch(() => {})
    }
  }

  function soon<T>(work: Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>()
    clock.deadline(linkMs).addEventListener('abort', () => late.reject(new Fault('RELAY_DOWN', `no answer within ${linkMs} ms`)))
    return Promise.race([work, late.promise])
  }

  async function answer(delivery: Delivery, body: Buffer, send: Send): Promise<void> {
    const messageId = String(delivery.messageId)
    const reply = { messageId, correlationId: messageId, sessionId: delivery.replyToSessionId ?? '', body, ttlMs: replyTtlMs }
    try {
      await send('replies', reply, clock.deadline(linkMs))
    } catch {
      // The link broke under the work. The next one is up in a moment, and somebody is waiting; a reply sent twice does no harm.
      const next = await relay.ready(clock.deadline(linkMs))
      await soon(next.send('replies', reply))
    }
  }
}
