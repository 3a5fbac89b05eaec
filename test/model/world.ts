/**
 * What is not an agent's doing: time, locks that run out, the directory at work, somebody else, and faults.
 *
 * A write that was handed over happens or fails within ldapMs, whether or not its agent still listens: time does not pass
 * beyond that before one of the two has come (docs/decisions/0004).
 */
import type { Decisions } from '../../agent/redelivery.ts'
import { decide, directoryAway, handOf, look, type Step, settleLater, tell } from './agent.ts'
import { ageOf, changeSince, clockOf, isAgain, times } from './real.ts'
import { type Agent, notChanged, type World } from './state.ts'

export const tickMs = 6_000
/** Every message is dead by then, and settled. */
export const endMs = 48_000

export interface Event {
  name: string
  may(world: World): boolean
  take(world: World, decisions: Decisions): void
}

function pass(world: World): void {
  world.now += tickMs
  const { message } = world
  if (message.where === 'locked' && world.now >= message.until)
    world.message = { where: 'queue', count: message.count + 1, holder: -1, until: 0 }
  if (world.message.where === 'queue' && world.now >= times.ttlMs) world.message = { ...world.message, where: 'gone' }
}

const mayPass = ({ now, flights }: World) => now < endMs && flights.every(({ until }) => now + tickMs <= until)

/** The directory does it, and its answer finds its agent, if that one still waits. */
function carryOut(world: World, decisions: Decisions, answered: boolean): void {
  const flight = world.flights.shift()
  if (!flight) return
  const agent = world.agents[flight.by]
  const waits = agent?.hand?.phase === 'sent' && answered
  if (world.directory.password === 'ours') {
    if (waits) refused(world, agent, 'policy.history')
    return
  }
  if (world.told.some((outcome) => notChanged.includes(outcome))) world.broken = 'set after "not changed" was told'
  if (world.directory.ourWrites > 0) world.broken = 'set twice'
  world.directory = { password: 'ours', setAt: world.now + 1, hidden: false, ourWrites: world.directory.ourWrites + 1 }
  if (waits) decide(agent, 'done')
  else if (agent?.hand?.phase === 'sent') readBack(world, agent, decisions)
}

/** reset.ts, unlessOurs: on a redelivery such a refusal may be about our own earlier write. */
function refused(world: World, agent: Agent, why: 'policy.history' | 'policy.minAge'): void {
  decide(agent, isAgain(handOf(agent)) && world.directory.password === 'ours' ? 'done' : why)
}

/** reset.ts, readBack: the connection was lost under the write. */
function readBack(world: World, agent: Agent, decisions: Decisions): void {
  const hand = handOf(agent)
  const change = changeSince(world, ageOf(world, agent, hand, decisions), hand.lookedUp, decisions)
  if (change !== 'unchanged' && world.directory.password === 'ours') decide(agent, 'done')
  // loop.ts: no answer, and the lock runs out.
  else agent.hand = null
}

const others = (hidden: boolean): Event => ({
  name: hidden ? 'somebody else sets a password that must be changed' : 'somebody else sets a password',
  may: ({ others }) => others > 0,
  take(world) {
    world.others -= 1
    world.directory = { ...world.directory, password: 'theirs', setAt: world.now + 1, hidden }
  },
})

export const events: readonly Event[] = [
  { name: `${tickMs / 1000} s pass`, may: mayPass, take: pass },
  { name: 'the directory writes', may: ({ flights }) => flights.length > 0, take: (world, decisions) => carryOut(world, decisions, true) },
  {
    // asked-later.ts: a message that may still live, and a password that works; the look at pwdLastSet before it spares a bind only.
    name: 'an agent is asked, and has it',
    may: ({ directory, told }) => directory.password === 'ours' && !told.includes('done'),
    take: (world) => tell(world, 'done'),
  },
  others(false),
  others(true),
]

const fault = (name: string, may: Step['may'], take: Step['take']): Step => ({
  name: `FAULT: ${name}`,
  may: (world, agent, at) => world.faults > 0 && may(world, agent, at),
  take(world, agent, at, decisions) {
    world.faults -= 1
    take(world, agent, at, decisions)
  },
})

const sentBy = ({ flights }: World, { hand }: Agent, at: number) => hand?.phase === 'sent' && flights[0]?.by === at

export const faults: readonly Step[] = [
  fault(
    'killed',
    (_, { hand }) => hand !== null,
    (world, agent) => {
      agent.hand = null
      // journal.ts: no monotonic clock outlasts its process.
      if (!agent.journal.told) agent.journal.monotonic = clockOf(world, agent).monotonic()
    },
  ),
  fault('connection lost, the write happens', sentBy, (world, _, __, decisions) => carryOut(world, decisions, false)),
  fault('connection lost, the write may still happen', sentBy, (world, agent, _, decisions) => readBack(world, agent, decisions)),
  fault(
    'the write never happens',
    ({ flights }) => flights.length > 0,
    (world, _, __, decisions) => {
      const [flight] = world.flights.splice(0, 1)
      const agent = flight && world.agents[flight.by]
      if (agent?.hand?.phase === 'sent') readBack(world, agent, decisions)
    },
  ),
  fault('the directory refuses', sentBy, (world, agent) => {
    world.flights.shift()
    refused(world, agent, 'policy.minAge')
  }),
  fault(
    'the directory is away',
    (_, { hand }) => hand?.phase === 'taken',
    (world, agent, at, decisions) => directoryAway(world, agent, at, decisions),
  ),
  fault(
    'the bind proves nothing',
    (_, { hand }) => hand?.phase === 'taken',
    (world, agent, at, decisions) => look(world, agent, at, 'unsure', decisions),
  ),
  fault(
    'the bind proves nothing, later',
    (_, { hand, journal }) => hand === null && journal.seen > 0 && !journal.told,
    (world, agent, _, decisions) => settleLater(world, agent, 'unsure', decisions),
  ),
  fault(
    'the reply is not taken',
    (_, { hand }) => hand?.phase === 'recorded',
    (_, agent) => {
      agent.hand = null
    },
  ),
  fault(
    'sleeps, and its monotonic clock with it',
    (world, { hand }) => hand !== null && mayPass(world),
    (world, agent) => {
      agent.monotonicLag += tickMs
      pass(world)
    },
  ),
  fault(
    'its wall clock is set back ten minutes',
    (_, { hand }) => hand !== null,
    (_, agent) => {
      agent.wallOffset -= 600_000
    },
  ),
  fault(
    'its wall clock is set ahead ten minutes',
    (_, { hand, journal }) => hand !== null || (journal.seen > 0 && !journal.told),
    (_, agent) => {
      agent.wallOffset += 600_000
    },
  ),
]
