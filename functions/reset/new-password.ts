/** POST /api/reset/{flow}/password: the main path. parse → gate → check → write (seal → send → await) → answer. */
import { parsePassword } from '../../shared/password.ts'
import type { Secret } from '../../shared/secret.ts'
import type { Call } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import type { CheckPassword } from '../policy/check.ts'
import type { Wish } from '../relay/seal.ts'
import type { FlowPerson } from './flow.ts'
import type { Room } from './room.ts'
import { type TurnDeps, takeTurn } from './turn.ts'
import type { Write } from './write.ts'

/** Whoever has forgotten a password has often typed wrong ones, too. */
export const resetOf = (newPassword: Secret): Wish => ({ operation: 'reset', actor: 'self', newPassword, unlock: true, mustChange: false })

export const newPassword =
  (deps: TurnDeps & { write: Write; room: Room; checkPassword: CheckPassword }) =>
  async (call: Call<{ newPassword: string }>): Promise<Answer> => {
    const parsed = parsePassword(call.body.newPassword)
    if (parsed.kind === 'problem') return problem('passwordUnusable', { reason: parsed.problem })
    using password = parsed.password

    using place = deps.room.enter()
    const refuse = (person: FlowPerson) => deps.checkPassword(password, person)
    const turn = await takeTurn(call, deps, { hasRoom: place !== undefined, refuse })
    if (turn.kind === 'refused') return turn.answer

    const outcome = await deps.write(turn, resetOf(password), call)
    return turn.conclude(outcome)
  }
