/**
 * The `$management` node of an entity: takes requests, checks the right each needs, and answers.
 *
 * Replies carry `statusCode`, `statusDescription` and `errorCondition` (without hyphens, unlike `$cbs`); 204 has no body.
 * Source: "AMQP 1.0 in Azure Service Bus: request-response-based operations".
 */
import type { EventContext, Message, Receiver } from 'rhea'
import type { Claim } from '../../infra/topology.ts'
import type { Broker } from './broker.ts'
import type { Entity } from './entity.ts'
import { messageOperations } from './message-operations.ts'
import type { Answer, Operation } from './operation.ts'
import type { Peer } from './peer.ts'
import { codec } from './rhea-internals.ts'
import { sessionOperations } from './session-operations.ts'
import { amqpFault, managementSuffix, unauthorized } from './wire.ts'

const operations: Readonly<Record<string, Operation>> = { ...messageOperations, ...sessionOperations }

export function serveManagement(link: Receiver, peer: Peer, broker: Broker, entity: Entity): void {
  link.on('message', ({ message, delivery }: EventContext) => {
    delivery?.accept()
    if (!message) return
    broker.totals.managementRequests += 1
    const answer = answerTo(message, peer, entity)
    peer.replyLink(message.reply_to, link)?.send({
      correlation_id: message.message_id as string,
      application_properties: statusOf(answer),
      body: answer.kind === 'ok' ? answer.body : null,
    })
  })
}

function answerTo(request: Message, peer: Peer, entity: Entity): Answer {
  const name = String(request.application_properties?.['operation'])
  const operation = operations[name]
  if (!operation)
    return { kind: 'refused', status: 501, fault: amqpFault('amqp:not-implemented', `The operation '${name}' is not supported.`) }
  const path = `${entity.name.toLowerCase()}${managementSuffix}`
  const claim: Claim = operation.claim
  if (!peer.may(path, claim)) return { kind: 'refused', status: 401, fault: unauthorized(claim, path) }
  const linkName = request.application_properties?.['associated-link-name']
  return operation.run({ entity, body: request.body ?? {}, linkName: typeof linkName === 'string' ? linkName : undefined })
}

function statusOf(answer: Answer): Record<string, unknown> {
  switch (answer.kind) {
    case 'ok':
      return { statusCode: codec.wrap_int(200), statusDescription: 'OK' }
    case 'nothing':
      return { statusCode: codec.wrap_int(204), statusDescription: 'No Content' }
    case 'refused':
      return {
        statusCode: codec.wrap_int(answer.status),
        statusDescription: answer.fault.description,
        errorCondition: codec.wrap_symbol(answer.fault.condition),
      }
  }
}
