/**
 * `$management` operations on messages: renew and settle by lock token, peek, deferred messages, schedule and cancel.
 *
 * Lock tokens come and go as uuids in network order here. Settling this way works for a message whose link is gone: a
 * peek-lock belongs to nobody but the one who knows the token.
 */
import { deliveryBytes } from './delivery.ts'
import type { Entry, Settlement } from './entry.ts'
import { maxMessageBytes, sessionMissing } from './inlet.ts'
import { readMessage } from './message.ts'
import { type Answer, type Operation, ok, type Request, refuse } from './operation.ts'
import type { MessageQueue } from './queue.ts'
import { codec } from './rhea-internals.ts'
import { amqpFault, messageLockLost, readList, readLong, sessionLockLost, wrapLongs, wrapTimestamps } from './wire.ts'

const tokensOf = ({ body }: Request) => readList(body['lock-tokens']).map((token) => (Buffer.isBuffer(token) ? token.toString('hex') : ''))
const sequencesOf = ({ body }: Request) => readList(body['sequence-numbers']).map(readLong)
const lockLost = (): Answer => refuse(410, messageLockLost())
const messageNotFound = (): Answer =>
  refuse(404, amqpFault('com.microsoft:message-not-found', 'Failed to lock one or more specified messages. The message does not exist.'))

function renewLock(request: Request): Answer {
  const { queue } = request.entity
  const tokens = tokensOf(request)
  if (!tokens.every((token) => queue.holds(token))) return lockLost()
  return ok({ expirations: wrapTimestamps(tokens.map((token) => queue.renew(token) ?? 0)) })
}

function updateDisposition(request: Request): Answer {
  const { queue, sessions } = request.entity
  const sessionId = request.body['session-id']
  if (sessions && !sessions.find(String(sessionId))) return refuse(410, sessionLockLost(String(sessionId)))
  const settlement = settlementOf(request.body)
  if (!settlement) return refuse(400, amqpFault('com.microsoft:argument-error', 'The disposition status is not valid.'))
  const tokens = tokensOf(request)
  if (!tokens.every((token) => queue.holds(token))) return lockLost()
  for (const token of tokens) queue.settle(token, settlement)
  return ok()
}

function settlementOf(body: Request['body']): Settlement | undefined {
  const properties = body['properties-to-modify'] as Record<string, unknown> | undefined
  const text = (key: string) => (body[key] === undefined || body[key] === null ? undefined : String(body[key]))
  switch (body['disposition-status']) {
    case 'completed':
      return { kind: 'complete' }
    case 'abandoned':
      return { kind: 'abandon', properties }
    case 'defered': // sic
      return { kind: 'defer', properties }
    case 'suspended':
      return { kind: 'deadLetter', reason: text('deadletter-reason'), description: text('deadletter-description'), properties }
    default:
      return undefined
  }
}

const wrapMessage = (entry: Entry, queue: MessageQueue) => ({ message: codec.wrap_binary(deliveryBytes(entry, queue)) })

function peek({ entity: { queue }, body }: Request): Answer {
  const from = readLong(body['from-sequence-number'])
  const sessionId = body['session-id'] ?? undefined
  const found = [...queue.entries()].filter(
    (entry) => entry.sequence >= from && (sessionId === undefined || entry.message.sessionId === sessionId),
  )
  const messages = found.slice(0, readLong(body['message-count'])).map((entry) => codec.wrap_map(wrapMessage(entry, queue)))
  return messages.length === 0 ? { kind: 'nothing' } : ok({ messages: codec.wrap_list(messages) })
}

function receiveBySequenceNumber(request: Request): Answer {
  const { queue, sessions } = request.entity
  const sessionId = String(request.body['session-id'])
  const session = sessions?.find(sessionId)
  if (sessions && !session) return refuse(410, sessionLockLost(sessionId))
  const entries = queue.takeDeferred(sequencesOf(request), session)
  if (!entries) return messageNotFound()
  const messages = entries.map((entry) => {
    const token = Buffer.from(entry.lock?.token ?? '', 'hex')
    return codec.wrap_map({ ...wrapMessage(entry, queue), 'lock-token': codec.wrap_uuid(token) })
  })
  const deletes = readLong(request.body['receiver-settle-mode']) === 0
  for (const entry of deletes ? entries : []) queue.settle(entry.lock?.token ?? '', { kind: 'complete' })
  return ok({ messages: codec.wrap_list(messages) })
}

function schedule({ entity, body }: Request): Answer {
  const encoded = readList(body['messages']).map((each) => (each as { message: Buffer }).message)
  const bytes = encoded.reduce((sum, each) => sum + each.length, 0)
  if (bytes > maxMessageBytes) return refuse(403, amqpFault('amqp:link:message-size-exceeded', `The messages have ${bytes} bytes.`))
  const messages = encoded.map(readMessage)
  const refusal = messages.map((message) => sessionMissing(entity, message)).find((fault) => fault !== undefined)
  if (refusal) return refuse(400, refusal)
  const offers = messages.map((message) => entity.offer(message))
  return ok({ 'sequence-numbers': wrapLongs(offers.map((offer) => (offer.kind === 'enqueued' ? offer.sequence : 0))) })
}

function cancelScheduled(request: Request): Answer {
  const cancelled = sequencesOf(request).map((sequence) => request.entity.queue.cancelScheduled(sequence))
  return cancelled.every(Boolean) ? ok() : messageNotFound()
}

export const messageOperations: Readonly<Record<string, Operation>> = {
  'com.microsoft:renew-lock': { claim: 'Listen', run: renewLock },
  'com.microsoft:update-disposition': { claim: 'Listen', run: updateDisposition },
  'com.microsoft:peek-message': { claim: 'Listen', run: peek },
  'com.microsoft:receive-by-sequence-number': { claim: 'Listen', run: receiveBySequenceNumber },
  'com.microsoft:schedule-message': { claim: 'Send', run: schedule },
  'com.microsoft:cancel-scheduled-message': { claim: 'Send', run: cancelScheduled },
}
