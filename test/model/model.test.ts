/**
 * Every order in which things can happen to one request, up to one fault, with the product's own decisions; and what the
 * same search says of wrong ones.
 */
import { describe, expect, test, vi } from 'vitest'
import { decisions } from '../../agent/redelivery.ts'
import { type WrongDecision, wrongDecisions } from '../wrong-decisions.ts'
import { agentSteps } from './agent.ts'
import { type Limits, search } from './search.ts'
import { events, faults } from './world.ts'

vi.setConfig({ testTimeout: 120_000 })

const alone: Limits = { agents: 1, faults: 1, others: 1 }
const together: Limits = { agents: 2, faults: 1, others: 0 }

describe('no promise is broken in any state', () => {
  test.each([
    ['one agent, one fault, somebody else', alone],
    ['two agents, one fault', together],
  ])('%s', (name, limits) => {
    const { states, actions, told, violation } = search(limits)
    process.stdout.write(`model: ${name}: ${states} states\n`)
    expect(violation).toBeUndefined()
    expect(states).toBeGreaterThan(100_000)
    // What never happened was not tried.
    const somebody = limits.others > 0 ? events : events.filter(({ name }) => !name.startsWith('somebody'))
    expect([...actions].toSorted()).toEqual([...somebody, ...agentSteps, ...faults].map(({ name }) => name).toSorted())
    const words = ['directoryUnavailable', 'done', 'expired', 'policy.minAge', ...(limits.others > 0 ? ['superseded'] : []), 'unknown']
    expect([...told].toSorted()).toEqual(words)
  })
})

describe('a wrong decision breaks one', () => {
  const promises: Record<WrongDecision, [Limits, RegExp]> = {
    'a message is always young': [alone, /later than startWithin/],
    'the time in the queue does not count': [alone, /later than startWithin/],
    'a redelivery always writes': [alone, /newer password|set twice/],
    'nothing ever changes': [alone, /newer password|set twice|"not changed"/],
    'no difference to the note is no change': [alone, /newer password/],
    'a wrong password is a reason to write': [alone, /newer password/],
    'a wrong password is taken for ours': [alone, /never was/],
    '"not changed" whatever began before': [together, /not changed|was set/],
    'dead at once': [together, /not changed|was set/],
    'what died is taken for done': [alone, /never was/],
  }
  test.each(Object.keys(promises) as WrongDecision[])('%s', (name) => {
    const [limits, promise] = promises[name]
    const { violation } = search(limits, { ...decisions, ...wrongDecisions[name] })
    expect(violation?.promise).toMatch(promise)
    expect(violation?.trace.length).toBeGreaterThan(0)
  })
})
