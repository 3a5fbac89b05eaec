/** POST /api/reset: opens a flow for whatever name was typed. Nothing about the person is looked up: the answer is the same. */

import { gatesLeft } from '../gates/gate.ts'
import type { Call } from '../http/edge.ts'
import { secretCookie } from '../http/edge.ts'
import type { Answer } from '../http/problem.ts'
import type { Policies } from '../policy/row.ts'
import type { Agents } from '../relay/agents.ts'
import { type Flow, type FlowDeps, flowLifeMs, flowTable, maxChallenges, maxTries, newFlowId, newFlowSecret } from './flow.ts'

export const start =
  ({ rows, macs, clock, agents, policies }: FlowDeps & { agents: Pick<Agents, 'writeback'>; policies: Pick<Policies, 'current'> }) =>
  async ({ body }: Call<{ username: string }>): Promise<Answer> => {
    const id = newFlowId()
    const secret = newFlowSecret()
    const expiresAt = clock.now() + flowLifeMs
    const [mac, writeback, { offered }] = await Promise.all([
      macs.make('flow-secret', [id, secret]),
      agents.writeback(),
      policies.current(),
    ])
    const flow: Flow = {
      state: 'started',
      // Autofill adds blanks; no name begins or ends with one.
      username: body.username.trim(),
      secret: mac,
      expiresAt,
      triesLeft: maxTries,
      challengesLeft: maxChallenges,
    }
    await rows.insert<Flow>(flowTable, id, 'flow', flow)
    return {
      status: 202,
      body: { flow: id, gates: gatesLeft(offered), writeback, expiresAt: new Date(expiresAt).toISOString() },
      cookies: [secretCookie(id, secret, flowLifeMs / 1000)],
    }
  }
