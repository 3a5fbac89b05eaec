/**
 * The message store of one queue: peek-lock, time to live, delivery count, dead-lettering, duplicate detection.
 *
 * Knows nothing of links or connections. Invariants: an entry is in exactly one state; only a locked entry has a lock;
 * a lock is lost at its end and not before, whatever happens to the link it was delivered on ("Message transfers, locks,
 * and settlement"); an expired message is never delivered, but one that expires while locked may still be completed.
 */
import { randomBytes } from 'node:crypto'
import type { Queue } from '../../infra/topology.ts'
import { AcceptedIds } from './duplicates.ts'
import { type Entry, nextChange, type Offer, type Settlement } from './entry.ts'
import { deadLetter, deadLetterProperties, type Message, withProperties } from './message.ts'

export interface Surroundings {
  now(): number
  /** A message may have become available. */
  available(): void
  /** Something ends at this time: call `sweep` then. */
  by(at: number): void
  /** Where dead letters go; a dead-letter queue has none. */
  deadLetters?: MessageQueue
}

export const noCounts = { sent: 0, delivered: 0, completed: 0, abandoned: 0, lockExpired: 0, expired: 0, duplicates: 0 }

export class MessageQueue {
  readonly name: string
  readonly counts = { ...noCounts }
  readonly #settings: Queue
  readonly #around: Surroundings
  readonly #entries = new Map<number, Entry>()
  readonly #locks = new Map<string, Entry>()
  readonly #accepted: AcceptedIds
  #sequence = 0

  constructor(name: string, settings: Queue, around: Surroundings) {
    this.name = name
    this.#settings = settings
    this.#around = around
    this.#accepted = new AcceptedIds(settings.duplicateDetectionMs)
  }

  entries(): IterableIterator<Entry> {
    return this.#entries.values()
  }

