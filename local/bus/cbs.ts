/**
 * The `$cbs` node: a client puts one token per audience and is told 202, 401 or 404.
 *
 * Replies carry `status-code` and `status-description` (with hyphens, unlike `$management`). Existence of the entity is
 * looked at after the token, so that nobody without rights can probe for names.
 * Source: "Claims-based security" in "AMQP 1.0 in Azure Service Bus and Event Hubs protocol guide".
 */
import type { EventContext, Message, Receiver } from 'rhea'
import { type Grant, type Refusal, verifySas } from './authorization.ts'
import type { Broker } from './broker.ts'
import type { Peer } from './peer.ts'
import { codec } from './rhea-internals.ts'
import { entityPath, notFound, ruledEntity } from './wire.ts'

export function serveCbs(link: Receiver, peer: Peer, broker: Broker): void {
  link.on('message', ({ message, delivery }: EventContext) => {
    delivery?.accept()
    if (!message) return
    broker.totals.putTokens += 1
    if (broker.faults.take('ignoreTokens')) return
    const answer = (status: number, description: string) => {
      if (link.is_open()) peer.replyLink(message.reply_to, link)?.send(reply(message, status, description))
    }
    putToken(peer, broker, message).then(
      (verdict) => (verdict.kind === 'granted' ? answer(202, 'Accepted') : answer(verdict.status, verdict.description)),
      // A judge's own failure must not look like a judgement.
      (cause: unknown) => answer(500, `stand-in failed: ${String(cause)}`),
    )
  })
}

async function putToken(peer: Peer, broker: Broker, request: Message): Promise<Verdict> {
  const { type, name } = request.application_properties ?? {}
  const verdict = broker.faults.take('refuseTokens')
    ? refusedByOrder
    : await judge(broker, tokenText(request.body), String(type), String(name))
  if (verdict.kind === 'granted') peer.grant(verdict.resource, verdict)
  broker.totals[verdict.kind === 'granted' ? 'tokensAccepted' : 'tokensRefused'] += 1
  return verdict
}

const refusedByOrder = { kind: 'refused', status: 401, description: 'Unauthorized by order of a test.' } as const
const conditions: Readonly<Record<number, string>> = { 401: 'amqp:unauthorized-access', 404: 'amqp:not-found', 500: 'amqp:internal-error' }

function reply(request: Message, status: number, description: string): Message {
  const condition = conditions[status]
  return {
    correlation_id: request.message_id as string,
    body: null,
    application_properties: {
      'status-code': codec.wrap_int(status),
      'status-description': description,
      ...(condition === undefined ? {} : { 'error-condition': codec.wrap_symbol(condition) }),
    },
  }
}

type Verdict = (Grant & { resource: string }) | Refusal

async function judge(broker: Broker, token: string, type: string, audience: string): Promise<Verdict> {
  const verdict = await verify(broker, token, type, audience)
  const entity = ruledEntity(entityPath(audience))
  if (verdict.kind === 'refused' || verdict.claims.length === 0 || entity === '' || broker.entities.has(entity)) return verdict
  return { kind: 'refused', status: 404, description: notFound(entity).description }
}

async function verify(broker: Broker, token: string, type: string, audience: string): Promise<Verdict> {
  if (type === 'servicebus.windows.net:sastoken') return verifySas(broker.rules, token, audience, broker.clock.now())
  if (type !== 'jwt' || !broker.verifyJwt) return { kind: 'refused', status: 401, description: `Token type '${type}' is not accepted.` }
  const verdict = await broker.verifyJwt(token, audience)
  return verdict.kind === 'refused' ? verdict : { ...verdict, resource: entityPath(audience) }
}

/** The token is an amqp-value string; some clients put it into a data section. */
function tokenText(body: unknown): string {
  const content = (body as { content?: unknown } | null | undefined)?.content ?? body
  return Buffer.isBuffer(content) ? content.toString('utf8') : String(content)
}
