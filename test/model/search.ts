/**
 * Breadth first through every state that can be reached, so that a broken promise comes with the shortest way to it.
 */
import { type Decisions, decisions as product } from '../../agent/redelivery.ts'
import { agentSteps } from './agent.ts'
import { initialWorld, type World } from './state.ts'
import { events, faults } from './world.ts'

export interface Limits {
  agents: number
  faults: number
  others: number
}

export interface Result {
  states: number
  /** Every action that was taken somewhere, and every word that was told. */
  actions: Set<string>
  told: Set<string>
  /** The promise that is broken, and what led there. */
  violation: { promise: string; trace: string[] } | undefined
}

export function search(limits: Limits, decisions: Decisions = product): Result {
  const found = new Map<string, number>()
  const cameFrom: number[] = []
  const byAction: string[] = []
  const frontier: string[] = []
  const actions = new Set<string>()
  const told = new Set<string>()

  const add = (world: World, from: number, action: string): number | undefined => {
    const key = JSON.stringify(forgetful(world))
    if (found.has(key)) return undefined
    const index = found.size
    found.set(key, index)
    cameFrom.push(from)
    byAction.push(action)
    frontier.push(key)
    for (const outcome of world.told) told.add(outcome)
    return index
  }
  const traceTo = (index: number): string[] => {
    const steps: string[] = []
    for (let at = index; at > 0; at = cameFrom[at] ?? 0) steps.unshift(byAction[at] ?? '')
    return steps
  }

  add(initialWorld(limits.agents, limits.faults, limits.others), 0, 'start')
  for (let at = 0; at < frontier.length; at++) {
    const key = frontier[at] ?? ''
    for (const { action, world } of following(key, decisions)) {
      actions.add(action.replace(/^agent \d /, ''))
      const index = add(world, at, action)
      if (world.broken !== null && index !== undefined)
        return { states: found.size, actions, told, violation: { promise: world.broken, trace: traceTo(index) } }
    }
    frontier[at] = ''
  }
  return { states: found.size, actions, told, violation: undefined }
}

/** Stamps decide nothing any more once there is an outcome; states that differ in them alone are one. */
function forgetful(world: World): World {
  for (const { hand } of world.agents) {
    if (hand && ['decided', 'completed', 'recorded', 'told'].includes(hand.phase))
      Object.assign(hand, { lockedUntil: 0, wall: 0, monotonic: 0, lookedUp: null, sawOthers: false, seenBefore: 0, begunBefore: null })
  }
  return world
}

/** Nobody has anything to do or to say any more. */
const isOver = ({ message, flights, agents }: World): boolean =>
  message.where === 'gone' && flights.length === 0 && agents.every(({ hand, journal }) => !hand && (journal.seen === 0 || journal.told))

function* following(key: string, decisions: Decisions): Generator<{ action: string; world: World }> {
  const world: World = JSON.parse(key)
  if (isOver(world)) return
  for (const event of events) {
    if (!event.may(world)) continue
    const next: World = JSON.parse(key)
    event.take(next, decisions)
    yield { action: event.name, world: next }
  }
  for (const [at, agent] of world.agents.entries()) {
    for (const step of [...agentSteps, ...faults]) {
      if (!step.may(world, agent, at)) continue
      const next: World = JSON.parse(key)
      const same = next.agents[at]
      if (same) step.take(next, same, at, decisions)
      yield { action: `agent ${at + 1} ${step.name}`, world: next }
    }
  }
}
