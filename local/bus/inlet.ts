/**
 * A link on which a client sends: checks what the service checks, stores, and answers the transfer.
 *
 * Order of the checks: an ordered fault, size, encoding, session id. A batch is stored whole or not at all.
 */
import type { Delivery, EventContext, Receiver } from 'rhea'
import type { Entity } from './entity.ts'
import type { FaultSpec, Faults } from './faults.ts'
import { type Message, readBatch, readMessage } from './message.ts'
import type { Attached, Peer } from './peer.ts'
import { type AmqpFault, forget } from './rhea-internals.ts'
import { amqpFault } from './wire.ts'

/** Standard tier, whole message or batch. */
export const maxMessageBytes = 256 * 1024

const busy = 'The request was terminated because the entity is being throttled. Error code : 50009. Please wait 2 seconds and try again.'
const noSession =
  'The SessionId was not set on a message, and it cannot be sent to the entity. Entities that have session support enabled can only receive messages that have the SessionId set to a valid value.'

export const sessionMissing = (entity: Entity, message: Message): AmqpFault | undefined =>
  entity.settings.requiresSession && message.sessionId === undefined ? amqpFault('amqp:not-allowed', noSession) : undefined

export class Inlet implements Attached {
  readonly link: Receiver
  readonly path: string
  readonly claim = 'Send'
  lastUsedAt: number
  readonly #entity: Entity
  readonly #peer: Peer
  readonly #faults: Faults
  readonly #now: () => number

  constructor(link: Receiver, path: string, entity: Entity, around: { peer: Peer; faults: Faults; now: () => number }) {
    this.link = link
    this.path = path
    this.#entity = entity
    this.#peer = around.peer
    this.#faults = around.faults
    this.#now = around.now
    this.lastUsedAt = around.now()
    link.on('message', ({ delivery }: EventContext) => delivery && this.#onTransfer(delivery))
  }

  #onTransfer(delivery: Delivery) {
    this.lastUsedAt = this.#now()
    const { name } = this.#entity
    if (this.#faults.take('ignoreSends', name)) return forget(delivery)
    const ordered = this.#faults.take('rejectSends', name)
    const refusal = ordered ? orderedRefusal(ordered) : this.#store(this.#peer.transferBytes(), delivery.format !== 0)
    if (this.#faults.take('sendsInDoubt', name)) return forget(delivery)
    if (refusal) delivery.reject(refusal)
    else delivery.accept()
  }

  #store(encoded: Buffer, isBatch: boolean): AmqpFault | undefined {
    if (encoded.length > maxMessageBytes) return tooLarge(encoded.length)
    const messages = decode(encoded, isBatch)
    if (!messages) return amqpFault('amqp:decode-error', 'The message could not be decoded.')
    const refusal = messages.map((message) => sessionMissing(this.#entity, message)).find((fault) => fault !== undefined)
    if (refusal) return refusal
    for (const message of messages) this.#entity.offer(message)
    return undefined
  }

  gone(): void {}
}

const orderedRefusal = ({ condition }: FaultSpec) =>
  condition === undefined
    ? amqpFault('com.microsoft:server-busy', busy)
    : amqpFault(condition, 'The request was refused by order of a test.')

const tooLarge = (bytes: number) =>
  amqpFault(
    'amqp:link:message-size-exceeded',
    `The received message (size:${bytes} bytes) exceeds the limit (${maxMessageBytes} bytes) currently allowed on the link.`,
  )

function decode(encoded: Buffer, isBatch: boolean): Message[] | undefined {
  try {
    return isBatch ? readBatch(encoded) : [readMessage(encoded)]
  } catch {
    return undefined // rhea's reader throws whatever reading past the end happens to throw
  }
}
