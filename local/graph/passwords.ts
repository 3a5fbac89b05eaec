/**
 * Passwords of the cloud directory: `PATCH /users/{id}` with a `passwordProfile`, as an application may do it.
 *
 * Passwords of synchronized users are mastered on-premises and refused, unless the tenant is one where it works. Nobody resets an
 * administrator with an application permission alone. The password is judged by the cloud's own policy (8 to 256 characters of
 * three kinds) and kept as a hash, so that a test can ask which one opens the account.
 * Sources: learn.microsoft.com/graph/api/user-update (passwordProfile), /entra/identity/authentication/concept-sspr-policy.
 */
import { createHash } from 'node:crypto'
import * as z from 'zod'
import type { WebRequest } from '../web.ts'
import { badRequest, denied, notFound, onPremisesMastered, passwordTooWeak } from './refusals.ts'
import type { Graph, Result } from './shape.ts'

const profile = z.strictObject({
  passwordProfile: z.strictObject({
    password: z.string(),
    forceChangePasswordNextSignIn: z.boolean().optional(),
    forceChangePasswordNextSignInWithMfa: z.boolean().optional(),
  }),
})
const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/]

export const hashOf = (password: string) => createHash('sha256').update(password).digest('hex')

export function patchUser({ users, groups, passwords, tenant, clock }: Graph, { body }: WebRequest, key: string): Result {
  const user = users.find(key)
  if (!user) return notFound(key)
  const members = parse(body)
  if (typeof members !== 'object' || members === null) return badRequest('Unable to read JSON request payload.')
  if (Object.keys(members).some((name) => name !== 'passwordProfile')) return denied()
  const parsed = profile.safeParse(members)
  if (!parsed.success) return badRequest('Invalid value specified for property passwordProfile.')
  if (groups.isAdministrator(user.id)) return denied()
  if (user.onPremisesSyncEnabled && !tenant.takesSynchronizedPasswords) return onPremisesMastered()
  const { password } = parsed.data.passwordProfile
  const fits = password.length >= 8 && password.length <= 256 && kinds.filter((kind) => kind.test(password)).length >= 3
  if (!fits) return passwordTooWeak()
  passwords.set(user.id, hashOf(password))
  user.lastPasswordChangeDateTime = new Date(clock.now()).toISOString()
  return { kind: 'done', status: 204 }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
