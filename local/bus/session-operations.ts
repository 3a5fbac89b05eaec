/**
 * `$management` operations on sessions: renew the lock, read and write the state. Only the holder of the session may.
 */
import type { Consumer } from './entity.ts'
import { type Answer, type Operation, ok, type Request, refuse } from './operation.ts'
import { codec } from './rhea-internals.ts'
import type { Session, Sessions } from './sessions.ts'
import { sessionLockLost } from './wire.ts'

/** An operation on a session that the asking link holds. */
function onSession(run: (session: Session<Consumer>, sessions: Sessions<Consumer>, request: Request) => Answer): Operation {
  return {
    claim: 'Listen',
    run(request) {
      const id = String(request.body['session-id'])
      const { sessions } = request.entity
      const session = sessions?.find(id)
      const isHolder = session && (request.linkName === undefined || request.linkName === session.holder.name)
      return sessions && isHolder ? run(session, sessions, request) : refuse(410, sessionLockLost(id))
    },
  }
}

export const sessionOperations: Readonly<Record<string, Operation>> = {
  'com.microsoft:renew-session-lock': onSession((session, sessions) => ok({ expiration: codec.wrap_timestamp(sessions.renew(session)) })),
  'com.microsoft:get-session-state': onSession((session, sessions) => {
    const state = sessions.state(session.id)
    return ok({ 'session-state': state ? codec.wrap_binary(state) : null })
  }),
  'com.microsoft:set-session-state': onSession((session, sessions, { body }) => {
    const state = body['session-state']
    sessions.setState(session.id, Buffer.isBuffer(state) ? state : undefined)
    return ok()
  }),
}
