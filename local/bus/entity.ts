/**
 * One queue (or dead-letter queue) at work: its store, its session locks, and the links that want messages from it.
 *
 * Messages go to consumers with credit, in turn, or to the holder of their session. Deliveries run in a macrotask of their
 * own after a send, so that nothing is written in the tick of an attach (rhea would write the transfer before the attach).
 */
import type { Queue } from '../../infra/topology.ts'
import type { Clock } from '../../shared/clock.ts'
import { Alarm } from './alarm.ts'
import type { Entry, Offer } from './entry.ts'
import type { Faults } from './faults.ts'
import type { Message } from './message.ts'
import { MessageQueue } from './queue.ts'
import type { AmqpFault } from './rhea-internals.ts'
import { type Session, Sessions } from './sessions.ts'
import { sessionLockLost } from './wire.ts'

/** A link that takes messages. */
export interface Consumer {
  readonly session: Session<Consumer> | undefined
  readonly name: string
  credit(): number
  deliver(entry: Entry): void
  /** Nothing more comes for now: gives unused credit back if the client has asked for that. */
  pause(): void
  close(fault: AmqpFault): void
}

/** An attach that waits for any free session. */
export interface SessionWaiter {
  grant(id: string): void
}

export type Accepted = {
  message: Message
  enqueuedAt: number
  duplicate: boolean
}
const keptAccepted = 100

export class Entity {
  readonly name: string
  readonly settings: Queue
  readonly queue: MessageQueue
  readonly sessions: Sessions<Consumer> | undefined
  readonly deadLetters: Entity | undefined
  /** The last messages accepted from senders, oldest first. */
  readonly accepted: Accepted[] = []
  readonly consumers = new Set<Consumer>()
  readonly #waiters = new Set<SessionWaiter>()
  readonly #clock: Clock
  readonly #faults: Faults
  readonly #alarm: Alarm
  #pumpSoon: NodeJS.Immediate | undefined

  constructor(name: string, settings: Queue, { clock, faults, deadLetters }: { clock: Clock; faults: Faults; deadLetters?: Entity }) {
    this.name = name
    this.settings = settings
    this.deadLetters = deadLetters
    this.#clock = clock
    this.#faults = faults
    this.#alarm = new Alarm(clock, () => this.sweep())
    const around = { now: () => clock.now(), by: (at: number) => this.#alarm.by(at), available: () => this.#schedule() }
    this.queue = new MessageQueue(name, settings, deadLetters ? { ...around, deadLetters: deadLetters.queue } : around)
    this.sessions = settings.requiresSession ? new Sessions(this.queue, settings.lockMs, around) : undefined
  }

  offer(message: Message): Offer {
    const offer = this.queue.offer(message, { delayMs: this.#faults.take('delayMessages', this.name)?.ms })
    this.accepted.push({ message, enqueuedAt: this.#clock.now(), duplicate: offer.kind === 'duplicate' })
    if (this.accepted.length > keptAccepted) this.accepted.shift()
    return offer
  }

  addConsumer(consumer: Consumer): void {
    this.consumers.add(consumer)
    this.#schedule()
  }

  removeConsumer(consumer: Consumer): void {
    this.consumers.delete(consumer)
    if (consumer.session) this.sessions?.release(consumer.session)
  }

  addWaiter(waiter: SessionWaiter): void {
    this.#waiters.add(waiter)
    this.#schedule()
  }

  removeWaiter(waiter: SessionWaiter): void {
    this.#waiters.delete(waiter)
  }

  /** Delivers what can be delivered. */
  pump(): void {
    if (!this.#faults.stands('holdQueue', this.name)) {
      if (this.sessions) this.#deliverSessions(this.sessions)
      else this.#deliverInTurn()
    }
    for (const consumer of this.consumers) consumer.pause()
  }

  #deliverInTurn(): void {
    for (;;) {
      const consumer = [...this.consumers].find((each) => each.credit() > 0)
      const entry = consumer && this.queue.take({ newestFirst: this.#faults.stands('newestFirst', this.name) })
      if (!entry) return
      // Last in, last served: the set keeps insertion order.
      this.consumers.delete(consumer)
      this.consumers.add(consumer)
      consumer.deliver(entry)
    }
  }

  #deliverSessions(sessions: Sessions<Consumer>): void {
    for (const waiter of [...this.#waiters]) {
      const free = sessions.nextFree()
      if (free === undefined) break
      this.#waiters.delete(waiter)
      waiter.grant(free)
    }
    for (const { holder, id } of sessions.held()) {
      while (holder.credit() > 0) {
        const session = sessions.find(id)
        const entry = session && this.queue.take({ session })
        if (!entry) break
        holder.deliver(entry)
      }
    }
  }

  #schedule(): void {
    this.#pumpSoon ??= setImmediate(() => {
      this.#pumpSoon = undefined
      this.pump()
    })
  }

  /** Ends what time has ended. The alarm calls it; whoever relies on a lock being over may too, because timers can be late. */
  sweep(): void {
    for (const session of this.sessions?.sweep() ?? []) session.holder.close(sessionLockLost(session.id))
    const next = Math.min(this.queue.sweep(), this.sessions?.nextChange() ?? Number.POSITIVE_INFINITY)
    if (Number.isFinite(next)) this.#alarm.by(next)
  }

  stop(): void {
    this.#alarm.stop()
    clearImmediate(this.#pumpSoon)
  }
}
