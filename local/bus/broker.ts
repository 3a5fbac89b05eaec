/**
 * What all connections of one bus share: entities by path, rules, ordered faults, and the running totals.
 */
import type { IdentityName, Queue } from '../../infra/topology.ts'
import type { Clock } from '../../shared/clock.ts'
import type { SasRule, VerifyJwt } from './authorization.ts'
import { Entity } from './entity.ts'
import { Faults } from './faults.ts'
import { deadLetterSuffix } from './wire.ts'

export interface Broker {
  clock: Clock
  rules: readonly SasRule[]
  verifyJwt: VerifyJwt | undefined
  /** Object id → whose rights it has. */
  principals: Map<string, IdentityName>
  faults: Faults
  /** By lower-case path; dead-letter queues stand under their own. */
  entities: ReadonlyMap<string, Entity>
  totals: Totals
}

export const noTotals = {
  connectionsOpened: 0,
  attaches: 0,
  /** By clients, of links to queues; also their answers to a detach from here. */
  detaches: 0,
  putTokens: 0,
  tokensAccepted: 0,
  tokensRefused: 0,
  managementRequests: 0,
  protocolErrors: 0,
}
export type Totals = typeof noTotals

/** Dead letters live until somebody takes them, however often they are delivered. */
const deadLetterSettings = ({ lockMs }: Queue): Queue => ({
  lockMs,
  ttlMs: Number.POSITIVE_INFINITY,
  maxDeliveryCount: Number.POSITIVE_INFINITY,
  requiresSession: false,
  duplicateDetectionMs: 0,
  deadLetterOnExpiry: false,
})

function makeEntities(queues: Readonly<Record<string, Queue>>, around: { clock: Clock; faults: Faults }): Map<string, Entity> {
  const entities = new Map<string, Entity>()
  for (const [name, settings] of Object.entries(queues)) {
    const deadLetters = new Entity(`${name}/$DeadLetterQueue`, deadLetterSettings(settings), around)
    entities.set(name.toLowerCase(), new Entity(name, settings, { ...around, deadLetters }))
    entities.set(`${name.toLowerCase()}${deadLetterSuffix}`, deadLetters)
  }
  return entities
}

export function makeBroker(options: {
  queues: Readonly<Record<string, Queue>>
  rules: readonly SasRule[]
  verifyJwt: VerifyJwt | undefined
  principals: Map<string, IdentityName>
  clock: Clock
}): Broker {
  const faults = new Faults()
  const { queues, rules, verifyJwt, principals, clock } = options
  return { clock, rules, verifyJwt, principals, faults, entities: makeEntities(queues, { clock, faults }), totals: { ...noTotals } }
}
