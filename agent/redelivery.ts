/**
 * What to do with a message that may have been worked on before: pure decisions, so that a model can try them all.
 *
 * A message is here for the second time because somebody died, hung or lost the network between taking it and settling
 * it. The directory is asked what happened (docs/protocol.md, Redelivery): has the password changed since the message
 * was sent, and if so, is it ours? One bind answers that; the write is repeated only where it certainly did not happen.
 */
import type { AgentOutcome } from '../shared/outcome-code.ts'
import type { Times } from '../shared/times.ts'
import { messageAgeMs } from './age.ts'
import type { PasswordState, Proof } from './directory/proof.ts'
import { fileTimeToMs } from './directory/rows.ts'

export type Seen = Pick<PasswordState, 'pwdLastSet' | 'serverNow'>

/** How far the broker's and the directory's ideas of a few seconds may differ. */
const toleranceMs = 2_000

/**
 * `before` is this agent's own note of pwdLastSet from before its write: any difference is a change. No difference says only
 * that nobody changed it since; what was noted may be newer than the message, and then is not to be overwritten either.
 */
export function changedSince(state: Seen, ageMs: number, before: bigint | undefined): 'changed' | 'unchanged' | 'hidden' {
  if (state.pwdLastSet === 0n) return 'hidden'
  if (before !== undefined && state.pwdLastSet !== before) return 'changed'
  const sinceSetMs = state.serverNow - fileTimeToMs(state.pwdLastSet)
  return sinceSetMs < ageMs + toleranceMs ? 'changed' : 'unchanged'
}

export type Step = 'write' | 'prove' | 'expired' | 'unknown'

export interface Situation {
  change: 'changed' | 'unchanged' | 'hidden'
  /** The message may still be begun: its age is within startWithin. */
  mayBegin: boolean
  /** This agent's journal proves that it never began a write for this message. */
  neverBegunHere: boolean
  /** Delivered to somebody else before, whose journal cannot be asked. */
  othersHadIt: boolean
}

export function nextStep({ change, mayBegin, neverBegunHere, othersHadIt }: Situation): Step {
  if (change !== 'unchanged') return 'prove'
  if (mayBegin) return 'write'
  return neverBegunHere && !othersHadIt ? 'expired' : 'unknown'
}

export type Verdict = 'finish' | 'superseded' | 'write' | 'unknown'

/**
 * After the bind with the new password. A wrong one proves that somebody else changed it; that ours will not come yet is known
 * only to whoever knows that nobody began: a directory that hangs may have an earlier write in its buffers. If "must change" hides
 * whether anybody changed it, the same one may write: a help desk's reset looks just the same.
 */
export function afterProof(proof: Proof, { change, mayBegin, neverBegunHere, othersHadIt }: Situation): Verdict {
  if (proof === 'right') return 'finish'
  if (proof === 'unsure' || !neverBegunHere || othersHadIt) return 'unknown'
  if (change === 'changed') return 'superseded'
  return mayBegin ? 'write' : 'unknown'
}

/** The same once the message is dead: nobody can begin any more, so a wrong password means it is not and will not be ours. */
export function afterDeath(proof: Proof, change: 'changed' | 'hidden'): 'done' | 'superseded' | 'expired' | 'unsure' {
  if (proof === 'right') return 'done'
  if (proof === 'unsure') return 'unsure'
  return change === 'changed' ? 'superseded' : 'expired'
}

/** "Not changed" is said only by whoever can prove that nobody began. */
export const unlessBegun = ({ begun, othersHadIt }: { begun: unknown; othersHadIt: boolean }, outcome: AgentOutcome): AgentOutcome =>
  begun !== undefined || othersHadIt ? { kind: 'unknown' } : outcome

/** No delivery can begin a write any more, and none that was begun is still under way. */
export const isDead = (ageMs: number, { ttlMs, lockMs }: Pick<Times, 'ttlMs' | 'lockMs'>): boolean => ageMs > ttlMs + lockMs

/** What handle, reset and settle decide by: one record, so that a test can show what a wrong one among them would do. */
export interface Decisions {
  messageAgeMs: typeof messageAgeMs
  changedSince: typeof changedSince
  nextStep: typeof nextStep
  afterProof: typeof afterProof
  unlessBegun: typeof unlessBegun
  isDead: typeof isDead
  afterDeath: typeof afterDeath
}

export const decisions: Decisions = { messageAgeMs, changedSince, nextStep, afterProof, unlessBegun, isDead, afterDeath }
