/** GET /api/manage/status: the feature, the last run, and each agent with what it has counted since it started. */
import type { Answer, Json } from '../http/problem.ts'
import type { HeardAgent } from '../relay/agents.ts'
import { readWriteback, type WritebackDeps } from './writeback.ts'

export const readStatus = (deps: Pick<WritebackDeps, 'feature' | 'agents' | 'rollover'>) => async (): Promise<Answer> => {
  const [{ status, body }, agents] = await Promise.all([readWriteback(deps)(), deps.agents.live()])
  return { status, body: { ...body, live: agents.length, counters: sumOf(agents) } }
}

/** Of the agents that are live. */
function sumOf(agents: readonly HeardAgent[]): { readonly [counter: string]: Json } {
  const sum: Record<string, number> = {}
  for (const { counters } of agents)
    for (const [name, value] of Object.entries(counters ?? {})) sum[name] = (sum[name] ?? 0) + Number(value)
  return sum
}
