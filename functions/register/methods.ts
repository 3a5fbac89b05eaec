/**
 * /api/me/methods: a person's own authenticator app. Registered, confirmed and removed by whoever is signed in, about nobody else.
 *
 *            POST totp             POST totp/confirm
 *   nothing ──────────▶ pending ────────────────────▶ registered ──DELETE totp──▶ nothing
 *                       ▲    │ a quarter of an hour       │ POST totp: another is pending; this one counts
 *                 again └────┴▶ nothing, 5 wrong codes ◀──┘ until that is confirmed
 *
 * The secret is in one answer, and never again. A change needs a sign-in of the last 15 minutes (admin/admission.ts), and is told
 * to the person by mail: whoever has their session for a moment does not get a gate unseen.
 */

import type { Clock } from '../../shared/clock.ts'
import { faultWord } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import type { Person } from '../entra/people.ts'
import type { Authenticators } from '../gates/authenticators.ts'
import { confirmWithinMs } from '../gates/authenticators.ts'
import { totpUri, typedSecret } from '../gates/totp.ts'
import type { UserHandler } from '../http/edge.ts'
import { problem } from '../http/problem.ts'
import type { MethodChange } from '../mail/texts.ts'

export interface MethodDeps {
  authenticators: Omit<Authenticators, 'take'>
  people: { byId(id: string): Promise<Pick<Person, 'mailAddress' | 'signInDomain' | 'enabled'> | undefined> }
  mail: { sendMethod(to: string, change: MethodChange): Promise<void> }
  clock: Clock
  log: Log
}

export function openMethods(deps: MethodDeps) {
  const { authenticators, people, clock } = deps
  const readMethods: UserHandler<undefined> = async ({ user }) => {
    const at = await authenticators.registeredAt(user.id)
    const methods = at === undefined ? [] : [{ method: 'totp', registeredAt: new Date(at).toISOString() }]
    return { status: 200, body: { methods } }
  }
  const startTotp: UserHandler<undefined> = async ({ user }) => {
    const person = await people.byId(user.id)
    if (!person?.enabled) return problem('notAllowed')
    const secret = await authenticators.begin(user.id)
    const uri = totpUri(secret, person.signInDomain, 'Password reset')
    const answer = { method: 'totp', state: 'pending', secret: typedSecret(secret), uri }
    secret.fill(0)
    return { status: 201, body: { ...answer, confirmBefore: new Date(clock.now() + confirmWithinMs).toISOString() } }
  }
  const confirmTotp: UserHandler<{ code: string }> = async ({ user, body }) => {
    switch (await authenticators.confirm(user.id, body.code)) {
      case 'none':
        return problem('noMethod')
      case 'wrong':
        return problem('wrongCode')
      case 'confirmed':
        await tell(user.id, 'added', deps)
        return { status: 200, body: { method: 'totp', state: 'registered' } }
    }
  }
  const removeTotp: UserHandler<undefined> = async ({ user }) => {
    if (!(await authenticators.remove(user.id))) return problem('noMethod')
    await tell(user.id, 'removed', deps)
    return { status: 200, body: { method: 'totp', state: 'removed' } }
  }
  return { readMethods, startTotp, confirmTotp, removeTotp }
}

/** A mail that cannot be sent undoes nothing; the log has the change in either case. */
async function tell(person: string, change: MethodChange, { people, mail, log }: MethodDeps): Promise<void> {
  const to = (await people.byId(person).catch(() => undefined))?.mailAddress
  const fault = to === undefined ? 'noAddress' : await mail.sendMethod(to, change).then(() => undefined, faultWord)
  log('methodChanged', { person, operation: change, fault })
}