  /** What a sender may ask for at most (the service lowers a longer time to live silently). */
  timeToLiveMs(message: Message): number {
    return Math.min(message.timeToLiveMs ?? Number.POSITIVE_INFINITY, this.#settings.ttlMs)
  }

  offer(message: Message, { deliveryCount = 0, delayMs = 0 }: { deliveryCount?: number; delayMs?: number | undefined } = {}): Offer {
    const now = this.#around.now()
    if (!this.#accepted.add(message.messageId, now)) {
      this.counts.duplicates += 1
      return { kind: 'duplicate' }
    }
    this.counts.sent += 1
    this.#sequence += 1
    const scheduled = (message.scheduledAt ?? 0) > now
    const enqueuedAt = scheduled ? (message.scheduledAt ?? now) : now
    const entry: Entry = {
      sequence: this.#sequence,
      message,
      state: scheduled ? 'scheduled' : 'active',
      deferred: false,
      deliveryCount,
      enqueuedAt,
      expiresAt: enqueuedAt + this.timeToLiveMs(message),
      availableAt: enqueuedAt + delayMs,
      lock: undefined,
    }
    this.#entries.set(entry.sequence, entry)
    this.#around.by(nextChange(entry, now))
    this.#around.available()
    return { kind: 'enqueued', sequence: entry.sequence }
  }

  /** Locks the oldest available message, for a session queue the oldest of that session while the session is locked. */
  take({ session, newestFirst = false }: { session?: { id: string; until: number }; newestFirst?: boolean } = {}): Entry | undefined {
    const now = this.#around.now()
    for (const entry of newestFirst ? [...this.#entries.values()].reverse() : this.#entries.values()) {
      if (entry.state !== 'active' || entry.deferred) continue
      if (session && entry.message.sessionId !== session.id) continue
      if (entry.expiresAt <= now) this.#expire(entry)
      else if (entry.availableAt <= now) return this.#lock(entry, session)
      else if (session) return undefined
    }
    return undefined
  }

  /** Locks deferred messages by number: all of them or none. */
  takeDeferred(sequences: readonly number[], session?: { id: string; until: number }): Entry[] | undefined {
    const found = sequences.map((sequence) => this.#entries.get(sequence))
    const entries = found.filter(
      (entry) => entry?.deferred && entry.state === 'active' && (!session || entry.message.sessionId === session.id),
    )
    if (entries.length !== sequences.length) return undefined
    return entries.flatMap((entry) => (entry ? [this.#lock(entry, session)] : []))
  }

  #lock(entry: Entry, session: { until: number } | undefined): Entry {
    const until = session?.until ?? this.#around.now() + this.#settings.lockMs
    entry.state = 'locked'
    entry.lock = { token: randomBytes(16).toString('hex'), until, bySession: session !== undefined }
    this.#locks.set(entry.lock.token, entry)
    this.counts.delivered += 1
    if (!session) this.#around.by(until)
    return entry
  }

  /** The locked entry, unless its lock has ended (timers may be late, the clock is not). */
  #held(token: string): Entry | undefined {
    const entry = this.#locks.get(token)
    if (entry?.lock && !entry.lock.bySession && entry.lock.until <= this.#around.now()) this.#loseLock(entry)
    return this.#locks.get(token)
  }

  holds(token: string): boolean {
    return this.#held(token) !== undefined
  }

  /** False: the lock is lost. */
  settle(token: string, settlement: Settlement): boolean {
    const entry = this.#held(token)
    if (!entry) return false
    switch (settlement.kind) {
      case 'complete':
        this.counts.completed += 1
        this.#remove(entry)
        return true
      case 'abandon':
        this.counts.abandoned += 1
        this.#unlock(entry, { counts: true, properties: settlement.properties })
        return true
      case 'defer':
        entry.deferred = true
        this.#unlock(entry, { counts: false, properties: settlement.properties })
        return true
      case 'deadLetter':
        this.#deadLetter(entry, settlement.reason, settlement.description, settlement.properties)
        return true
    }
  }

  /** The lock is lost before its time. False: it was already. */
  lose(token: string): boolean {
    const entry = this.#held(token)
    if (entry) this.#loseLock(entry)
    return entry !== undefined
  }

  /** The new end of the lock; undefined when it is lost. */
  renew(token: string): number | undefined {
    const entry = this.#held(token)
    if (!entry?.lock) return undefined
    entry.lock.until = this.#around.now() + this.#settings.lockMs
    this.#around.by(entry.lock.until)
    return entry.lock.until
  }

  cancelScheduled(sequence: number): boolean {
    const entry = this.#entries.get(sequence)
    if (entry?.state !== 'scheduled') return false
    this.#remove(entry)
    return true
  }

  /** Ends the locks held under a session. Only an expired session lock counts as a delivery ("Message sessions", delivery count). */
  releaseSession(id: string, { expired }: { expired: boolean }): void {
    for (const entry of [...this.#entries.values()]) {
      if (entry.message.sessionId === id && entry.state === 'locked') this.#unlock(entry, { counts: expired })
    }
  }

  /** Does what time alone brings about; returns when to come back. */
  sweep(): number {
    const now = this.#around.now()
    for (const entry of [...this.#entries.values()]) {
      if (entry.state === 'scheduled' && entry.enqueuedAt <= now) {
        entry.state = 'active'
        this.#around.available()
      }
      if (entry.lock && !entry.lock.bySession && entry.lock.until <= now) this.#loseLock(entry)
      if (entry.state === 'active' && entry.expiresAt <= now && this.#entries.has(entry.sequence)) this.#expire(entry)
      else if (entry.availableAt > entry.enqueuedAt && entry.availableAt <= now) this.#around.available()
    }
    let next = Number.POSITIVE_INFINITY
    for (const entry of this.#entries.values()) next = Math.min(next, nextChange(entry, now))
    return next
  }

  #loseLock(entry: Entry): void {
    this.counts.lockExpired += 1
    this.#unlock(entry, { counts: true })
  }

  #unlock(entry: Entry, { counts, properties }: { counts: boolean; properties?: Record<string, unknown> | undefined }): void {
    if (entry.lock) this.#locks.delete(entry.lock.token)
    entry.lock = undefined
    entry.state = 'active'
    if (properties) entry.message = withProperties(entry.message, properties)
    if (counts) entry.deliveryCount += 1
    const { maxDeliveryCount } = this.#settings
    if (entry.expiresAt <= this.#around.now()) this.#expire(entry)
    else if (entry.deliveryCount >= maxDeliveryCount) {
      const description = `Message could not be consumed after ${maxDeliveryCount} delivery attempts.`
      this.#deadLetter(entry, 'MaxDeliveryCountExceeded', description)
    } else {
      this.#around.by(entry.expiresAt)
      this.#around.available()
    }
  }

  #expire(entry: Entry): void {
    this.counts.expired += 1
    if (this.#settings.deadLetterOnExpiry) this.#deadLetter(entry, 'TTLExpiredException', 'The message expired and was dead lettered.')
    else this.#remove(entry)
  }

  #deadLetter(entry: Entry, reason?: string, description?: string, properties?: Record<string, unknown>): void {
    this.#remove(entry)
    const letter = deadLetter(entry.message, this.name, { ...properties, ...deadLetterProperties(reason, description) })
    const target = this.#around.deadLetters ?? this
    target.offer(letter, { deliveryCount: entry.deliveryCount })
  }

  #remove(entry: Entry): void {
    if (entry.lock) this.#locks.delete(entry.lock.token)
    entry.lock = undefined
    this.#entries.delete(entry.sequence)
  }
}
