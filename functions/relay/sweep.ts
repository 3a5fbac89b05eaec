/**
 * Replies whose instance is gone: it died while somebody waited, or lost its session and took a new one.
 *
 * Each instance has a session of its own, which a live one holds; a session that can be had has nobody. What lies on it is
 * opened with the key it names and settles its flow, like every outcome that comes late (reset/settle.ts), before it expires
 * there. A request that this very instance still waits for is answered. Nothing is taken from a live instance, and settling
 * twice changes nothing.
 */
import type { Clock } from '../../shared/clock.ts'
import { type PackageKey, readKeyVersion, rejected } from '../../shared/envelope.ts'
import { faultWord, isFault } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import type { Outcome } from '../../shared/outcome.ts'
import type { Delivery, Handle } from '../../shared/relay/client.ts'
import { idOf, openReply } from '../../shared/seal.ts'
import type { Ask } from './ask.ts'

export interface SweepDeps {
  tenantId: Buffer
  keys: { packageKey(version: Buffer): Promise<PackageKey> }
  link: { ready(signal: AbortSignal): Promise<{ drainNextSession(handle: Handle): Promise<string | undefined> }> }
  asking: Pick<Ask, 'knows' | 'receive'>
  settle(messageId: string, outcome: Outcome): Promise<void>
  clock: Clock
  log: Log
}

const linkMs = 10_000
/** A reply that could not be settled stays on its session for the next time: each session once. */
const maxSessions = 20
/** So that a vault or a table that is away does not use up the ten deliveries of a reply at once. */
const pauseMs = 250

/** Resolves with the number of sessions that were swept. Faults of the broker are thrown: the next time finds what is left. */
export async function sweepReplies(deps: SweepDeps): Promise<number> {
  const link = await deps.link.ready(deps.clock.deadline(linkMs))
  const swept = new Set<string>()
  while (swept.size < maxSessions) {
    const sessionId = await link.drainNextSession((delivery) => sweep(delivery, deps))
    if (sessionId === undefined || swept.has(sessionId)) break
    swept.add(sessionId)
  }
  return swept.size
}

async function sweep(delivery: Delivery, deps: SweepDeps): Promise<void> {
  const messageId = typeof delivery.correlationId === 'string' ? delivery.correlationId : ''
  if (deps.asking.knows(messageId)) return deps.asking.receive(delivery)
  try {
    const outcome = await open(delivery, deps)
    if (outcome) await deps.settle(messageId, outcome)
    else deps.log('replyRejected', { request: messageId || undefined })
    await delivery.complete()
  } catch (error) {
    deps.log('relayError', { request: messageId || undefined, fault: faultWord(error) })
    await deps.clock.sleep(pauseMs, { unref: true })
    await delivery.abandon().catch(() => {})
  }
}

/** Undefined: not authentic. */
async function open({ correlationId, body }: Delivery, { tenantId, keys }: SweepDeps): Promise<Outcome | undefined> {
  try {
    const id = idOf(correlationId)
    if (body === undefined) throw rejected()
    return openReply(body, await keys.packageKey(readKeyVersion(body)), tenantId, id).outcome
  } catch (error) {
    if (isFault(error, 'ENVELOPE_REJECTED')) return undefined
    throw error
  }
}
