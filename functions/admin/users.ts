/**
 * POST manage/users/{id}/password, …/unlock, …/check: administrators and the help desk for somebody else.
 *
 * The way to the directory is the people's own (reset/turn.ts): a flow that is verified from the start, whose secret nobody
 * gets, so that lease, late outcomes and "unknown" are the same. The help desk touches no administrator, nobody themselves:
 * their own way is the flow with its gates. How often, audit/audited.ts counts. What is thrown here is thrown before anything was sent.
 */
import { faultWord, isFault } from '../../shared/fault.ts'
import type { Outcome } from '../../shared/outcome.ts'
import { parsePassword } from '../../shared/password.ts'
import { messageIdOf } from '../../shared/seal.ts'
import type { Secret } from '../../shared/secret.ts'
import type { Steps } from '../audit/steps.ts'
import { answerOf } from '../http/answers.ts'
import type { AdministratorCall, AdministratorHandler } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import type { CheckPassword } from '../policy/check.ts'
import type { Ask } from '../relay/ask.ts'
import type { SealCheck, Wish } from '../relay/seal.ts'
import { type FlowPerson, insertFlow, newFlowId, newFlowSecret } from '../reset/flow.ts'
import { type PersonDeps, personOf } from '../reset/person.ts'
import type { Room } from '../reset/room.ts'
import { toldAs } from '../reset/told.ts'
import { type TurnDeps, takeTurn } from '../reset/turn.ts'
import type { Write } from '../reset/write.ts'
import { forAdministrators, type UserOperation } from './users-answer.ts'

export interface UsersDeps extends TurnDeps, Omit<PersonDeps, keyof TurnDeps>, Pick<Ask, 'inquire'> {
  write: Write
  checkPassword: CheckPassword
  sealCheck: SealCheck
  room: Room
  steps: Pick<Steps, 'add'>
  /** One that the rules of this person's domain accept (generate.ts). */
  generate(person: FlowPerson): Promise<string>
}

export interface GivenPassword {
  reason: string
  /** Without one it is generated, and shown in the answer. */
  newPassword?: string | undefined
  /** At the next sign-in; unless this says no. */
  mustChange?: boolean | undefined
}

export const resetUser = (deps: UsersDeps): AdministratorHandler<GivenPassword> =>
  handled('resetUser', deps, async (call, person) => {
    const { newPassword, mustChange = true } = call.body
    const text = newPassword ?? (await deps.generate(person))
    const parsed = parsePassword(text)
    if (parsed.kind === 'problem') return problem('passwordUnusable', { reason: parsed.problem })
    using password = parsed.password
    const guessable = newPassword === undefined ? undefined : await deps.checkPassword(password, person)
    if (guessable) return forAdministrators('adminReset', answerOf(guessable), { user: person.id })
    const answer = await ordered(call, person, resetFor(password, mustChange), deps)
    // Not of a reset that never was: but where nobody knows, it may be the password.
    const shown = newPassword === undefined && answer.body['effect'] !== 'notChanged' && answer.body['request'] !== undefined
    return shown ? { ...answer, body: { ...answer.body, newPassword: text } } : answer
  })

type UserWish = Wish & { operation: UserOperation }

const resetFor = (newPassword: Secret, mustChange: boolean): UserWish => ({
  operation: 'adminReset',
  actor: 'admin',
  newPassword,
  unlock: true,
  mustChange,
})

export const unlockUser = (deps: UsersDeps): AdministratorHandler<{ reason: string }> =>
  handled('unlockUser', deps, (call, person) => ordered(call, person, { operation: 'unlock', actor: 'admin' }, deps))

const checkedWithinMs = 10_000

/** Changes nothing, so it needs no turn. */
export const checkUser = (deps: UsersDeps): AdministratorHandler<{ reason: string }> =>
  handled('checkUser', deps, async (_call, person) => {
    const { linkChanged, sourceAnchor, id } = person
    const told = (outcome: Outcome, more = {}) => forAdministrators('check', answerOf(outcome), { user: id, ...more })
    if (!(await deps.feature.isOn())) return told({ kind: 'disabled' })
    if (linkChanged) return told({ kind: 'notLinked', condition: 'cloud' })
    if (sourceAnchor === undefined) return told({ kind: 'cloudOnly' })
    if ((await deps.agents.writeback()) === 'down') return told({ kind: 'serviceDown' })
    const sealed = await deps.sealCheck({ ...person, sourceAnchor }, 'admin')
    const reply = await deps.inquire(sealed, checkedWithinMs)
    const facts = { request: sealed.messageId, ...(reply?.policy && { policy: { ...reply.policy } }) }
    return told(reply?.outcome ?? { kind: 'directoryUnavailable' }, facts)
  })

type Act<B> = (call: AdministratorCall<B>, person: FlowPerson) => Promise<Answer>

/** Whom it is about, and whether this administrator may: before anything is done. */
function handled<B>(route: string, deps: UsersDeps, act: Act<B>): AdministratorHandler<B> {
  return async (call) => {
    const { administrator, params } = call
    const id = (params['id'] ?? '').toLowerCase()
    if (id === administrator.id) return problem('notYourself')
    try {
      const person = await personOf(id, deps)
      if (person === undefined) return problem('unknownUser')
      if (person.administrator && administrator.role !== 'Writeback.Admin') return problem('administratorsOnly')
      return await act(call, person)
    } catch (error) {
      if (!isFault(error) || error.permanent) throw error
      deps.log('handlerFailed', { route, fault: faultWord(error) })
      return problem('unavailable')
    }
  }
}

async function ordered(call: AdministratorCall, person: FlowPerson, wish: UserWish, deps: UsersDeps): Promise<Answer> {
  const { operation } = wish
  const own = await verifiedFlow(call, person, deps)
  using place = deps.room.enter()
  const turn = await takeTurn(own, deps, { hasRoom: place !== undefined, ...(operation === 'unlock' && { operation }) })
  const facts = { user: person.id }
  if (turn.kind === 'refused') return forAdministrators(operation, turn.answer, facts)
  const request = messageIdOf(turn.id)
  const step = { flow: own.params['flow'], request, subject: person.id, who: call.administrator.id, operation }
  const outcome = await deps.write(turn, wish, call, () => deps.steps.add({ event: 'submitted', ...step }))
  const answer = await turn.conclude(outcome)
  deps.steps.add({ event: 'outcomeTold', ...step, outcome: toldAs(outcome, operation === 'unlock' ? operation : undefined).kind })
  return forAdministrators(operation, answer, { ...facts, request })
}

/** Written as if its gate had been passed; `by` says that none was. */
async function verifiedFlow(call: AdministratorCall, person: FlowPerson, deps: UsersDeps): Promise<AdministratorCall> {
  const [id, secret] = [newFlowId(), newFlowSecret()]
  const by = call.administrator.id
  await insertFlow({ id, secret, state: 'verified', username: '', triesLeft: 0, challengesLeft: 0, person, by }, deps)
  return { ...call, params: { flow: id }, flowSecret: (of) => (of === id ? secret : undefined) }
}

export const openUsers = (deps: UsersDeps) => ({ resetUser: resetUser(deps), unlockUser: unlockUser(deps), checkUser: checkUser(deps) })
