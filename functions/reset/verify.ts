/**
 * POST /api/reset/{flow}/verify: passes the gate with the right code, and only then learns who the person is.
 *
 * A try is spent by a conditional write before its result is told, so that guesses at once cannot share one. For a name
 * nobody has, no code is ever right; the answers are the same.
 */
import type { GateName } from '../gates/gate.ts'
import { isGate } from '../gates/gate.ts'
import type { Call } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import type { Agents } from '../relay/agents.ts'
import { type Challenge, type FlowDeps, type FlowPerson, type FlowRow, openFlow, saveFlow } from './flow.ts'

export interface VerifyDeps extends FlowDeps {
  people: {
    byId(id: string): Promise<{ id: string; synchronized: boolean; sourceAnchor?: string | undefined; enabled: boolean } | undefined>
  }
  agents: Pick<Agents, 'writeback'>
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

    const person = await personProven(flow, challenge, code, deps)
    if (person === undefined) return spendTry(flow, deps)
    await saveFlow(flow, { state: 'verified', person, challenge: undefined }, deps)
    return {
      status: 200,
      body: { flow: flow.id, state: 'verified', gate: gate satisfies GateName, writeback: await deps.agents.writeback() },
    }
  }

async function personProven(
  flow: FlowRow,
  challenge: Challenge,
  code: string,
  { macs, people }: VerifyDeps,
): Promise<FlowPerson | undefined> {
  const right = challenge.code !== undefined && (await macs.fits(challenge.code, 'code', [flow.id, challenge.nonce, code]))
  const person = right && challenge.personId !== undefined ? await people.byId(challenge.personId) : undefined
  if (!person?.enabled) return undefined
  return { id: person.id, sourceAnchor: person.synchronized ? person.sourceAnchor : undefined }
}

async function spendTry(flow: FlowRow, deps: VerifyDeps): Promise<Answer> {
  const triesLeft = flow.value.triesLeft - 1
  if (triesLeft > 0) {
    await saveFlow(flow, { triesLeft }, deps)
    return problem('wrongCode', { triesLeft })
  }
  await saveFlow(flow, { triesLeft: 0, state: 'closed', challenge: undefined }, deps)
  return problem('tooManyTries')
}
