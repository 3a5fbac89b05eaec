/**
 * What people are told by mail, in simple words: what happened, when, and what to do if it was not them.
 *
 * No links (so that nobody learns to follow one), no names, no password, no reason a stranger could learn from. Text only.
 */
import { type Effect, type Outcome, outcomes } from '../../shared/outcome.ts'

export interface Message {
  subject: string
  text: string
}

/** `at`: ms since the epoch. */
export function codeMessage(code: string, validMinutes: number, at: number): Message {
  return {
    subject: 'Your code to reset your password',
    text: paragraphs(
      `Your code is ${code}`,
      `Type it into the page where you asked for it. It works for ${minutes(validMinutes)}. Nobody will ever ask you for it: not by phone, and not by mail.`,
      `Somebody asked for it on ${when(at)}. If it was not you, do nothing: without this code your password cannot be reset. If it happens again, tell your administrator.`,
    ),
  }
}

/** What the person asked for. */
export type Asked = 'reset' | 'change' | 'unlock'

export function outcomeMessage(outcome: Outcome, asked: Asked, at: number): Message {
  const effect = outcome.kind === 'unlocked' ? 'changed' : outcomes[outcome.kind].effect
  const { subject, happened, advice } = messages[asked][effect]
  const follows =
    outcome.kind === 'doneCloudPending' ? ['Cloud services follow within a few minutes; until then they may ask for the old one.'] : []
  return { subject, text: paragraphs(`${happened} This was on ${when(at)}.`, ...follows, advice) }
}

/** A change of how a person proves who they are. */
export type MethodChange = 'added' | 'removed'

export function methodMessage(change: MethodChange, at: number): Message {
  const { subject, happened } = methods[change]
  return {
    subject,
    text: paragraphs(
      `${happened} This was on ${when(at)}.`,
      'If it was not you, call your administrator at once: somebody else is signed in as you.',
    ),
  }
}

const methods = {
  added: {
    subject: 'An authenticator app was added',
    happened: 'An authenticator app was added to the ways in which you can prove who you are to reset your password.',
  },
  removed: {
    subject: 'Your authenticator app was removed',
    happened: 'Your authenticator app was removed from the ways in which you can prove who you are to reset your password.',
  },
} as const satisfies Record<MethodChange, { subject: string; happened: string }>

interface OutcomeText {
  subject: string
  happened: string
  advice: string
}

const ofPassword = (act: string, done: string): Record<Effect, OutcomeText> => ({
  changed: {
    subject: `Your password was ${done}`,
    happened: `Your password was ${done}.`,
    advice: 'If it was not you, call your administrator at once: somebody else may be using your account.',
  },
  notChanged: {
    subject: `Your password was not ${done}`,
    happened: `Somebody tried to ${act} your password. It was not changed by that.`,
    advice: 'If it was you, you can try again. If it was not you, tell your administrator.',
  },
  unknown: {
    subject: `We do not know yet whether your password was ${done}`,
    happened: `Your password was about to be ${done}, but the answer did not arrive. It may have been changed or not.`,
    advice:
      'Try the new password first, then the old one. We will write to you again when we know. If it was not you, call your administrator at once.',
  },
})

const messages: Record<Asked, Record<Effect, OutcomeText>> = {
  reset: ofPassword('reset', 'reset'),
  change: ofPassword('change', 'changed'),
  unlock: {
    changed: {
      subject: 'Your account was unlocked',
      happened: 'Your account was unlocked. Your password was not changed by that.',
      advice: 'If it was not you, tell your administrator.',
    },
    notChanged: {
      subject: 'Your account was not unlocked',
      happened: 'Somebody tried to unlock your account. That was not done, and your password was not changed by that.',
      advice: 'If it was you, you can try again. If it was not you, tell your administrator.',
    },
    unknown: {
      subject: 'We do not know yet whether your account was unlocked',
      happened: 'Your account was about to be unlocked, but the answer did not arrive. Your password was not changed by that.',
      advice: 'Sign in to see it. We will write to you again when we know. If it was not you, tell your administrator.',
    },
  },
}

const paragraphs = (...texts: string[]): string => `${texts.join('\n\n')}\n`

const minutes = (count: number): string => (count === 1 ? 'one minute' : `${count} minutes`)

const timeFormat = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' })
const when = (at: number): string => `${timeFormat.format(at)} UTC`
