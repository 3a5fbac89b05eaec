/**
 * A link on which a client receives: delivers with a lock, and turns the client's dispositions into settlements.
 *
 * Dispositions are answered (receiver settle mode `second`); after the answer the slot in rhea's ring must be given back.
 * A closed link does not release its peek-locks: each lock runs out by itself. A session ends with its link.
 */
import type { Delivery, EventContext, Sender } from 'rhea'
import { deliveryBytes } from './delivery.ts'
import type { Consumer, Entity } from './entity.ts'
import type { Entry, Settlement } from './entry.ts'
import type { Faults } from './faults.ts'
import type { Attached, Peer } from './peer.ts'
import * as rheaInternals from './rhea-internals.ts'
import type { Session } from './sessions.ts'
import { messageLockLost, sessionLockLost, swapGuidOrder } from './wire.ts'

const settledBySender = 1
const scarceRingSpace = 1_024
type OutcomeName = 'accepted' | 'released' | 'rejected' | 'modified'

export interface OutletSurroundings {
  peer: Peer
  faults: Faults
  now: () => number
}

export class Outlet implements Consumer, Attached {
  readonly link: Sender
  readonly path: string
  readonly claim = 'Listen'
  readonly session: Session<Consumer> | undefined
  lastUsedAt: number
  readonly #entity: Entity
  readonly #faults: Faults
  readonly #peer: Peer
  readonly #now: () => number
  readonly #tokens = new Map<Delivery, string>()
  readonly #sentIds: number[] = []
  #attachWritten = false
  #draining = false
  #gone = false

  constructor(link: Sender, path: string, entity: Entity, around: OutletSurroundings & { sessionId?: string }) {
    this.link = link
    this.path = path
    this.#entity = entity
    this.#peer = around.peer
    this.#faults = around.faults
    this.#now = around.now
    this.lastUsedAt = around.now()
    this.session = around.sessionId === undefined ? undefined : entity.sessions?.accept(around.sessionId, this)
    for (const name of ['accepted', 'released', 'rejected', 'modified'] as const) {
      link.on(name, ({ delivery }: EventContext) => delivery && this.#onOutcome(name, delivery))
    }
    link.on('settled', ({ delivery }: EventContext) => delivery && this.#onSettledWithoutOutcome(delivery))
    link.on('sender_flow', () => this.#onFlow())
    link.on('sender_draining', () => this.#onDrain())
    setImmediate(() => {
      this.#attachWritten = true
      if (!this.#gone) entity.addConsumer(this)
    })
  }

  get name(): string {
    return this.link.name
  }

  credit(): number {
    return this.#attachWritten && this.link.is_open() ? rheaInternals.creditLeft(this.link, this.#sentIds) : 0
  }

  deliver(entry: Entry): void {
    this.#makeRoom()
    const token = entry.lock?.token ?? ''
    const bytes = deliveryBytes(entry, this.#entity.queue)
    const delivery = this.link.send(bytes, swapGuidOrder(Buffer.from(token, 'hex')), 0)
    this.lastUsedAt = this.#now()
    this.#sentIds.push(delivery.id)
    if (rheaInternals.answering(this.link).snd_settle_mode === settledBySender) this.#entity.queue.settle(token, { kind: 'complete' })
    else this.#tokens.set(delivery, token)
  }

  /** A client that never settles fills the ring: it has to do without an answer about locks that are lost anyway. */
  #makeRoom(): void {
    if (rheaInternals.ringSpace(this.link) > scarceRingSpace) return
    for (const [delivery, token] of this.#tokens) {
      if (this.#entity.queue.holds(token)) continue
      this.#tokens.delete(delivery)
      rheaInternals.forget(delivery)
    }
  }

  #onFlow(): void {
    this.lastUsedAt = this.#now()
    this.#entity.pump()
  }

  #onDrain(): void {
    this.#draining = true
    this.#entity.pump()
  }

  pause(): void {
    if (!this.#draining || !this.#attachWritten) return
    this.#draining = false
    this.link.set_drained(true)
    rheaInternals.writeSoon(this.link.connection)
  }

  #onOutcome(name: OutcomeName, delivery: Delivery) {
    const token = this.#tokens.get(delivery)
    if (token === undefined) return
    this.#tokens.delete(delivery)
    this.lastUsedAt = this.#now()
    if (this.#faults.take('ignoreSettlements', this.#entity.name)) return rheaInternals.forget(delivery)
    const outcome = this.#settle(name, token, delivery.remote_state)
    if (this.#faults.take('settlementsInDoubt', this.#entity.name)) return rheaInternals.forget(delivery)
    rheaInternals.settleWith(delivery, outcome)
  }

  #settle(name: OutcomeName, token: string, state: unknown): unknown {
    const { session } = this
    const repeated = name === 'accepted' && this.#entity.queue.holds(token) && this.#faults.take('repeatDeliveries', this.#entity.name)
    if (repeated && this.#entity.queue.lose(token)) return rheaInternals.accepted()
    if (session && this.#entity.sessions?.find(session.id) !== session) return rheaInternals.rejected(sessionLockLost(session.id))
    if (!this.#entity.queue.settle(token, settlementOf(name, state))) return rheaInternals.rejected(messageLockLost())
    return name === 'released' ? rheaInternals.released() : name === 'rejected' ? rheaInternals.rejected() : rheaInternals.accepted()
  }

  /** No outcome, no settlement: the lock runs out. */
  #onSettledWithoutOutcome(delivery: Delivery): void {
    this.#tokens.delete(delivery)
    rheaInternals.forget(delivery)
  }

  close(fault: rheaInternals.AmqpFault): void {
    this.#peer.detach(this, fault)
  }

  gone(): void {
    this.#gone = true
    for (const delivery of this.#tokens.keys()) rheaInternals.forget(delivery)
    this.#tokens.clear()
    this.#entity.removeConsumer(this)
  }
}

interface OutcomeState {
  undeliverable_here?: boolean
  message_annotations?: Record<string, unknown>
  error?: { info?: Record<string, unknown> }
}

/** Service Bus's reading of AMQP outcomes: "Transfers, locks, and settlement" in the AMQP protocol guide. */
function settlementOf(name: OutcomeName, state: unknown): Settlement {
  const { undeliverable_here, message_annotations: properties, error } = (state ?? {}) as OutcomeState
  if (name === 'accepted') return { kind: 'complete' }
  if (name === 'released') return { kind: 'abandon' }
  if (name === 'modified') return { kind: undeliverable_here ? 'defer' : 'abandon', properties }
  const { DeadLetterReason, DeadLetterErrorDescription, ...rest } = error?.info ?? {}
  const text = (value: unknown) => (value === undefined || value === null ? undefined : String(value))
  return { kind: 'deadLetter', reason: text(DeadLetterReason), description: text(DeadLetterErrorDescription), properties: rest }
}
