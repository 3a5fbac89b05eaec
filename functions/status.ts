/** GET /api/status: whether a password can be reset right now, and nothing more. */
import type { Answer } from './http/problem.ts'
import type { Agents } from './relay/agents.ts'

export const status =
  ({ agents }: { agents: Pick<Agents, 'writeback'> }) =>
  async (): Promise<Answer> => ({ status: 200, body: { writeback: await agents.writeback() } })
