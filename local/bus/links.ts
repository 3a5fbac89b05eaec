/**
 * What a client may attach to: `$cbs`, an entity's `$management`, or the entity itself, in either direction.
 *
 * Each `open…` answers the attach, or returns why it is refused. A right is asked for before existence. Attaching without
 * a filter to a session queue, or with one to a plain queue, is refused ("Message sessions", AMQP session-filter).
 */
import type { Connection, EventContext, Receiver, Sender } from 'rhea'
import type { Claim } from '../../infra/topology.ts'
import type { Broker } from './broker.ts'
import { serveCbs } from './cbs.ts'
import type { Entity } from './entity.ts'
import { Inlet, maxMessageBytes } from './inlet.ts'
import { serveManagement } from './management.ts'
import { Outlet } from './outlet.ts'
import type { Peer } from './peer.ts'
import { type AmqpFault, answering, answerTermini, refuseAttach, requested } from './rhea-internals.ts'
import { acceptSession, type SessionPlace, sessionFilter } from './session-links.ts'
import { amqpFault, deadLetterSuffix, entityPath, managementSuffix, notFound, unauthorized } from './wire.ts'

const cbsNode = '$cbs'

export function serveLinks(connection: Connection, peer: Peer, broker: Broker): void {
  connection.on('sender_open', ({ sender: link }: EventContext) => {
    if (!link) return
    broker.totals.attaches += 1
    const refusal = openOutgoing(link, peer, broker)
    if (refusal) refuseAttach(link, refusal)
  })
  connection.on('receiver_open', ({ receiver: link }: EventContext) => {
    if (!link) return
    broker.totals.attaches += 1
    const refusal = openIncoming(link, peer, broker)
    if (refusal) refuseAttach(link, refusal)
  })
}

function openOutgoing(link: Sender, peer: Peer, broker: Broker): AmqpFault | undefined {
  const path = entityPath(requested(link).source?.address)
  if (path === cbsNode) return openReplies(link, peer)
  if (path.endsWith(managementSuffix)) {
    const found = managedEntity(path, peer, broker)
    return 'condition' in found ? found : openReplies(link, peer)
  }
  const found = permittedEntity(path, 'Listen', peer, broker)
  if ('condition' in found) return found
  const { snd_settle_mode, rcv_settle_mode, source } = requested(link)
  Object.assign(answering(link), { snd_settle_mode, rcv_settle_mode })
  const place = { path, entity: found, around: { peer, faults: broker.faults, now: () => broker.clock.now() } }
  const wantsSession = sessionFilter in (source?.filter ?? {})
  if (!found.sessions) return wantsSession ? sessionNotNeeded() : openPlain(link, place)
  return wantsSession ? acceptSession(link, { ...place, sessions: found.sessions, clock: broker.clock }) : sessionNeeded()
}

function openIncoming(link: Receiver, peer: Peer, broker: Broker): AmqpFault | undefined {
  const path = entityPath(requested(link).target?.address)
  if (path === cbsNode) {
    answerTermini(link)
    serveCbs(link, peer, broker)
    return undefined
  }
  if (path.endsWith(managementSuffix)) {
    const found = managedEntity(path, peer, broker)
    if ('condition' in found) return found
    answerTermini(link)
    serveManagement(link, peer, broker, found)
    return undefined
  }
  const found = permittedEntity(path, 'Send', peer, broker)
  if ('condition' in found) return found
  if (path.endsWith(deadLetterSuffix)) return amqpFault('amqp:not-allowed', 'Messages cannot be sent to a dead-letter queue.')
  answerTermini(link)
  answering(link).max_message_size = maxMessageBytes
  peer.attach(new Inlet(link, path, found, { peer, faults: broker.faults, now: () => broker.clock.now() }))
  return undefined
}

function permittedEntity(path: string, claim: Claim, peer: Peer, broker: Broker): Entity | AmqpFault {
  if (!peer.may(path, claim)) return unauthorized(claim, path)
  return broker.entities.get(path) ?? notFound(path)
}

/** Any right opens the node; each operation asks for its own. */
function managedEntity(path: string, peer: Peer, broker: Broker): Entity | AmqpFault {
  if (!peer.may(path, 'Listen') && !peer.may(path, 'Send')) return unauthorized('Listen', path)
  return broker.entities.get(path.slice(0, -managementSuffix.length)) ?? notFound(path)
}

function openReplies(link: Sender, peer: Peer): undefined {
  answerTermini(link)
  peer.addReplyLink(link)
}

function openPlain(link: Sender, { path, entity, around }: Omit<SessionPlace, 'sessions' | 'clock'>): undefined {
  answerTermini(link)
  around.peer.attach(new Outlet(link, path, entity, around))
}

const sessionNeeded = () =>
  amqpFault('amqp:not-allowed', 'It is not possible for an entity that requires sessions to create a non-sessionful message receiver.')
const sessionNotNeeded = () =>
  amqpFault('amqp:not-allowed', 'A sessionful message receiver cannot be created on an entity that does not require sessions.')
