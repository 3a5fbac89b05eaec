/** POST /api/reset/{flow}/challenge: records that a code is wanted and queues its delivery; at most three per flow. */
import { randomBytes } from 'node:crypto'
import { gates, gatesLeft, isFirst } from '../gates/gate.ts'
import type { Call } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import type { Policies } from '../policy/row.ts'
import { type FlowDeps, openFlow, saveFlow } from './flow.ts'

export interface ChallengeDeps extends FlowDeps {
  policies: Pick<Policies, 'current'>
  queue: { send(text: string): Promise<void> }
}

export const challenge =
  (deps: ChallengeDeps) =>
  async (call: Call<{ gate: string }>): Promise<Answer> => {
    const { gate } = call.body
    const firsts = gatesLeft((await deps.policies.current()).offered)
    if (!isFirst(gate) || !firsts.includes(gate)) return problem('unknownGate', { gates: firsts })
    const opened = await openFlow(call, deps)
    if (opened.kind === 'refused') return opened.answer
    const { state, challengesLeft, triesLeft } = opened.flow.value
    if (state !== 'started' && state !== 'challenged') return problem(state === 'closed' ? 'tooManyTries' : 'wrongState', { state })
    if (challengesLeft === 0) return problem('tooManyCodes', { triesLeft })

    const nonce = randomBytes(16).toString('base64url')
    const expiresAt = deps.clock.now() + gates[gate].validMs
    const next = { state: 'challenged', challengesLeft: challengesLeft - 1, challenge: { gate, nonce, expiresAt } } as const
    const flow = await saveFlow(opened.flow, next, deps)
    await deps.queue.send(JSON.stringify({ flow: flow.id, challenge: nonce }))
    return { status: 202, body: { flow: flow.id, state: 'challenged', gate, triesLeft, codeExpiresAt: new Date(expiresAt).toISOString() } }
  }
