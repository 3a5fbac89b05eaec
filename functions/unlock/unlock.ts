/**
 * POST /api/reset/{flow}/unlock: lifts a lock-out for whoever has passed the gates, and leaves the password as it is.
 *
 * The main path without a password: the same turn, the same message there and back. `done` means that the account is not locked.
 */
import type { Call } from '../http/edge.ts'
import type { Answer } from '../http/problem.ts'
import type { Ask } from '../relay/ask.ts'
import type { Seal } from '../relay/seal.ts'
import type { Room } from '../reset/room.ts'
import { type TurnDeps, takeTurn } from '../reset/turn.ts'

export const unlock =
  (deps: TurnDeps & { seal: Seal; room: Room } & Pick<Ask, 'ask'>) =>
  async (call: Call): Promise<Answer> => {
    using place = deps.room.enter()
    const turn = await takeTurn(call, deps, { hasRoom: place !== undefined, operation: 'unlock' })
    if (turn.kind === 'refused') return turn.answer
    const question = await deps.seal(turn, { operation: 'unlock', actor: 'self' }, call.traceparent)
    return turn.conclude(await deps.ask(question, call.deadline))
  }
