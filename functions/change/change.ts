/**
 * POST /api/change: a new password by whoever knows the current one, after one passed gate or signed in to the cloud.
 *
 * The current password is proved by the directory alone. Until it was, every refusal that is about the person is the one
 * `wrongPassword`, told at a fixed time (refusal.ts); and no more wrong ones are forwarded than the person can spare (attempts.ts).
 */
import { isFault } from '../../shared/fault.ts'
import { parsePassword } from '../../shared/password.ts'
import type { PolicyFacts } from '../../shared/payload.ts'
import type { Secret } from '../../shared/secret.ts'
import { answerOf } from '../http/answers.ts'
import type { Call } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import type { CheckPassword } from '../policy/check.ts'
import type { Room } from '../reset/room.ts'
import { refusalOf, type TurnDeps, takeTurn } from '../reset/turn.ts'
import type { Write } from '../reset/write.ts'
import { type Attempts, attemptsOf } from './attempts.ts'
import { type OwnFlowDeps, ownFlow } from './own-flow.ts'
import { fixedTime, isAbout, isAccepted, masked, maskedOutcome, wrongPassword } from './refusal.ts'

export interface ChangeDeps extends TurnDeps, OwnFlowDeps {
  write: Write
  room: Room
  attempts: Attempts
  checkPassword: CheckPassword
  /** Of the person's domain; without a name, the strictest of all. Undefined: nobody is there who could say. */
  policyOf(domainName: string | undefined): Promise<PolicyFacts | undefined>
  /** Refusals about a person are told at multiples of this. */
  refusalMs: number
}

export interface ChangeBody {
  flow?: string | undefined
  currentPassword: string
  newPassword: string
}

export const change =
  (deps: ChangeDeps) =>
  async (call: Call<ChangeBody>): Promise<Answer> => {
    const beganAt = deps.clock.monotonic()
    const [current, fresh] = [parsePassword(call.body.currentPassword), parsePassword(call.body.newPassword)]
    if (current.kind === 'problem') return problem('passwordUnusable', { field: 'currentPassword', reason: current.problem })
    using oldPassword = current.password
    if (fresh.kind === 'problem') return problem('passwordUnusable', { field: 'newPassword', reason: fresh.problem })
    using newPassword = fresh.password
    const answer = await attempt(call, { oldPassword, newPassword }, deps)
    if (isAbout(answer)) await fixedTime(beganAt, deps.refusalMs, deps.clock)
    return answer
  }

async function attempt(call: Call<ChangeBody>, passwords: { oldPassword: Secret; newPassword: Secret }, deps: ChangeDeps): Promise<Answer> {
  const own = await ownFlow(call, deps)
  if (own.kind === 'refused') return own.answer
  const { person, state } = own.kind === 'own' ? own : { person: undefined, state: 'halfway' as const }
  const policy = await deps.policyOf(person?.domainName)
  // Who cannot be found has used up none.
  const anyLeft = policy && (person === undefined ? attemptsOf(policy) > 0 : await deps.attempts.anyLeft(person.id, policy))
  // Said of the new password alone, whoever asks: it tells nothing of the person, and nothing was counted or sent. Outside
  // somebody is asked only for whoever has an attempt.
  const guessable = await deps.checkPassword(passwords.newPassword, person, anyLeft ?? false)
  if (guessable) return answerOf(guessable, { state })
  if (own.kind === 'nobody' || person === undefined) return answerOf(wrongPassword, { state })
  if (policy === undefined) return answerOf({ kind: 'serviceDown' }, { state })
  if (attemptsOf(policy) < 1) return problem('changeOff')
  if (!anyLeft) return answerOf(wrongPassword, { state })
  // Before a flow of their own is written: a thousand guesses are a thousand reads.
  const refusal = call.user && (await refusalOf(person, 'change', undefined, deps))
  if (refusal) return answerOf(maskedOutcome(refusal), { state })

  using place = deps.room.enter()
  const wish = { hasRoom: place !== undefined, from: ['halfway', 'verified'], operation: 'change' } as const
  const turn = await takeTurn(await own.onFlow(), deps, wish)
  if (turn.kind === 'refused') return masked(turn.answer)
  const taken = await deps.attempts.take(person.id, policy).catch(async (error: unknown) => {
    await turn.giveBack()
    throw error
  })
  if (!taken) return own.shown(await turn.conclude(wrongPassword))
  const changed = { operation: 'change', actor: 'self', ...passwords, unlock: false, mustChange: false } as const
  const giveBack = () => deps.attempts.giveBack(person.id).catch(() => {})
  // It could not be sealed (relay/seal.ts): nothing was sent.
  const outcome = await deps.write(turn, changed, call).catch(async (error: unknown) => {
    if (isFault(error)) await giveBack()
    throw error
  })
  if (isAccepted(outcome)) await giveBack()
  return own.shown(await turn.conclude(outcome))
}
