/**
 * What an administrator is told about an operation on somebody else: the outcomes of docs/outcomes.md, in sentences that are
 * not addressed to the person. What to do about each stands there.
 */
import { type OutcomeKind, outcomes } from '../../shared/outcome.ts'
import type { Answer, Json } from '../http/problem.ts'

export type UserOperation = 'adminReset' | 'unlock' | 'check'

const done: Record<UserOperation, string> = {
  adminReset: 'The password was changed.',
  unlock: 'The account is not locked any more.',
  check: 'Nothing that is known speaks against a reset.',
}
const pending = 'The password was changed on-premises; cloud sign-in follows with the next synchronization.'
const unknown = 'It cannot be told yet whether this was done; the audit will say it.'

/** `answer`: what the person would be told (http/answers.ts). Nothing of the flow is in this one; an effect only where a password is meant. */
export function forAdministrators(operation: UserOperation, answer: Answer, facts: { readonly [key: string]: Json | undefined }): Answer {
  const { title: _, state: __, effect, code, ...detail } = answer.body
  if (!isOutcome(code)) return answer
  const title = titleOf(operation, code)
  return { ...answer, body: { title, code, ...(operation === 'adminReset' && { effect }), ...detail, ...facts } }
}

const isOutcome = (code: Json | undefined): code is OutcomeKind => typeof code === 'string' && Object.hasOwn(outcomes, code)

function titleOf(operation: UserOperation, kind: OutcomeKind): string {
  if (kind === 'doneCloudPending') return pending
  if (kind === 'unknown') return unknown
  return kind === 'done' || kind === 'unlocked' ? done[operation] : `Not done: ${kind}.`
}
