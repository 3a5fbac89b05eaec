/**
 * What tests and the local start page may see and do: JSON in, JSON out.
 *
 * `send` is the attacker who holds the queue: it enqueues without a token. `down` and `up` are an outage that keeps what
 * is stored, as the service does.
 */
import type { IdentityName } from '../../infra/topology.ts'
import type { Broker } from './broker.ts'
import type { Connections, Ending } from './connections.ts'
import type { Accepted, Entity } from './entity.ts'
import type { FaultSpec } from './faults.ts'
import type { Listeners } from './listeners.ts'
import { readMessage, writeFields } from './message.ts'
import { Outlet } from './outlet.ts'
import type { Attached, Peer } from './peer.ts'
import { amqpFault } from './wire.ts'

export type QueueStats = {
  active: number
  scheduled: number
  deferred: number
  locked: number
  deadLettered: number
  /** Stored, from clients and from `send`. */
  sent: number
  delivered: number
  completed: number
  abandoned: number
  lockExpired: number
  expired: number
  /** Accepted and dropped. */
  duplicates: number
  receivers: number
}

export type RecentMessage = {
  messageId: string
  correlationId: string | null
  sessionId: string | null
  bodyBase64: string
  bodyBytes: number
  /** The whole AMQP message as it was sent, without the transfer frame around it. */
  encodedBytes: number
  timeToLiveMs: number | null
  enqueuedAt: number
  duplicate: boolean
}

export type SendSpec = {
  bodyBase64: string
  messageId: string
  correlationId?: string
  sessionId?: string
  replyToSessionId?: string
  timeToLiveMs?: number
}

function statsOf({ queue, consumers, deadLetters }: Entity): QueueStats {
  const entries = [...queue.entries()]
  const count = (state: string, deferred = false) => entries.filter((entry) => entry.state === state && entry.deferred === deferred).length
  return {
    active: count('active'),
    scheduled: count('scheduled'),
    deferred: count('active', true),
    locked: count('locked') + count('locked', true),
    deadLettered: deadLetters ? [...deadLetters.queue.entries()].length : 0,
    ...queue.counts,
    receivers: consumers.size,
  }
}

const recentOf = ({ message, enqueuedAt, duplicate }: Accepted): RecentMessage => ({
  messageId: message.messageId,
  correlationId: message.correlationId ?? null,
  sessionId: message.sessionId ?? null,
  bodyBase64: message.body.toString('base64'),
  bodyBytes: message.body.length,
  encodedBytes: message.encodedBytes,
  timeToLiveMs: message.timeToLiveMs ?? null,
  enqueuedAt,
  duplicate,
})

const messageOf = (spec: SendSpec) =>
  readMessage(
    writeFields({
      message_id: spec.messageId,
      correlation_id: spec.correlationId,
      group_id: spec.sessionId,
      reply_to_group_id: spec.replyToSessionId,
      ttl: spec.timeToLiveMs,
      body: Buffer.from(spec.bodyBase64, 'base64'),
    }),
  )

/** Links to one queue, on all connections. */
function linksTo({ name }: Entity, connections: Connections): { peer: Peer; attached: Attached }[] {
  const found = connections.peers().flatMap((peer) => peer.attached().map((attached) => ({ peer, attached })))
  return found.filter(({ attached }) => attached.path === name.toLowerCase())
}

/** As the service words it after ten idle minutes. */
export function detachIdle(peer: Peer, attached: Attached): void {
  const [code, timer] = attached instanceof Outlet ? ['consumer', 'AmqpMessageConsumer'] : ['publisher', 'AmqpMessagePublisher']
  const details = `Code: ${code}(${attached.link.name}). Details: ${timer}.IdleTimerExpired: Idle timeout: 00:10:00.`
  peer.detach(attached, amqpFault('amqp:link:detach-forced', `The link '${attached.link.name}' is force detached. ${details}`))
}

export function busControl(broker: Broker, connections: Connections, listeners: Listeners) {
  const entityNamed = (queue: string): Entity => {
    const entity = broker.entities.get(queue.toLowerCase())
    if (!entity) throw new Error(`no queue '${queue}' among ${[...broker.entities.keys()].join(', ')}`)
    return entity
  }
  return {
    stats(): Record<string, QueueStats> {
      const queues = [...broker.entities.values()].filter((entity) => entity.deadLetters)
      return Object.fromEntries(queues.map((entity) => [entity.name, statsOf(entity)]))
    },
    recent: (queue: string): RecentMessage[] => entityNamed(queue).accepted.map(recentOf),
    send(queue: string, spec: SendSpec): { sequenceNumber: number | null } {
      const offer = entityNamed(queue).offer(messageOf(spec))
      return { sequenceNumber: offer.kind === 'enqueued' ? offer.sequence : null }
    },
    /** Gives an object id the rights of an identity from its next token on, as a role assignment does; `null` takes them away. */
    grant(objectId: string, identity: IdentityName | null): undefined {
      if (identity) broker.principals.set(objectId, identity)
      else broker.principals.delete(objectId)
    },
    /** The keys of a SAS rule from now on; a token that was made with an old one is good until it expires, as at the service. */
    ruleKeys(name: string, keys: string[]): undefined {
      const rules = broker.rules.filter((rule) => rule.name === name)
      if (rules.length === 0) throw new Error(`no rule '${name}'`)
      broker.rules = broker.rules.map((rule) => (rules.includes(rule) ? { ...rule, keys } : rule))
    },
    fault(spec: FaultSpec): undefined {
      if (spec.queue !== undefined) entityNamed(spec.queue)
      broker.faults.order(spec)
    },
    clearFaults(): undefined {
      broker.faults.clear()
      for (const entity of broker.entities.values()) entity.pump()
    },
    /** How many there were. */
    dropConnections: (ending: Ending = {}): number => connections.end(ending),
    /** Detaches all links to the queue as if they had been idle for too long; how many there were. */
    detachIdle(queue: string): number {
      const links = linksTo(entityNamed(queue), connections)
      for (const { peer, attached } of links) detachIdle(peer, attached)
      return links.length
    },
    /** Detaches all links to the queue and gives no reason; how many there were. */
    detachSilently(queue: string): number {
      const links = linksTo(entityNamed(queue), connections)
      for (const { peer, attached } of links) peer.detach(attached)
      return links.length
    },
    /** Every token ends now: links are detached as when theirs was not renewed; how many tokens there were. */
    expireTokens: (): number => connections.peers().reduce((count, peer) => count + peer.expireGrants(), 0),
    /** Every connection stays and nothing passes; whoever connects is accepted by the machine and answered by nobody. */
    freeze(): undefined {
      listeners.freeze()
      connections.freeze()
    },
    /** What lay in the buffers passes now, in both directions: also on what `dropConnections` froze. */
    thaw(): undefined {
      connections.thaw()
      listeners.thaw()
    },
    /** New connections are reset; those that are there go on. */
    refuse(refused = true): undefined {
      listeners.refuse(refused)
    },
    totals() {
      const { in: bytesIn, out: bytesOut } = connections.bytes()
      return { ...broker.totals, connections: connections.size, bytesIn, bytesOut }
    },
    /** Nobody listens any more and every connection is gone; messages, locks and clocks go on. */
    async down(): Promise<undefined> {
      const closed = listeners.close()
      connections.end({ silent: 'destroy' })
      await closed
    },
    async up(): Promise<undefined> {
      await listeners.open()
    },
  }
}
