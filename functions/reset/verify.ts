/**
 * POST /api/reset/{flow}/verify: passes the gate with the right code, and only then learns who the person is.
 *
 * A try is spent by a conditional write before its result is told, so that guesses at once cannot share one. For a name
 * nobody has, no code is ever right; the answers are the same.
 */
import { isGate } from '../gates/gate.ts'
import type { Call } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import type { Agents } from '../relay/agents.ts'
import { type Challenge, type FlowDeps, type FlowRow, openFlow, type RecentFlows, saveFlow } from './flow.ts'
import { type PersonDeps, personOf } from './person.ts'

export interface VerifyDeps extends FlowDeps, PersonDeps {
  rows: FlowDeps['rows']
  clock: FlowDeps['clock']
  agents: Pick<Agents, 'writeback'>
  recent: RecentFlows
}

export const verify =
  (deps: VerifyDeps) =>
  async (call: Call<{ gate: string; code: string }>): Promise<Answer> => {
    const { gate, code } = call.body
    if (!isGate(gate)) return problem('unknownGate')
    const opened = await openFlow(call, deps)
    if (opened.kind === 'refused') return opened.answer
    const { flow } = opened
    if (flow.value.state === 'closed') return problem('tooManyTries')
    const { challenge } = flow.value
    if (flow.value.state !== 'challenged' || challenge?.gate !== gate) return problem('wrongState', { state: flow.value.state })
    if (deps.clock.now() >= challenge.expiresAt) return problem('expiredCode')

    if (!(await isRight(flow, challenge, code, deps))) return spendTry(flow, deps)
    // Wins the write like any guess before anybody is looked up: one that loses must not be told right by the time it took.
    const won = await saveFlow(flow, {}, deps)
    const person = challenge.personId === undefined ? undefined : await personOf(challenge.personId, deps)
    if (person === undefined) return spendTry(won, deps)
    const writeback = await deps.agents.writeback()
    deps.recent.keep(await saveFlow(won, { state: 'verified', person, challenge: undefined }, deps))
    return {
      status: 200,
      body: { flow: flow.id, state: 'verified', gate, writeback },
    }
  }

const isRight = async (flow: FlowRow, { code, nonce }: Challenge, given: string, { macs }: VerifyDeps): Promise<boolean> =>
  code !== undefined && (await macs.fits(code, 'code', [flow.id, nonce, given]))

async function spendTry(flow: FlowRow, deps: VerifyDeps): Promise<Answer> {
  const triesLeft = flow.value.triesLeft - 1
  if (triesLeft > 0) {
    await saveFlow(flow, { triesLeft }, deps)
    return problem('wrongCode', { triesLeft })
  }
  await saveFlow(flow, { triesLeft: 0, state: 'closed', challenge: undefined }, deps)
  return problem('tooManyTries')
}
