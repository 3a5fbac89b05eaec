/**
 * What an agent does with the message, one step at a time; between any two steps the other agent, the broker, the directory,
 * somebody else or a fault may come. That an agent takes no step for any length of time is a stall, and costs no fault.
 *
 * Each step names the code it stands for. Decisions are the product's own; only who calls them when is told again here.
 */
import { ageBounds } from '../../agent/age.ts'
import type { Proof } from '../../agent/directory/proof.ts'
import type { Decisions } from '../../agent/redelivery.ts'
import { ageOf, changeSince, clockOf, isAgain, mayBegin, othersHadIt, pwdLastSet, situationOf, times } from './real.ts'
import { type Agent, type Hand, notChanged, type Told, type World } from './state.ts'

export interface Step {
  name: string
  may(world: World, agent: Agent, at: number): boolean
  take(world: World, agent: Agent, at: number, decisions: Decisions): void
}

const inPhase =
  (phase: Hand['phase']) =>
  (_: World, { hand }: Agent) =>
    hand?.phase === phase
const handOf = ({ hand }: Agent): Hand => {
  if (!hand) throw new Error('nothing in hand')
  return hand
}
const holds = ({ message, now }: World, { count }: Hand, at: number) =>
  message.where === 'locked' && message.holder === at && message.count === count && now < message.until

/** loop.ts, the catch: given back if it still is this agent's. */
function giveBack(world: World, agent: Agent, at: number): void {
  const hand = handOf(agent)
  if (holds(world, hand, at)) world.message = { where: 'queue', count: hand.count + 1, holder: -1, until: 0 }
  agent.hand = null
}

function decide(agent: Agent, outcome: Told): void {
  Object.assign(handOf(agent), { phase: 'decided', outcome })
}

/** reset.ts, unlessBegun: every way to "not changed" but those the directory itself has shown. */
function decideUnlessBegun(agent: Agent, kind: 'expired' | 'directoryUnavailable', { unlessBegun }: Decisions): void {
  const hand = handOf(agent)
  const begun = hand.begunBefore ?? undefined
  decide(agent, unlessBegun({ begun, othersHadIt: othersHadIt(hand) }, { kind }).kind as Told)
}

/** handle.ts, operate: a directory that is away ends nothing that may have been begun. */
function directoryAway(world: World, agent: Agent, at: number, decisions: Decisions): void {
  decideUnlessBegun(agent, 'directoryUnavailable', decisions)
  if (handOf(agent).outcome === 'unknown') giveBack(world, agent, at)
}

/** One bind with the new password (directory/proof.ts). `unsure` is a fault's doing. */
const proofOf = ({ directory }: World): Proof => (directory.password === 'ours' ? 'right' : 'wrong')

/** reset.ts, settleEarlier. */
function settleEarlier(world: World, agent: Agent, proof: Proof, decisions: Decisions): void {
  const hand = handOf(agent)
  const situation = situationOf(world, agent, hand, decisions)
  const step = decisions.nextStep(situation)
  const end = step === 'prove' ? decisions.afterProof(proof, situation) : step
  if (end === 'write') write(world, agent, decisions)
  else decide(agent, end === 'finish' ? 'done' : end)
}

/** reset.ts, write: up to the note in the journal. */
function write(world: World, agent: Agent, decisions: Decisions): void {
  const hand = handOf(agent)
  if (mayBegin(world, agent, hand, decisions) === 'yes') hand.phase = 'ready'
  else decideUnlessBegun(agent, 'expired', decisions)
}

/** handle.ts, confirm, and reset.ts, locate: the lock is renewed, the account is read. */
function look(world: World, agent: Agent, at: number, proof: Proof, decisions: Decisions): void {
  const hand = handOf(agent)
  const mine = holds(world, hand, at)
  if (mine) confirm(world, agent)
  if (!mine || mayBegin(world, agent, hand, decisions) === 'giveBack') giveBack(world, agent, at)
  else if (isAgain(hand)) settleEarlier(world, agent, proof, decisions)
  else write(world, agent, decisions)
}

function confirm(world: World, agent: Agent): void {
  const hand = handOf(agent)
  const clock = clockOf(world, agent)
  const until = world.now + times.lockMs
  world.message.until = until
  Object.assign(hand, { lockedUntil: until, wall: clock.now(), monotonic: clock.monotonic(), lookedUp: pwdLastSet(world) })
  hand.sawOthers = world.directory.password === 'theirs' && !world.directory.hidden
}

