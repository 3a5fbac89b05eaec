/**
 * A person's wish as a sealed request: password under the password key's public half, all of it under the package key.
 *
 * The last place in the cloud where the password is in clear; it is wiped when the request exists. If the keys cannot be
 * had, or a late outcome could not find its way, the turn is given back: nothing was sent.
 */
import type { Clock } from '../../shared/clock.ts'
import type { PackageKey } from '../../shared/envelope.ts'
import { flags, type Request } from '../../shared/payload.ts'
import { messageIdOf, newId, type PasswordKey, sealField, sealRequest } from '../../shared/seal.ts'
import type { Secret } from '../../shared/secret.ts'
import type { Times } from '../../shared/times.ts'
import type { Turn } from '../reset/turn.ts'
import type { Question, Sealed } from './ask.ts'

export type Seal = (turn: Turn, password: Secret, traceparent: string | undefined) => Promise<Question>

export interface SealDeps {
  tenantId: Buffer
  times: Times
  keys: { sealing(): Promise<{ package: PackageKey; password: PasswordKey }> }
  clock: Clock
}

export const createSeal =
  ({ tenantId, times, keys, clock }: SealDeps): Seal =>
  async (turn, password, traceparent) => {
    try {
      const { id, person } = turn
      const key = await keys.sealing()
      const newPassword = password.use((value) => sealField(value, 'new', key.password, id, person.sourceAnchor))
      const request = {
        operation: 'reset',
        actor: 'self',
        issuedAt: clock.now(),
        startWithinMs: times.startWithinMs,
        cloudAnchor: Buffer.from(person.id.replaceAll('-', ''), 'hex'),
        sourceAnchor: person.sourceAnchor,
        passwordKey: Buffer.from(key.password.version),
        newPassword,
        flags: flags.unlock,
        trace: traceBytes(traceparent),
      } as const
      const body = sealRequest(request, key.package, tenantId, id)
      await turn.findable
      const { submittedAt, recorded } = turn
      const again = (operation: 'check' | 'settle') => {
        const { passwordKey, newPassword, cloudAnchor, sourceAnchor, actor, startWithinMs } = request
        const common = { cloudAnchor, sourceAnchor, actor, startWithinMs, issuedAt: clock.now(), operation, flags: 0 }
        const aboutAgeMs = Math.ceil(clock.monotonic() - submittedAt)
        const about = { passwordKey, newPassword, about: id, aboutAgeMs, flags: request.flags }
        return sealAgain({ ...common, ...(operation === 'settle' && about) }, key.package, tenantId)
      }
      return { id, messageId: messageIdOf(id), body, key: key.package, submittedAt, recorded, again }
    } catch (error) {
      await turn.giveBack()
      throw error
    } finally {
      password.wipe()
    }
  }

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
