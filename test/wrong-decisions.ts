/**
 * Decisions that are wrong, by name: what the model and the chaos must find when an agent is made with one of them.
 */
import { type Decisions, decisions } from '../agent/redelivery.ts'

/** As it was before the model found it: what was noted may itself be newer than the message. */
function noteAlone(...[state, ageMs, before]: Parameters<Decisions['changedSince']>): ReturnType<Decisions['changedSince']> {
  if (before !== undefined && state.pwdLastSet !== 0n) return state.pwdLastSet === before ? 'unchanged' : 'changed'
  return decisions.changedSince(state, ageMs, before)
}

export const wrongDecisions = {
  'a message is always young': { messageAgeMs: () => 0 },
  'the time in the queue does not count': {
    messageAgeMs: (stamps, lockMs, clock) => decisions.messageAgeMs({ ...stamps, enqueuedAt: stamps.lockedUntil - lockMs }, lockMs, clock),
  },
  'a redelivery always writes': { nextStep: () => 'write' },
  'nothing ever changes': { changedSince: () => 'unchanged' },
  'no difference to the note is no change': { changedSince: noteAlone },
  'a wrong password is a reason to write': { afterProof: (proof) => (proof === 'right' ? 'finish' : 'write') },
  'a wrong password is taken for ours': { afterProof: () => 'finish' },
  '"not changed" whatever began before': { unlessBegun: (_, outcome) => outcome },
  'dead at once': { isDead: () => true },
  'what died is taken for done': { afterDeath: () => 'done' },
} satisfies Record<string, Partial<Decisions>>

export type WrongDecision = keyof typeof wrongDecisions
