/**
 * What a person and a program are told about each outcome. A new outcome does not compile until it stands here.
 *
 * `title` is the plain sentence in English; pages show their own words, in the person's language, by `code`.
 */
import { type Outcome, type OutcomeKind, outcomes } from '../../shared/outcome.ts'
import type { Answer, Json } from './problem.ts'

export const answers = {
  done: { status: 200, title: 'Your password has been changed.' },
  doneCloudPending: {
    status: 200,
    title: 'Your password has been changed on-premises; cloud sign-in follows with the next synchronization.',
  },
  unlocked: { status: 200, title: 'Your account is unlocked. Your password is the one it was.' },
  'policy.length': { status: 422, title: 'The password is too short.' },
  'policy.complexity': { status: 422, title: 'The password needs characters of more kinds.' },
  'policy.containsName': { status: 422, title: 'The password must not contain your name or account name.' },
  'policy.history': { status: 422, title: 'You have used this password before.' },
  'policy.minAge': { status: 422, title: 'Your password was changed too recently to be changed again.' },
  'policy.filter': { status: 422, title: "Your organization's password filter does not accept this password." },
  'policy.banned': { status: 422, title: "The password is on your organization's list of guessable passwords." },
  wrongPassword: {
    status: 422,
    title: 'The current password is not right, or it cannot be changed here now. You can reset the password instead.',
  },
  userNotFound: { status: 409, title: 'Your on-premises account was not found. Ask your administrator.' },
  ambiguousUser: { status: 409, title: 'More than one account claims this identity. Ask your administrator.' },
  notLinked: { status: 409, title: 'Your account is not set up for this. Ask your administrator.' },
  notEligible: { status: 403, title: 'Your account may not do this here. Ask your administrator.' },
  protectedAccount: { status: 403, title: 'An administrator has to change this password on-premises.' },
  permissionDenied: { status: 502, title: 'This is not set up right. Your administrator has been told.' },
  accountDisabled: { status: 403, title: 'Your account is disabled. Ask your administrator.' },
  accountExpired: { status: 403, title: 'Your account has expired. Ask your administrator.' },
  cannotChange: { status: 403, title: "This account's password is not changed this way." },
  smartCardRequired: { status: 403, title: 'This account signs in with a smart card; it has no password to change.' },
  accountLocked: { status: 423, title: 'Your account is locked. Unlock it or reset the password.' },
  directoryUnavailable: { status: 503, title: 'The on-premises directory could not be reached. Nothing was changed; try again.' },
  busy: { status: 503, title: 'Another request of yours is under way, or there are too many at once. Nothing was changed.' },
  serviceDown: { status: 503, title: "Your password can't be reset right now. Nothing was sent." },
  clockUnsure: { status: 503, title: 'This is not set up right (time). Nothing was changed.' },
  expired: { status: 504, title: 'It took too long and was not begun. Nothing was changed; try again.' },
  superseded: { status: 409, title: 'Your password was changed by someone else meanwhile.' },
  unknown: { status: 504, title: 'We cannot tell yet: try the new password, then the old one. If we find out, we write to you.' },
  rejected: { status: 500, title: 'This is not set up right. Nothing was changed.' },
  disabled: { status: 403, title: 'This is not switched on for your organization.' },
  cloudOnly: { status: 409, title: 'Your password is kept in the cloud, not on-premises.' },
} as const satisfies Record<OutcomeKind, { status: number; title: string }>

/** `more` may add the flow's state; the numbers that belong to an outcome (length, time) come along by their own names. */
export function answerOf(outcome: Outcome, more: { readonly [key: string]: Json | undefined } = {}): Answer {
  const { kind, ...detail } = outcome
  const { status, title } = answers[kind]
  const { effect, retryable } = outcomes[kind]
  const facts = { code: kind, effect, retryable, ...readable(detail), ...more }
  if (status === 200) return { status, body: { title, ...facts } }
  return { status, body: { type: `urn:password-writeback:outcome:${kind}`, title, status, ...facts } }
}

/** The last moment a Date can hold (ECMA-262, Time Values); an agent's number may be larger. */
const latestMs = 8.64e15

function readable(detail: object): { readonly [key: string]: Json | undefined } {
  if ('retryAt' in detail && typeof detail.retryAt === 'number') {
    return { retryAt: new Date(Math.min(detail.retryAt, latestMs)).toISOString() }
  }
  return detail as { [key: string]: Json }
}
