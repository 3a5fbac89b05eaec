/**
 * What rolls keys at an administrator's word: POST manage/keys/rollover, manage/incident and manage/agents/{id}/revoke, and
 * manage/agents/{id}/admit, which ends a revocation.
 *
 * The run is recorded before anything else is done with keys, and then taken as far as the answer's time allows; the timer
 * does the rest (docs/keys.md). A call that dies in between is not answered, and said again.
 */
import type { Clock } from '../../shared/clock.ts'
import type { Log } from '../../shared/log.ts'
import type { Times } from '../../shared/times.ts'
import type { AdministratorCall } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import type { Feature } from '../keys/feature.ts'
import type { Rollover, Wish } from '../keys/rollover.ts'
import { type Run, shownRun } from '../keys/run.ts'
import type { Agents } from '../relay/agents.ts'

export interface RolloverHandlerDeps {
  rollover: Rollover
  feature: Pick<Feature, 'turn'>
  agents: Pick<Agents, 'all' | 'revoke' | 'admit'>
  times: Pick<Times, 'answerMs'>
  clock: Clock
  log: Log
}

type Reason = { reason: string }

export const rollKeys =
  (deps: RolloverHandlerDeps) =>
  async ({ body: { reason, override }, administrator }: AdministratorCall<Reason & { override?: true | undefined }>): Promise<Answer> =>
    accepted({ why: 'byHand', reason, by: administrator.id, override }, deps)

export const incident =
  (deps: RolloverHandlerDeps) =>
  async ({ body: { reason }, administrator }: AdministratorCall<Reason>): Promise<Answer> => {
    const by = administrator.id
    await deps.feature.turn(false, reason, by)
    deps.log('writebackSwitched', { reason: 'off', administrator: by })
    const run = await deps.rollover.begin({ why: 'incident', reason, by })
    const rolled = driven(run, deps)
    // Keys first: whoever had one agent's host can have spoken under more ids than are revoked in time.
    for (const { agent, revokedAt } of await deps.agents.all()) if (revokedAt === undefined) await revoke(agent, by, deps)
    return { status: 202, body: { run: shownRun(await rolled) } }
  }

export const revokeAgent =
  (deps: RolloverHandlerDeps) =>
  async ({ params, body: { reason }, administrator }: AdministratorCall<Reason>): Promise<Answer> => {
    const by = administrator.id
    if (!(await revoke(agentOf(params), by, deps))) return problem('unknownAgent')
    return accepted({ why: 'revoke', reason, by }, deps)
  }

export const admitAgent =
  ({ agents, log }: Pick<RolloverHandlerDeps, 'agents' | 'log'>) =>
  async ({ params, administrator }: AdministratorCall<Reason>): Promise<Answer> => {
    const agent = agentOf(params)
    if (!(await agents.admit(agent))) return problem('unknownAgent')
    log('agentAdmitted', { agent, administrator: administrator.id })
    return { status: 200, body: { agent } }
  }

async function revoke(agent: string, administrator: string, { agents, log }: RolloverHandlerDeps): Promise<boolean> {
  const known = await agents.revoke(agent)
  if (known) log('agentRevoked', { agent, administrator })
  return known
}

/** An agent's id is a client id: with its dashes or, as in the log, without. What is none belongs to nobody. */
function agentOf(params: Readonly<Record<string, string>>): string {
  const digits = (params['id'] ?? '').replaceAll('-', '').toLowerCase()
  return /^[0-9a-f]{32}$/.test(digits) ? digits : 'none'
}

async function accepted(wish: Wish, deps: RolloverHandlerDeps): Promise<Answer> {
  const run = await deps.rollover.begin(wish)
  return { status: 202, body: { run: shownRun(await driven(run, deps)) } }
}

/** What must be left of the answer's time when a step is not over: it goes on, with nobody waiting. */
const marginMs = 5_000

/** The run, as far as it came in time. It is recorded: what goes wrong now does not make the answer wrong. */
export async function driven(
  run: Run,
  { rollover, times, clock }: Pick<RolloverHandlerDeps, 'rollover' | 'times' | 'clock'>,
): Promise<Run> {
  const enough = new AbortController()
  const late = clock.sleep(times.answerMs - marginMs, { signal: enough.signal, unref: true }).catch(() => {})
  const reached = rollover.drive().catch(() => undefined)
  const last = await Promise.race([reached, late])
  enough.abort()
  return last ?? run
}
