/** POST /api/reset/{flow}/password: the main path. parse → gate → write (seal → send → await) → answer. */
import { parsePassword } from '../../shared/password.ts'
import type { Secret } from '../../shared/secret.ts'
import type { Call } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import type { Wish } from '../relay/seal.ts'
import type { Room } from './room.ts'
import { type TurnDeps, takeTurn } from './turn.ts'
import type { Write } from './write.ts'

/** Whoever has forgotten a password has often typed wrong ones, too. */
export const resetOf = (newPassword: Secret): Wish => ({ operation: 'reset', actor: 'self', newPassword, unlock: true, mustChange: false })

export const newPassword =
  (deps: TurnDeps & { write: Write; room: Room }) =>
  async (call: Call<{ newPassword: string }>): Promise<Answer> => {
    const parsed = parsePassword(call.body.newPassword)
    if (parsed.kind === 'problem') return problem('passwordUnusable', { reason: parsed.problem })
    using password = parsed.password

    using place = deps.room.enter()
    const turn = await takeTurn(call, deps, { hasRoom: place !== undefined })
    if (turn.kind === 'refused') return turn.answer

    const outcome = await deps.write(turn, resetOf(password), call)
    return turn.conclude(outcome)
  }
