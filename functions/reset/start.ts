/** POST /api/reset: opens a flow for whatever name was typed. Nothing about the person is looked up: the answer is the same. */
import { gatesLeft } from '../gates/gate.ts'
import { type Call, secretCookie } from '../http/edge.ts'
import type { Answer } from '../http/problem.ts'
import type { Policies } from '../policy/row.ts'
import type { Agents } from '../relay/agents.ts'
import { type FlowDeps, flowLifeMs, insertFlow, newFlowId, newFlowSecret } from './flow.ts'

export const start =
  (deps: FlowDeps & { agents: Pick<Agents, 'writeback'>; policies: Pick<Policies, 'current'> }) =>
  async ({ body }: Call<{ username: string }>): Promise<Answer> => {
    const [writeback, { offered }] = await Promise.all([deps.agents.writeback(), deps.policies.current()])
    const [id, secret] = [newFlowId(), newFlowSecret()]
    // Autofill adds blanks; no name begins or ends with one.
    const { expiresAt } = await insertFlow({ id, secret, username: body.username.trim(), state: 'started' }, deps)
    return {
      status: 202,
      body: { flow: id, gates: gatesLeft(offered), writeback, expiresAt: new Date(expiresAt).toISOString() },
      cookies: [secretCookie(id, secret, flowLifeMs / 1000)],
    }
  }
