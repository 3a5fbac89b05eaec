/**
 * The parts of rhea that its typings leave out and a broker cannot do without, each behind one named function.
 *
 * Everything that depends on how rhea 3.0 works inside stands here, so that an upgrade has one file to check:
 * attach frames, credit, the delivery ring of a session, and the raw bytes of a transfer (AMQP 1.0 §2.6, §2.7).
 */
import rhea, { type Connection, type Delivery, type Receiver, type Sender, type Typed } from 'rhea'

export interface AmqpFault {
  condition: string
  description: string
}

interface Reader {
  position: number
  read(): Typed
  remaining(): number
}
interface Writer {
  write(value: Typed): void
  toBuffer(): Buffer
}
/** The codec classes and empty values hang on `rhea.types` at run time only. */
export const codec = rhea.types as typeof rhea.types & {
  Reader: new (buffer: Buffer) => Reader
  Writer: new () => Writer
}

export interface Attach {
  source?: { address?: string; filter?: Record<string, unknown> } | null
  target?: { address?: string } | null
  properties?: Record<string, unknown>
  snd_settle_mode?: number
  rcv_settle_mode?: number
  max_message_size?: number
}
interface LinkInternals {
  local: { attach: Attach }
  remote: { attach: Attach }
  credit: number
  state: { local_open: boolean; open_requests: number }
  session: { outgoing: { next_pending_delivery: number; available(): number } }
}
export type Link = Sender | Receiver
const inside = (link: Link) => link as unknown as LinkInternals

export const requested = (link: Link): Attach => inside(link).remote.attach
export const answering = (link: Link): Attach => inside(link).local.attach

/** Answers both termini as the client asked for them: uamqp waits for ever when one is missing. */
export function answerTermini(link: Link, filter?: Record<string, unknown>): void {
  const { source, target } = requested(link)
  link.set_source({ address: source?.address ?? link.name, ...(filter ? { filter } : {}) })
  link.set_target({ address: target?.address ?? link.name })
}

/** Refuses as AMQP 1.0 §2.6.3 wants it: an attach without the terminus asked for, and a detach with the reason right behind it. */
export function refuseAttach(link: Link, fault: AmqpFault): void {
  const attach = answering(link)
  if (link.is_receiver()) attach.target = null
  else attach.source = null
  link.open()
  link.close(fault)
}

/** rhea answers an attach by itself in the next tick; this takes that back until `link.open()`. */
export function holdAttach(link: Link): void {
  const { state } = inside(link)
  state.local_open = false
  state.open_requests = 0
}

/**
 * rhea lowers `credit` when it writes a transfer, not in `send()`: what still waits in the session's ring is taken off.
 * `sentIds` are the deliveries sent on this link, oldest first; those that have been written are removed from it.
 */
export function creditLeft(link: Sender, sentIds: number[]): number {
  const { credit, session } = inside(link)
  while (sentIds[0] !== undefined && sentIds[0] < session.outgoing.next_pending_delivery) sentIds.shift()
  return credit - sentIds.length
}

/** Free slots in the ring that holds every unsettled delivery of the session. rhea throws when it overflows. */
export const ringSpace = (link: Sender): number => inside(link).session.outgoing.available()

type MutableDelivery = { -readonly [K in keyof Delivery]: Delivery[K] }

/** Gives the slot in the session's ring back without a frame. A slot never given back stops the ring for all behind it. */
export function forget(delivery: Delivery): void {
  const mutable = delivery as MutableDelivery
  mutable.settled = true
  mutable.remote_settled = true
}

/** Settles with an outcome; the peer's own settlement does not follow (§2.6.12), so rhea must not wait for it. */
export function settleWith(delivery: Delivery, outcome: unknown): void {
  if (!delivery.remote_settled) delivery.update(true, outcome)
  forget(delivery)
}

interface Outcomes {
  accepted(): { described(): unknown }
  released(): { described(): unknown }
  rejected(fields: { error?: AmqpFault }): { described(): unknown }
}
const outcomes = rhea.message as unknown as Outcomes
export const accepted = () => outcomes.accepted().described()
export const released = () => outcomes.released().described()
export const rejected = (error?: AmqpFault) => outcomes.rejected(error ? { error } : {}).described()

interface TransferFrame {
  channel: number
  performative: { handle: number; more?: boolean; aborted?: boolean }
  payload?: Buffer
}

/** rhea hands a message over decoded and drops its bytes. Returns a reader of the bytes of the message being dispatched. */
export function captureTransfers(connection: Connection): () => Buffer {
  const parts = new Map<string, Buffer[]>()
  let current = Buffer.alloc(0)
  const dispatch = connection['on_transfer'] as (frame: TransferFrame) => void
  connection['on_transfer'] = function onTransfer(this: Connection, frame: TransferFrame) {
    const key = `${frame.channel}/${frame.performative.handle}`
    const soFar = [...(parts.get(key) ?? []), ...(frame.payload ? [frame.payload] : [])]
    if (frame.performative.more) parts.set(key, soFar)
    else {
      parts.delete(key)
      current = Buffer.concat(soFar)
    }
    dispatch.call(this, frame)
  }
  return () => current
}

/** rhea does not listen for `close` on a socket: without this its heartbeat timers outlive a destroyed one. */
export function connectionLost(connection: Connection): void {
  ;(connection as unknown as { _disconnected(): void })._disconnected()
}

/** Has rhea write what it owes (a drained flow, §2.6.7) outside the processing of an incoming frame. */
export function writeSoon(connection: Connection): void {
  ;(connection as unknown as { _register(): void })._register()
}
