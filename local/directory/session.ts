/**
 * One connection: octets in, requests one after another, answers out (RFC 4511 §5.3).
 *
 * A connection acts for whoever bound last; before that it may only bind and read rootDSE. Octets that are no LDAP message
 * are answered with the Notice of Disconnection and the end of the connection (§4.1.1).
 */
import type { Socket } from 'node:net'
import { add, remove } from './add.ts'
import { BerError, readElement } from './ber.ts'
import { bind } from './bind.ts'
import { decodeMessage, type Message, type Request } from './codec.ts'
import { readControls, type Wishes } from './controls.ts'
import type { Domain } from './domain.ts'
import type { Entry } from './entries.ts'
import type { Faults } from './faults.ts'
import { modify } from './modify.ts'
import { referralFor } from './referral.ts'
import { rename } from './rename.ts'
import { encodeDisconnection, encodeEntry, encodeResult } from './replies.ts'
import { type Result, refusals } from './result.ts'
import { compare, type OpenPages, search } from './search.ts'

interface Session {
  readonly domain: Domain
  readonly faults: Faults
  readonly socket: Socket
  readonly encrypted: boolean
  readonly pages: OpenPages
  user: Entry | undefined
}

/** Serves the socket until either side ends it. */
export function serve(domain: Domain, faults: Faults, socket: Socket, encrypted: boolean): void {
  const session: Session = { domain, faults, socket, encrypted, pages: new Map(), user: undefined }
  let received: Buffer = Buffer.alloc(0)
  let turn = Promise.resolve()
  socket.on('error', () => socket.destroy())
  const receive = (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    try {
      for (let read = readElement(received, 0); read !== undefined; read = readElement(received, 0)) {
        received = received.subarray(read.next)
        const message = decodeMessage(read.element.content)
        turn = turn.then(() => answer(session, message)).catch((error: unknown) => hangUp(session, error))
      }
    } catch (error) {
      // Whatever else arrives is read and thrown away: unread octets would turn the goodbye into a reset.
      socket.off('data', receive).resume()
      hangUp(session, error)
    }
  }
  socket.on('data', receive)
}

/** A peer's malformed octets end its connection; anything else is a mistake in this server and must not be swallowed. */
function hangUp({ socket }: Session, error: unknown): void {
  socket.end(encodeDisconnection(refusals.unknownRequest))
  if (!(error instanceof BerError)) throw error
}

async function answer(session: Session, { id, request, controls }: Message): Promise<void> {
  const { domain, faults, socket } = session
  const fault = faults.take(request.kind)
  if (fault === 'hang') await faults.hold()
  if (fault === 'dropBeforeWrite') return abort(socket)
  await faults.pass(request.kind)
  const wishes = readControls(controls, request.kind, domain.supportedControls)
  const replies =
    fault === 'busy' || fault === 'unavailable'
      ? [encodeResult(id, request.kind, refusals[fault])]
      : wishes === undefined
        ? [encodeResult(id, request.kind, refusals.unknownControl)]
        : handle(session, id, request, wishes)
  if (fault === 'dropAfterWrite') return abort(socket)
  if (request.kind === 'unbind') socket.end()
  else if (replies.length > 0 && socket.writable) socket.write(Buffer.concat(replies))
}

/** Without a goodbye on any layer: to the client this is a server that died. */
const abort = (socket: Socket): void => {
  socket.destroy()
}

function handle(session: Session, id: number, request: Request, wishes: Wishes): Buffer[] {
  if (request.kind === 'unbind' || request.kind === 'abandon') return []
  const referral = session.user && referralFor(session.domain, request)
  if (referral !== undefined) return [encodeResult(id, request.kind, referral)]
  if (request.kind !== 'search') return [encodeResult(id, request.kind, resultOf(session, request, wishes))]
  const { entries, result, controls } = search(session.domain, session.user, request, wishes, session.pages)
  return [...entries.map(({ dn, attributes }) => encodeEntry(id, dn, attributes)), encodeResult(id, 'search', result, controls)]
}

function resultOf(session: Session, request: Exclude<Request, { kind: 'search' | 'unbind' | 'abandon' }>, wishes: Wishes): Result {
  const { domain, encrypted, user } = session
  if (request.kind === 'bind') {
    const answer = bind(domain, request)
    session.user = answer.user
    session.pages.clear()
    return answer.result
  }
  if (request.kind === 'unknown') return refusals.unknownRequest
  if (request.kind === 'extended') return refusals.extendedUnknown
  if (user === undefined) return refusals.notAuthenticated
  switch (request.kind) {
    case 'modify':
      return modify(domain, user, request, { encrypted, ...wishes })
    case 'add':
      return add(domain, user, request, encrypted)
    case 'delete':
      return remove(domain, user, request)
    case 'rename':
      return rename(domain, user, request)
    case 'compare':
      return compare(domain, user, request)
  }
}