export const agentSteps: readonly Step[] = [
  {
    name: 'takes the message',
    may: ({ message }, { hand }) => message.where === 'queue' && hand === null,
    take(world, agent, at, decisions) {
      const { journal } = agent
      const clock = clockOf(world, agent)
      const lockedUntil = world.now + times.lockMs
      world.message = { where: 'locked', count: world.message.count, holder: at, until: lockedUntil }
      const hand: Hand = {
        phase: journal.reply === null ? 'taken' : 'recorded',
        count: world.message.count,
        lockedUntil,
        wall: clock.now(),
        monotonic: clock.monotonic(),
        seenBefore: journal.seen,
        begunBefore: journal.begun,
        lookedUp: null,
        sawOthers: false,
        outcome: journal.reply,
      }
      if (journal.seen === 0)
        Object.assign(journal, { wall: hand.wall, monotonic: hand.monotonic, age: ageOf(world, agent, hand, decisions) })
      journal.seen += 1
      agent.hand = hand
    },
  },
  {
    name: 'confirms and looks',
    may: inPhase('taken'),
    take: (world, agent, at, decisions) => look(world, agent, at, proofOf(world), decisions),
  },
  {
    name: 'notes that a write begins',
    may: inPhase('ready'),
    take(_, agent) {
      const hand = handOf(agent)
      agent.journal.begun = hand.lookedUp
      hand.phase = 'begun'
    },
  },
  {
    // set-password.ts: the check is the last statement before the write.
    name: 'checks and writes',
    may: inPhase('begun'),
    take(world, agent, at, decisions) {
      const hand = handOf(agent)
      const may = mayBegin(world, agent, hand, decisions)
      if (may === 'giveBack') return giveBack(world, agent, at)
      if (may === 'tooLate') return decideUnlessBegun(agent, 'expired', decisions)
      if (world.now > times.startWithinMs) world.broken = 'a write was begun later than startWithin'
      if (isAgain(hand) && hand.sawOthers) world.broken = 'a redelivery writes over a newer password it could see'
      world.flights.push({ by: at, until: world.now + times.ldapMs })
      hand.phase = 'sent'
    },
  },
  {
    // loop.ts: a refusal is told once its message is gone.
    name: 'completes a refusal',
    may: (_, { hand }) => hand?.phase === 'decided' && hand.outcome !== null && notChanged.includes(hand.outcome),
    take(world, agent, at) {
      const hand = handOf(agent)
      if (!holds(world, hand, at)) return giveBack(world, agent, at)
      world.message = { where: 'gone', count: hand.count, holder: -1, until: 0 }
      hand.phase = 'completed'
    },
  },
  {
    // handle.ts, record: an "unknown" is not journalled as finished.
    name: 'records',
    may: (_, { hand }) => hand?.phase === 'completed' || (hand?.phase === 'decided' && !notChanged.includes(hand.outcome ?? 'done')),
    take(_, agent) {
      const hand = handOf(agent)
      if (hand.outcome !== 'unknown') agent.journal.reply = hand.outcome
      hand.phase = 'recorded'
    },
  },
  {
    name: 'tells',
    may: inPhase('recorded'),
    take(world, agent) {
      const hand = handOf(agent)
      if (hand.outcome) tell(world, hand.outcome)
      hand.phase = 'told'
      if (hand.outcome !== 'unknown') close(agent)
    },
  },
  {
    name: 'completes',
    may: inPhase('told'),
    take(world, agent, at) {
      const hand = handOf(agent)
      if (holds(world, hand, at)) world.message = { where: 'gone', count: hand.count, holder: -1, until: 0 }
      agent.hand = null
    },
  },
  {
    // settle.ts: once the message is dead.
    name: 'settles later',
    may: (_, { hand, journal }) => hand === null && journal.seen > 0 && !journal.told,
    take: (world, agent, _, decisions) => settleLater(world, agent, proofOf(world), decisions),
  },
]

/** A row that nobody looks at again is no older and no younger than another: fewer states. */
function close({ journal }: Agent): void {
  Object.assign(journal, { told: true, wall: 0, monotonic: 0, age: 0 })
}

export function settleLater(world: World, agent: Agent, proof: Proof, decisions: Decisions): void {
  const { journal } = agent
  const { atLeastMs, atMostMs } = ageBounds({ ageMs: journal.age, received: journal }, clockOf(world, agent))
  if (!decisions.isDead(atLeastMs, times)) return
  const outcome = journal.reply ?? found()
  if (outcome === 'unsure') return
  tell(world, outcome)
  close(agent)

  function found(): Told | 'unsure' {
    const change = changeSince(world, atMostMs, journal.begun, decisions)
    return change === 'unchanged' ? 'expired' : decisions.afterDeath(proof, change)
  }
}

/** Each word is held against the directory when it is said; promises.ts holds it against everything that comes after. */
export function tell(world: World, outcome: Told): void {
  const { password, ourWrites } = world.directory
  if (outcome === 'done' && ourWrites === 0) world.broken = 'told "changed", and it never was'
  if (notChanged.includes(outcome) && password === 'ours') world.broken = `told "not changed" (${outcome}), and it is`
  // Where "must change" hides who set the password, "superseded" cannot be told from "expired"; both are true of now and later.
  if (notChanged.includes(outcome) && outcome !== 'superseded' && ourWrites > 0 && !world.directory.hidden)
    world.broken = `told "${outcome}" of a password that was set`
  if (!world.told.includes(outcome)) world.told = [...world.told, outcome].sort()
}

export { decide, directoryAway, handOf, look }
