/** POST /api/reset/{flow}/password: the main path. parse → gate → seal → send → await → answer. */
import { parsePassword } from '../../shared/password.ts'
import type { Call } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import type { Ask } from '../relay/ask.ts'
import type { Seal } from '../relay/seal.ts'
import type { Room } from './room.ts'
import { type TurnDeps, takeTurn } from './turn.ts'

export const newPassword =
  (deps: TurnDeps & { seal: Seal; room: Room } & Pick<Ask, 'ask'>) =>
  async (call: Call<{ newPassword: string }>): Promise<Answer> => {
    const parsed = parsePassword(call.body.newPassword)
    if (parsed.kind === 'problem') return problem('passwordUnusable', { reason: parsed.problem })
    using password = parsed.password

    using place = deps.room.enter()
    const turn = await takeTurn(call, deps, place !== undefined)
    if (turn.kind === 'refused') return turn.answer

    const question = await deps.seal(turn, password, call.traceparent)
    const outcome = await deps.ask(question, call.deadline)
    return turn.conclude(outcome)
  }
