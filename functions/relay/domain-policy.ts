/**
 * The password policy of a domain, as the agents that reach it say: the strictest, where two were read at different times.
 *
 * It is the domain's. A fine-grained policy of one person is known to the directory alone (operation `check`).
 */
import type { Clock } from '../../shared/clock.ts'
import { domainIdOf } from '../../shared/event.ts'
import { kept } from '../../shared/kept.ts'
import type { PolicyFacts } from '../../shared/payload.ts'
import type { Agents } from './agents.ts'

/** Without a name: the strictest of all domains. Undefined: nobody that is live reaches a domain of this DNS name. */
export type PolicyOf = (domainName: string | undefined) => Promise<PolicyFacts | undefined>

/** Agents say it every five minutes; who guesses passwords asks a thousand times. */
const cached = { freshMs: 10_000, usableMs: 60_000 } as const

export function createPolicyOf({ agents, clock }: { agents: Pick<Agents, 'live'>; clock: Clock }): PolicyOf {
  const live = kept(clock, cached, () => agents.live())
  return async (domainName) => {
    const id = domainName && domainIdOf(domainName).toString('hex')
    const domains = (await live.get()).flatMap((agent) => agent.domains)
    const said = domains.flatMap((each) => ((id === undefined || each.id === id) && each.policy) || [])
    return said.length === 0 ? undefined : said.reduce(strictest)
  }
}

export function strictest(one: PolicyFacts, other: PolicyFacts): PolicyFacts {
  const thresholds = [one.lockoutThreshold, other.lockoutThreshold].filter((each) => each > 0)
  return {
    minLength: Math.max(one.minLength, other.minLength),
    historyLength: Math.max(one.historyLength, other.historyLength),
    complexity: one.complexity || other.complexity,
    minAgeMinutes: Math.max(one.minAgeMinutes, other.minAgeMinutes),
    // 0: nobody is ever locked out.
    lockoutThreshold: thresholds.length === 0 ? 0 : Math.min(...thresholds),
    lockoutMinutes: Math.max(one.lockoutMinutes, other.lockoutMinutes),
  }
}
