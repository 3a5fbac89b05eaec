/** Counts since boot, for the heartbeat: numbers only, so that a burst of refusals is seen without saying whose. */
import type { Counters } from '../shared/event.ts'
import { outcomes } from '../shared/outcome.ts'
import type { AgentOutcome } from '../shared/outcome-code.ts'

export interface Tally {
  count(counter: keyof Counters): void
  outcome(outcome: AgentOutcome): void
  read(): Counters
}

export function createTally(): Tally {
  const counters: Counters = { handled: 0, changed: 0, refused: 0, unknown: 0, rejected: 0, replays: 0 }
  const counterOf = { changed: 'changed', notChanged: 'refused', unknown: 'unknown' } as const
  const count = (counter: keyof Counters) => {
    counters[counter] += 1
  }
  return {
    count,
    outcome(outcome) {
      count('handled')
      count(counterOf[outcomes[outcome.kind].effect])
    },
    read: () => ({ ...counters }),
  }
}
