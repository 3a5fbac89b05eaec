/**
 * The session locks of one queue: who holds which session until when, and the state stored with it.
 *
 * A session has at most one holder. Its messages are locked as long as it is: they come free, in order, when the holder
 * goes or the lock ends. Source: "Message sessions".
 */
import type { MessageQueue } from './queue.ts'

export interface Session<Holder> {
  readonly id: string
  readonly holder: Holder
  until: number
}

export class Sessions<Holder> {
  readonly #queue: MessageQueue
  readonly #lockMs: number
  readonly #now: () => number
  readonly #by: (at: number) => void
  readonly #held = new Map<string, Session<Holder>>()
  readonly #states = new Map<string, Buffer>()

  constructor(queue: MessageQueue, lockMs: number, { now, by }: { now: () => number; by: (at: number) => void }) {
    this.#queue = queue
    this.#lockMs = lockMs
    this.#now = now
    this.#by = by
  }

  held(): Session<Holder>[] {
    return [...this.#held.values()]
  }

  /** Undefined: somebody holds it. */
  accept(id: string, holder: Holder): Session<Holder> | undefined {
    if (this.find(id)) return undefined
    const session = { id, holder, until: this.#now() + this.#lockMs }
    this.#held.set(id, session)
    this.#by(session.until)
    return session
  }

  /** The session while its lock lasts. */
  find(id: string): Session<Holder> | undefined {
    const session = this.#held.get(id)
    return session && session.until > this.#now() ? session : undefined
  }

  /** The session with the oldest message among those nobody holds. */
  nextFree(): string | undefined {
    for (const entry of this.#queue.entries()) {
      const id = entry.message.sessionId
      const now = this.#now()
      const waits = entry.state === 'active' && !entry.deferred && entry.expiresAt > now && entry.availableAt <= now
      if (waits && id !== undefined && !this.#held.has(id)) return id
    }
    return undefined
  }

  renew(session: Session<Holder>): number {
    session.until = this.#now() + this.#lockMs
    this.#by(session.until)
    return session.until
  }

  /** The holder has gone. */
  release(session: Session<Holder>): void {
    if (this.#held.get(session.id) !== session) return
    this.#held.delete(session.id)
    this.#queue.releaseSession(session.id, { expired: false })
  }

  /** Ends the locks whose time is over and returns them: their holders have to be told. */
  sweep(): Session<Holder>[] {
    const lost = this.held().filter((session) => session.until <= this.#now())
    for (const session of lost) {
      this.#held.delete(session.id)
      this.#queue.releaseSession(session.id, { expired: true })
    }
    return lost
  }

  nextChange(): number {
    return this.held().reduce((next, session) => Math.min(next, session.until), Number.POSITIVE_INFINITY)
  }

  state(id: string): Buffer | undefined {
    return this.#states.get(id)
  }

  setState(id: string, state: Buffer | undefined): void {
    if (state) this.#states.set(id, state)
    else this.#states.delete(id)
  }
}
