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

/** Two agents with a fault are a step of .ci/run: npm run model. */
test('no promise is broken in any state: one agent, one fault, somebody else', () => {
  const { states, actions, told, violation } = search(alone)
  process.stdout.write(`model: ${states} states\n`)
  expect(violation).toBeUndefined()
  expect(states).toBeGreaterThan(100_000)
  // What never happened was not tried.
  expect([...actions].toSorted()).toEqual([...events, ...agentSteps, ...faults].map(({ name }) => name).toSorted())
  expect([...told].toSorted()).toEqual(['directoryUnavailable', 'done', 'expired', 'policy.minAge', 'superseded', 'unknown'])
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
