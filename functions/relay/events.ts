/**
 * The Service Bus function on `events`: opens what an agent said and remembers it.
 *
 * `enqueuedTime` carries its offset (`enqueuedTimeUtc` reaches Node without a zone). What is not authentic is completed in silence. A key that could not be fetched throws, so that the host gives the
 * message back and it is tried again.
 */
import type { InvocationContext } from '@azure/functions'
import type { PackageKey } from '../../shared/envelope.ts'
import { readKeyVersion, rejected } from '../../shared/envelope.ts'
import type { AgentEvent } from '../../shared/event.ts'
import { isFault } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import type { Outcome } from '../../shared/outcome.ts'
import { idOf, messageIdOf, openEvent } from '../../shared/seal.ts'
import type { Agents } from './agents.ts'

export interface EventDeps {
  tenantId: Buffer
  keys: { packageKey(version: Buffer): Promise<PackageKey> }
  agents: Pick<Agents, 'heard'>
  /** A request's outcome that became known late. */
  settle(messageId: string, outcome: Outcome): Promise<void>
  log: Log
}

export const onAgentEvent =
  (deps: EventDeps) =>
  async (body: unknown, context: Pick<InvocationContext, 'triggerMetadata'>): Promise<void> => {
    const event = await open(body, context.triggerMetadata?.['messageId'], deps)
    if (event === undefined) return deps.log('envelopeRejected', { queue: 'events' })
    const enqueuedAt = new Date(String(context.triggerMetadata?.['enqueuedTime'])).getTime()
    const agent = event.agentId.toString('hex')
    const hearing = await deps.agents.heard(event, enqueuedAt)
    deps.log(hearing === 'accepted' ? 'heartbeat' : 'eventRefused', { agent, sequence: event.sequence, reason: event.kind })
    if (hearing === 'revoked') return
    // Its turn matters for who is up. An authentic outcome is true whenever it comes (overtaken by a heartbeat, or again
    // because it could not be written down the first time), and settling twice changes nothing.
    if (event.kind === 'settled') await deps.settle(messageIdOf(event.request), event.outcome)
  }

async function open(body: unknown, messageId: unknown, { tenantId, keys }: EventDeps): Promise<AgentEvent | undefined> {
  try {
    if (!Buffer.isBuffer(body)) throw rejected()
    const id = idOf(messageId)
    return openEvent(body, await keys.packageKey(readKeyVersion(body)), tenantId, id)
  } catch (error) {
    if (isFault(error, 'ENVELOPE_REJECTED')) return undefined
    throw error
  }
}
