/**
 * A wish about a person as a sealed request: passwords under the password key's public half, all of it under the package key.
 *
 * The last place in the cloud where a password is in clear; it is wiped when the request exists. If the keys cannot be
 * had, the turn is given back: nothing was sent.
 */
import type { Clock } from '../../shared/clock.ts'
import type { PackageKey } from '../../shared/envelope.ts'
import { type Actor, flags, type Request } from '../../shared/payload.ts'
import { messageIdOf, newId, type PasswordKey, sealField, sealRequest } from '../../shared/seal.ts'
import type { Secret } from '../../shared/secret.ts'
import type { Times } from '../../shared/times.ts'
import type { Turn } from '../reset/turn.ts'
import type { Question, Sealed } from './ask.ts'

/** `unlock`, `mustChange`: what belongs to the write besides the password. */
export type Wish = { actor: Actor } & (
  | { operation: 'reset' | 'adminReset'; newPassword: Secret; unlock: boolean; mustChange: boolean }
  | { operation: 'change'; oldPassword: Secret; newPassword: Secret; unlock: boolean; mustChange: boolean }
  | { operation: 'unlock' | 'check' }
)

/** What a request needs of whoever has the person's turn (reset/turn.ts). */
export type SealTurn = Pick<Turn, 'id' | 'submittedAt' | 'recorded' | 'giveBack'> & {
  person: Turn['person'] & { sourceAnchor: string }
}

export type Seal = (turn: SealTurn, wish: Wish, traceparent: string | undefined) => Promise<Question>

/** A question about a person that nobody's turn is needed for: nothing is changed by it. */
export type SealCheck = (person: SealTurn['person'], actor: Actor) => Promise<Sealed>

export interface SealDeps {
  tenantId: Buffer
  times: Times
  keys: { sealing(): Promise<{ package: PackageKey; password: PasswordKey }> }
  clock: Clock
}

export const createSeal =
  (deps: SealDeps): Seal =>
  async (turn, wish, traceparent) => {
    const { tenantId, keys, clock } = deps
    try {
      const key = await keys.sealing()
      const sealed = sealPasswords(wish, key.password, turn)
      const common = commonOf(turn.person, wish.actor, deps)
      const request = { ...common, operation: wish.operation, ...sealed, flags: flagsOf(wish), trace: traceBytes(traceparent) }
      const body = sealRequest(request, key.package, tenantId, turn.id)
      const { id, submittedAt, recorded } = turn
      const again = (operation: 'check' | 'settle') => {
        const { passwordKey, newPassword } = request
        const now = { ...common, issuedAt: clock.now(), flags: 0 }
        // What leaves no password behind is found out about by asking for it again: that changes nothing more.
        if (newPassword === undefined || operation === 'check')
          return sealAgain({ ...now, operation: operation === 'check' ? operation : wish.operation }, key.package, tenantId)
        const aboutAgeMs = Math.ceil(clock.monotonic() - submittedAt)
        return sealAgain(
          { ...now, operation, passwordKey, newPassword, about: id, aboutAgeMs, flags: request.flags },
          key.package,
          tenantId,
        )
      }
      return { id, messageId: messageIdOf(id), body, key: key.package, submittedAt, recorded, again }
    } catch (error) {
      await turn.giveBack()
      throw error
    } finally {
      if ('newPassword' in wish) wish.newPassword.wipe()
      if ('oldPassword' in wish) wish.oldPassword.wipe()
    }
  }

export const createSealCheck =
  (deps: SealDeps): SealCheck =>
  async (person, actor) => {
    const key = await deps.keys.sealing()
    return sealAgain({ ...commonOf(person, actor, deps), operation: 'check', flags: 0 }, key.package, deps.tenantId)
  }

function commonOf({ id, sourceAnchor }: SealTurn['person'], actor: Actor, { times, clock }: SealDeps) {
  const cloudAnchor = Buffer.from(id.replaceAll('-', ''), 'hex')
  return { cloudAnchor, sourceAnchor, actor, startWithinMs: times.startWithinMs, issuedAt: clock.now() }
}

type Blobs = Pick<Request, 'passwordKey' | 'newPassword' | 'oldPassword'>

function sealPasswords(wish: Wish, key: PasswordKey, { id, person }: SealTurn): Blobs {
  if (!('newPassword' in wish)) return {}
  const seal = (secret: Secret, field: 'new' | 'old') => secret.use((value) => sealField(value, field, key, id, person.sourceAnchor))
  return {
    passwordKey: Buffer.from(key.version),
    newPassword: seal(wish.newPassword, 'new'),
    ...('oldPassword' in wish && { oldPassword: seal(wish.oldPassword, 'old') }),
  }
}

const flagsOf = (wish: Wish): number =>
  'newPassword' in wish ? (wish.unlock ? flags.unlock : 0) | (wish.mustChange ? flags.mustChange : 0) : 0

/** Another request about the same person, under the same key. No password is in clear any more: only its blob travels again. */
function sealAgain(request: Request, key: PackageKey, tenantId: Buffer): Sealed {
  const id = newId()
  return { id, messageId: messageIdOf(id), body: sealRequest(request, key, tenantId, id), key }
}

/** W3C traceparent version 00 as 25 raw bytes: trace id, parent id, flags. Anything else is left out. */
function traceBytes(traceparent: string | undefined): Buffer | undefined {
  const parts = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? '')
  return parts ? Buffer.from(parts.slice(1).join(''), 'hex') : undefined
}
