/**
 * Accepting a session: a receive link with the filter `com.microsoft:session-filter`.
 *
 * With a value it is that session or a refusal; without one the attach stays unanswered until any session with messages is
 * free, or until the client's own limit is nearly over. The answer echoes the filter with the session's id and says
 * how long the lock lasts, in .NET ticks. Source: "Accept message session" in the AMQP protocol guide.
 */
import type { Sender } from 'rhea'
import type { Clock } from '../../shared/clock.ts'
import { Alarm } from './alarm.ts'
import type { Consumer, Entity } from './entity.ts'
import { Outlet, type OutletSurroundings } from './outlet.ts'
import type { Attached } from './peer.ts'
import { type AmqpFault, answering, answerTermini, holdAttach, refuseAttach, requested } from './rhea-internals.ts'
import type { Sessions } from './sessions.ts'
import { amqpFault, wrapTicks } from './wire.ts'

export const sessionFilter = 'com.microsoft:session-filter'
const defaultWaitMs = 60_000

export interface SessionPlace {
  path: string
  entity: Entity
  sessions: Sessions<Consumer>
  clock: Clock
  around: OutletSurroundings
}

export function acceptSession(link: Sender, place: SessionPlace): AmqpFault | undefined {
  place.entity.sweep()
  const wanted = plainValue(requested(link).source?.filter?.[sessionFilter])
  if (wanted === undefined) return waitForSession(link, place)
  return place.sessions.find(wanted) ? taken(wanted) : openSession(link, place, wanted)
}

function openSession(link: Sender, { path, entity, around }: SessionPlace, sessionId: string): undefined {
  answerTermini(link, { [sessionFilter]: sessionId })
  const outlet = new Outlet(link, path, entity, { ...around, sessionId })
  answering(link).properties = { 'com.microsoft:locked-until-utc': wrapTicks(outlet.session?.until ?? 0) }
  around.peer.attach(outlet)
}

function waitForSession(link: Sender, place: SessionPlace): undefined {
  const { entity, clock, path } = place
  const { peer } = place.around
  const limitMs = Number(requested(link).properties?.['com.microsoft:timeout'] ?? defaultWaitMs)
  const giveUp = () => refuseAttach(link, timedOut(limitMs))
  const waiting: Attached = {
    link,
    path,
    claim: 'Listen',
    lastUsedAt: clock.now(),
    gone() {
      timeout.stop()
      entity.removeWaiter(waiter)
      if (link.connection.is_open()) giveUp() // a detach cannot be answered before its attach
    },
  }
  const waiter = {
    grant(sessionId: string) {
      timeout.stop()
      peer.forget(waiting)
      openSession(link, place, sessionId)
      link.open()
    },
  }
  const timeout = new Alarm(clock, () => {
    peer.forget(waiting)
    entity.removeWaiter(waiter)
    giveUp()
  })
  holdAttach(link)
  peer.attach(waiting)
  entity.addWaiter(waiter)
  timeout.by(clock.now() + limitMs - Math.min(200, limitMs / 10))
}

/** A filter may come as it is or as a described value. */
function plainValue(value: unknown): string | undefined {
  const plain = typeof value === 'object' && value !== null && 'value' in value ? value.value : value
  return plain === undefined || plain === null ? undefined : String(plain)
}

const taken = (id: string) =>
  amqpFault(
    'com.microsoft:session-cannot-be-locked',
    `The requested session '${id}' cannot be accepted. It may be locked by another receiver.`,
  )
const timedOut = (limitMs: number) =>
  amqpFault('com.microsoft:timeout', `The operation did not complete within the allotted timeout of ${limitMs} ms.`)
