/**
 * What is told of a flow's request, at once or later: an agent says how its work ended, and only the flow knows what was asked.
 */
import type { Outcome } from '../../shared/outcome.ts'
import { maskedOutcome } from '../change/refusal.ts'
import type { Flow, FlowRequest } from './flow.ts'

export function toldAs(outcome: Outcome, operation: FlowRequest['operation']): Outcome {
  if (operation === 'change') return maskedOutcome(outcome)
  return operation === 'unlock' && outcome.kind === 'done' ? { kind: 'unlocked' } : outcome
}

export const toldOutcome = ({ request, outcome }: Pick<Flow, 'request' | 'outcome'>): Outcome | undefined =>
  outcome && toldAs(outcome, request?.operation)
