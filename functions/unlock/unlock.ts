/**
 * POST /api/reset/{flow}/unlock: lifts a lock-out for whoever has passed the gates, and leaves the password as it is.
 *
 * The main path without a password: the same turn, the same message there and back. `done` means that the account is not locked.
 */
import type { Call } from '../http/edge.ts'
import type { Answer } from '../http/problem.ts'
import type { Room } from '../reset/room.ts'
import { type TurnDeps, takeTurn } from '../reset/turn.ts'
import type { Write } from '../reset/write.ts'

export const unlock =
  (deps: TurnDeps & { write: Write; room: Room }) =>
  async (call: Call): Promise<Answer> => {
    using place = deps.room.enter()
    const turn = await takeTurn(call, deps, { hasRoom: place !== undefined, operation: 'unlock' })
    if (turn.kind === 'refused') return turn.answer
    return turn.conclude(await deps.write(turn, { operation: 'unlock', actor: 'self' }, call))
  }
