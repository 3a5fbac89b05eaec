/**
 * POST /api/reset/{flow}/verify: passes a gate with the right code. The first that is passed says who the person is; where two
 * are needed (the policy, and always for administrators), it leads halfway, and another gate to `verified`.
 *
 * A try is spent by a conditional write before its result is told, so that guesses at once cannot share one. For a name
 * nobody has, no code is ever right; the answers are the same.
 */
import type { Authenticators } from '../gates/authenticators.ts'
import { type GateName, gatesLeft, isFirst, isGate } from '../gates/gate.ts'
import type { Call } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import type { Policies } from '../policy/row.ts'
import type { Agents } from '../relay/agents.ts'
import { type Challenge, type FlowDeps, type FlowPerson, type FlowRow, openFlow, type RecentFlows, saveFlow } from './flow.ts'
import { type PersonDeps, personOf } from './person.ts'

export interface VerifyDeps extends FlowDeps, PersonDeps {
  rows: FlowDeps['rows']
  clock: FlowDeps['clock']
  policies: Pick<Policies, 'current'>
  authenticators: Pick<Authenticators, 'take'>
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
    const { state, challenge, person } = flow.value
    if (state === 'closed') return problem('tooManyTries')
    if (state === 'halfway' && person && !isFirst(gate)) return second(flow, person, gate, code, deps)
    if (state !== 'challenged' || challenge?.gate !== gate) return problem('wrongState', { state })
    if (deps.clock.now() >= challenge.expiresAt) return problem('expiredCode')
    return first(flow, challenge, code, deps)
  }

async function first(flow: FlowRow, challenge: Challenge, code: string, deps: VerifyDeps): Promise<Answer> {
  if (!(await isRight(flow, challenge, code, deps))) return spendTry(flow, deps)
  // Wins the write like any guess before anybody is looked up: one that loses must not be told right by the time it took.
  const won = await saveFlow(flow, {}, deps)
  const person = challenge.personId === undefined ? undefined : await personOf(challenge.personId, deps)
  if (person === undefined) return spendTry(won, deps)
  return passed(won, challenge.gate, person, deps)
}

/** The code is taken before the flow goes on: one that is right for two flows at once opens one. */
async function second(flow: FlowRow, person: FlowPerson, gate: GateName, code: string, deps: VerifyDeps): Promise<Answer> {
  // Still readable where a change was tried on it.
  if (deps.clock.now() >= flow.value.expiresAt) return problem('expiredFlow')
  const { offered } = await deps.policies.current()
  if (!gatesLeft(offered, flow.value.passed).includes(gate)) return problem('unknownGate')
  if (!(await deps.authenticators.take(person.id, code))) return spendTry(flow, deps)
  return passed(flow, gate, person, deps)
}

async function passed(flow: FlowRow, gate: GateName, person: FlowPerson, deps: VerifyDeps): Promise<Answer> {
  const [policy, writeback] = await Promise.all([deps.policies.current(), deps.agents.writeback()])
  const all = [...(flow.value.passed ?? []), gate]
  const enough = all.length >= (person.administrator ? 2 : policy.gates)
  const state = enough ? 'verified' : 'halfway'
  deps.recent.keep(await saveFlow(flow, { state, person, passed: all, challenge: undefined }, deps))
  const left = enough ? {} : { gates: gatesLeft(policy.offered, all) }
  return { status: 200, body: { flow: flow.id, state, gate, writeback, ...left } }
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
