/**
 * The shape of one `$management` operation: the right it needs, and a function from request to answer.
 */
import type { Claim } from '../../infra/topology.ts'
import type { Entity } from './entity.ts'
import { type AmqpFault, codec } from './rhea-internals.ts'

export interface Request {
  entity: Entity
  /** The request's AMQP map. */
  body: Record<string, unknown>
  /** The receive link on whose behalf a session operation is asked for. */
  linkName: string | undefined
}

export type Answer = { kind: 'ok'; body: unknown } | { kind: 'nothing' } | { kind: 'refused'; status: number; fault: AmqpFault }

export interface Operation {
  claim: Claim
  run(request: Request): Answer
}

export const ok = (body: Record<string, unknown> = {}): Answer => ({ kind: 'ok', body: codec.wrap_map(body) })
export const refuse = (status: number, fault: AmqpFault): Answer => ({ kind: 'refused', status, fault })
