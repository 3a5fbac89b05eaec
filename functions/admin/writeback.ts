/**
 * GET and PUT manage/writeback: whether the feature is on and who is out there; switching it.
 *
 * On: new versions of all keys, one agent that proves them, then the feature. Off: the feature first, then `offboard`, whose
 * answer changes nothing. Two messages each (docs/protocol.md, Operations).
 */
import { faultWord } from '../../shared/fault.ts'
import type { AdministratorCall } from '../http/edge.ts'
import type { Answer } from '../http/problem.ts'
import type { Feature } from '../keys/feature.ts'
import { shownRun } from '../keys/run.ts'
import type { Agents, HeardAgent } from '../relay/agents.ts'
import type { Probe } from '../relay/probe.ts'
import { driven, type RolloverHandlerDeps } from './rollover.ts'

export interface WritebackDeps extends Pick<RolloverHandlerDeps, 'rollover' | 'times' | 'clock' | 'log'> {
  feature: Pick<Feature, 'state' | 'turn'>
  agents: Pick<Agents, 'all' | 'live' | 'writeback'>
  offboard: Probe['offboard']
}

type Switch = { on: boolean; reason: string }

export const readWriteback = (deps: Pick<WritebackDeps, 'feature' | 'agents' | 'rollover'>) => async (): Promise<Answer> => {
  const [state, writeback, agents, run] = await Promise.all([
    deps.feature.state(),
    deps.agents.writeback(),
    deps.agents.all(),
    deps.rollover.last(),
  ])
  return { status: 200, body: { ...state, writeback, agents: agents.map(shownAgent), ...(run && { run: shownRun(run) }) } }
}

export const switchWriteback =
  (deps: WritebackDeps) =>
  async ({ body: { on, reason }, administrator }: AdministratorCall<Switch>): Promise<Answer> => {
    const by = administrator.id
    if (!on) await switchOff(reason, by, deps)
    const state = await deps.feature.state()
    if (state.on === on) return readWriteback(deps)()
    const begun = await deps.rollover.begin({ why: 'enable', reason, by, switchedAt: state.since })
    const run = await driven(begun, deps)
    if (!(await deps.feature.state()).on) return { status: 202, body: { run: shownRun(run) } }
    deps.log('writebackSwitched', { reason: 'on', administrator: by })
    return readWriteback(deps)()
  }

async function switchOff(reason: string, by: string, { feature, offboard, log }: WritebackDeps): Promise<void> {
  const { on } = await feature.state()
  // Written even if it is off already: whoever is enabling it at this moment must not have the last word.
  await feature.turn(false, reason, by)
  if (!on) return
  log('writebackSwitched', { reason: 'off', administrator: by })
  await offboard().catch((error: unknown) => log('relayError', { fault: faultWord(error) }))
}

const shownAgent = ({
  agent,
  version,
  heardAt,
  linkProven,
  stopping,
  revokedAt,
  domains,
  packageKeys,
  passwordKeys,
  counters,
}: HeardAgent) => ({
  agent,
  version,
  heardAt,
  linkProven,
  stopping,
  revoked: revokedAt !== undefined,
  domains: domains.map(({ policy, ...domain }) => ({ ...domain, ...(policy && { policy: { ...policy } }) })),
  packageKeys,
  passwordKeys,
  ...(counters && { counters: { ...counters } }),
})
