/**
 * One AMQP connection and what hangs on it: grants, links, and the links on which `$cbs` and `$management` answer.
 *
 * Invariant: a link that is gone (detached, its session ended, its connection lost) has been told so exactly once, and a
 * link whose grant has expired is closed, as the service does when a token is not renewed.
 */
import type { Connection, Sender } from 'rhea'
import type { Claim } from '../../infra/topology.ts'
import type { Clock } from '../../shared/clock.ts'
import { Alarm } from './alarm.ts'
import { type Grant, Grants } from './authorization.ts'
import type { Totals } from './broker.ts'
import { type AmqpFault, captureTransfers, type Link, requested } from './rhea-internals.ts'
import { amqpFault } from './wire.ts'

/** A link to an entity. */
export interface Attached {
  readonly link: Link
  readonly path: string
  readonly claim: Claim
  /** Last time anything passed; for idle detach. */
  lastUsedAt: number
  gone(): void
}

export class Peer {
  readonly connection: Connection
  readonly grants = new Grants()
  /** Bytes of the message that is being dispatched. */
  readonly transferBytes: () => Buffer
  readonly #clock: Clock
  readonly #totals: Totals
  readonly #attached = new Set<Attached>()
  readonly #replyLinks: Sender[] = []
  readonly #expiry: Alarm

  constructor(connection: Connection, { clock, totals }: { clock: Clock; totals: Totals }) {
    this.connection = connection
    this.transferBytes = captureTransfers(connection)
    this.#clock = clock
    this.#totals = totals
    this.#expiry = new Alarm(clock, () => this.#enforceGrants())
  }

  grant(resource: string, grant: Grant): void {
    this.grants.add(resource, grant)
    this.#expiry.by(grant.expiresAt)
  }

  may(path: string, claim: Claim): boolean {
    return this.grants.allows(path, claim, this.#clock.now())
  }

  attached(): Attached[] {
    return [...this.#attached]
  }

  attach(attached: Attached): void {
    this.#attached.add(attached)
    attached.link.on(attached.link.is_receiver() ? 'receiver_close' : 'sender_close', () => {
      this.#totals.detaches += 1
      this.#drop(attached)
    })
  }

  /** The link goes on as something else. */
  forget(attached: Attached): void {
    this.#attached.delete(attached)
  }

  /** Closes a link from this side, without a reason if none is given. */
  detach(attached: Attached, fault?: AmqpFault): void {
    attached.link.close(fault)
    this.#drop(attached)
  }

  #drop(attached: Attached): void {
    if (this.#attached.delete(attached)) attached.gone()
  }

  /** The links of one AMQP session, or all of them, are gone. */
  lost(session?: unknown): void {
    for (const attached of this.attached()) if (session === undefined || attached.link.session === session) this.#drop(attached)
    if (session === undefined) this.#expiry.stop()
  }

  /** How many there were. */
  expireGrants(): number {
    const count = this.grants.clear()
    this.#enforceGrants()
    return count
  }

  #enforceGrants(): void {
    const expired = amqpFault('amqp:unauthorized-access', 'ExpiredToken: The token has expired.')
    for (const attached of this.attached()) if (!this.may(attached.path, attached.claim)) this.detach(attached, expired)
    const next = this.grants.nextExpiry(this.#clock.now())
    if (Number.isFinite(next)) this.#expiry.by(next)
  }

  addReplyLink(link: Sender): void {
    this.#replyLinks.push(link)
    link.on('sender_close', () => this.#replyLinks.splice(this.#replyLinks.indexOf(link), 1))
  }

  /** `reply_to` may be the name of the answering link or its target address; some clients give neither and share a session. */
  replyLink(replyTo: unknown, request: Link): Sender | undefined {
    const addressed = this.#replyLinks.find((link) => link.name === replyTo || requested(link).target?.address === replyTo)
    return addressed ?? this.#replyLinks.find((link) => link.session === request.session)
  }
}
