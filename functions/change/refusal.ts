/**
 * What may be told of a person before they have shown that they know their current password: nothing. Whoever has somebody's
 * mail, or their session, would learn from any difference, of words or of time.
 */
import type { Clock } from '../../shared/clock.ts'
import type { Outcome, OutcomeKind } from '../../shared/outcome.ts'
import { answerOf } from '../http/answers.ts'
import type { Answer } from '../http/problem.ts'

/** Said of the person or of their account, whether or not the current password was right. */
const aboutThePerson: ReadonlySet<string> = new Set<OutcomeKind>([
  'wrongPassword',
  'userNotFound',
  'ambiguousUser',
  'notLinked',
  'notEligible',
  'protectedAccount',
  'permissionDenied',
  'accountDisabled',
  'accountExpired',
  'cannotChange',
  'smartCardRequired',
  'accountLocked',
  'cloudOnly',
])

export const wrongPassword: Outcome = { kind: 'wrongPassword' }

export const isAbout = ({ body }: Answer): boolean => aboutThePerson.has(String(body['code']))

/** As it may be told: where the flow stands, and whether it was said before, are said of whatever refusal. */
export function masked(answer: Answer): Answer {
  const { state, repeated } = answer.body
  return isAbout(answer) ? answerOf(wrongPassword, { state, ...(repeated && { repeated }) }) : answer
}
export const maskedOutcome = (outcome: Outcome): Outcome => (aboutThePerson.has(outcome.kind) ? wrongPassword : outcome)

/** The directory says this only of a password that it has accepted, or of a change that it has made. */
export const isAccepted = ({ kind }: Outcome): boolean => kind === 'done' || kind === 'doneCloudPending' || kind.startsWith('policy.')

/** A refusal is told at the next of these, counted from the call: where it was found out is not to be seen from outside. */
export function fixedTime(beganAt: number, everyMs: number, clock: Clock): Promise<void> {
  const elapsedMs = clock.monotonic() - beganAt
  return clock.sleep(Math.max(1, Math.ceil(elapsedMs / everyMs)) * everyMs - elapsedMs)
}
