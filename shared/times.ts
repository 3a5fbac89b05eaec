/**
 * The durations both sides agree on, and the four inequalities that make the promises hold (docs/protocol.md, Times).
 *
 * They come from configuration on each side; the request repeats `startWithinMs`. A set that breaks an inequality is
 * refused at start: with it, "not changed" could be said of a password that is set a moment later.
 */
import { Fault } from './fault.ts'

export interface Times {
  /** The HTTP answer is given by then, whatever is known. */
  answerMs: number
  /** A request's time to live on the queue, less what has passed since the submit. */
  ttlMs: number
  /** No write is begun when the message is older. */
  startWithinMs: number
  /** One LDAP operation. */
  ldapMs: number
  /** Peek-lock on `requests`. */
  lockMs: number
}

export const defaultTimes: Times = { answerMs: 30_000, ttlMs: 26_000, startWithinMs: 14_000, ldapMs: 8_000, lockMs: 10_000 }

/** The inequalities that a set breaks, in words. */
export const brokenTimes = (t: Times): string[] =>
  [
    t.ldapMs + 1_000 < t.lockMs ? '' : 'ldapMs + 1 s < lockMs',
    t.startWithinMs > t.lockMs + 2_000 ? '' : 'startWithinMs > lockMs + 2 s',
    t.startWithinMs + t.lockMs < t.ttlMs ? '' : 'startWithinMs + lockMs < ttlMs',
    t.ttlMs + 3_000 < t.answerMs ? '' : 'ttlMs + 3 s < answerMs',
  ].filter((rule) => rule !== '')

export function checkTimes(t: Times): Times {
  const broken = brokenTimes(t)
  if (broken.length > 0) throw new Fault('TIMES_INVALID', `these must hold: ${broken.join('; ')}`, { permanent: true })
  return t
}
