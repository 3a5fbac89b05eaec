/**
 * Every order in which things can happen to one request, up to one fault, with the product's own decisions; and what the
 * same search says of wrong ones.
 */
import { describe, expect, test, vi } from 'vitest'
import { type Decisions, decisions } from '../../agent/redelivery.ts'
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
  test.each<[string, Partial<Decisions>, Limits, RegExp]>([
    ['a message is always young', { messageAgeMs: () => 0 }, alone, /later than startWithin/],
    [
      'the time in the queue does not count',
      {
        messageAgeMs: (stamps, lockMs, clock) =>
          decisions.messageAgeMs({ ...stamps, enqueuedAt: stamps.lockedUntil - lockMs }, lockMs, clock),
      },
      alone,
      /later than startWithin/,
    ],
    ['a redelivery always writes', { nextStep: () => 'write' }, alone, /newer password|set twice/],
    ['nothing ever changes', { changedSince: () => 'unchanged' }, alone, /newer password|set twice|"not changed"/],
    ['no difference to the note is no change', { changedSince: noteAlone }, alone, /newer password/],
    ['a wrong password is a reason to write', { afterProof: (proof) => (proof === 'right' ? 'finish' : 'write') }, alone, /newer password/],
    ['a wrong password is taken for ours', { afterProof: () => 'finish' }, alone, /never was/],
    ['"not changed" whatever began before', { unlessBegun: (_, outcome) => outcome }, together, /not changed|was set/],
    ['dead at once', { isDead: () => true }, together, /not changed|was set/],
    ['what died is taken for done', { afterDeath: () => 'done' }, alone, /never was/],
  ])('%s', (_, wrong, limits, promise) => {
    const { violation } = search(limits, { ...decisions, ...wrong })
    expect(violation?.promise).toMatch(promise)
    expect(violation?.trace.length).toBeGreaterThan(0)
  })
})

/** As it was before the search found it: what was noted may itself be newer than the message. */
function noteAlone(...[state, ageMs, before]: Parameters<Decisions['changedSince']>): ReturnType<Decisions['changedSince']> {
  if (before !== undefined && state.pwdLastSet !== 0n) return state.pwdLastSet === before ? 'unchanged' : 'changed'
  return decisions.changedSince(state, ageMs, before)
}
