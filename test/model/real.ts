/** Between the model's small numbers and the arguments of the product's own decisions. */
import { lockOutlasts } from '../../agent/age.ts'
import type { Decisions, Situation } from '../../agent/redelivery.ts'
import { filetime } from '../../local/directory/identifiers.ts'
import { systemClock } from '../../shared/clock.ts'
import { defaultTimes } from '../../shared/times.ts'
import type { Agent, Hand, World } from './state.ts'

export const times = defaultTimes
const epoch = Date.UTC(2026, 0, 1)

/** 0 is "must change", as in the directory; nobody sets a password at that very moment here. */
export const pwdLastSet = ({ directory }: World): number => (directory.hidden ? 0 : directory.setAt)
const asFiletime = (ms: number): bigint => (ms === 0 ? 0n : filetime(epoch + ms))

export const clockOf = ({ now }: World, { wallOffset, monotonicLag }: Agent) => ({
  ...systemClock,
  now: () => epoch + now + wallOffset,
  monotonic: () => now - monotonicLag,
})

const stampsOf = ({ lockedUntil, wall, monotonic }: Hand) => ({
  enqueuedAt: epoch,
  lockedUntil: epoch + lockedUntil,
  received: { wall, monotonic },
})

export const ageOf = (world: World, agent: Agent, hand: Hand, { messageAgeMs }: Decisions): number =>
  messageAgeMs(stampsOf(hand), times.lockMs, clockOf(world, agent))

/** handle.ts, mayBegin: in time, or too late, or given back because the lock could end before the write. */
export function mayBegin(world: World, agent: Agent, hand: Hand, decisions: Decisions): 'yes' | 'tooLate' | 'giveBack' {
  if (!(ageOf(world, agent, hand, decisions) <= times.startWithinMs)) return 'tooLate'
  return lockOutlasts(times.ldapMs, stampsOf(hand), times.lockMs, clockOf(world, agent)) ? 'yes' : 'giveBack'
}

export const changeSince = (world: World, ageMs: number, before: number | null, { changedSince }: Decisions) =>
  changedSince(
    { pwdLastSet: asFiletime(pwdLastSet(world)), serverNow: epoch + world.now },
    ageMs,
    before === null ? undefined : asFiletime(before),
  )

export const othersHadIt = ({ count, seenBefore }: Hand): boolean => count > seenBefore
export const isAgain = ({ count, seenBefore }: Hand): boolean => seenBefore > 0 || count > 0

export const situationOf = (world: World, agent: Agent, hand: Hand, decisions: Decisions): Situation => ({
  change: changeSince(world, ageOf(world, agent, hand, decisions), hand.begunBefore, decisions),
  mayBegin: mayBegin(world, agent, hand, decisions) === 'yes',
  neverBegunHere: hand.begunBefore === null,
  othersHadIt: othersHadIt(hand),
})
