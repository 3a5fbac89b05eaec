/**
 * GET /api/reset/{flow}/rules: what a new password has to be like, for whoever has passed the gates.
 *
 * The domain's rules are what its agents say (relay/domain-policy.ts). Whether a stricter or laxer policy is meant for this
 * person, and when they may change again, the directory alone knows: it is asked once a flow, by a `check`, which is two
 * messages more; that is why no other answer holds this. Without its answer in time the domain's rules are shown.
 */
import { isFault } from '../../shared/fault.ts'
import type { Outcome } from '../../shared/outcome.ts'
import { passwordLimits } from '../../shared/password.ts'
import type { PolicyFacts } from '../../shared/payload.ts'
import { answerOf } from '../http/answers.ts'
import type { Call } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import type { Ask } from '../relay/ask.ts'
import type { PolicyOf } from '../relay/domain-policy.ts'
import type { SealCheck, SealTurn } from '../relay/seal.ts'
import { type FlowRow, openFlow, type PersonRules, saveFlow } from '../reset/flow.ts'
import type { Room } from '../reset/room.ts'
import type { TurnDeps } from '../reset/turn.ts'

export interface RulesDeps extends TurnDeps, Pick<Ask, 'inquire'> {
  room: Room
  sealCheck: SealCheck
  policyOf: PolicyOf
}

const askedWithinMs = 5_000

export const readRules =
  (deps: RulesDeps) =>
  async (call: Call): Promise<Answer> => {
    const opened = await openFlow(call, deps, deps.recent.take(call.params['flow'] ?? ''))
    if (opened.kind === 'refused') return opened.answer
    const { flow } = opened
    const { person, state, expiresAt, rules } = flow.value
    if (state !== 'verified' || !person) return problem('wrongState', { state })
    if (deps.clock.now() >= expiresAt) return problem('expiredFlow')
    const refused = (outcome: Outcome) => answerOf(outcome, { state })
    const { sourceAnchor } = person
    if (!(await deps.feature.isOn())) return refused({ kind: 'disabled' })
    if (person.notEligible) return refused({ kind: 'notEligible' })
    if (person.linkChanged) return refused({ kind: 'notLinked', condition: 'cloud' })
    if (sourceAnchor === undefined) return refused({ kind: 'cloudOnly' })
    if ((await deps.agents.writeback()) === 'down') return refused({ kind: 'serviceDown' })

    const own = rules === undefined ? await askOnce(flow, { ...person, sourceAnchor }, deps) : rules === 'asked' ? undefined : rules
    const policy = own?.policy ?? (await deps.policyOf(person.domainName))
    if (policy === undefined) return refused({ kind: 'serviceDown' })
    return {
      status: 200,
      body: { flow: flow.id, state, of: own?.policy ? 'person' : 'domain', ...shown(policy), ...against(own?.outcome) },
    }
  }

const shown = ({ minLength, historyLength, complexity, minAgeMinutes }: PolicyFacts) => ({
  minLength,
  maxLength: passwordLimits.maxUnits,
  historyLength,
  complexity,
  minAgeMinutes,
})

/** Whatever speaks against a reset before any password was chosen: told by its name, with the time from which on it may go. */
function against(outcome: Outcome | undefined) {
  if (outcome === undefined || outcome.kind === 'done') return {}
  const { code, retryAt, title } = answerOf(outcome).body
  return { outcome: code, title, ...(retryAt !== undefined && { retryAt }) }
}

/** Noted before it is sent: however many ask at once, one is answered by the directory. */
async function askOnce(flow: FlowRow, person: SealTurn['person'], deps: RulesDeps): Promise<PersonRules | undefined> {
  using place = deps.room.enter()
  if (place === undefined) return undefined
  const asked = await unlessOvertaken(saveFlow(flow, { rules: 'asked' }, deps))
  if (asked === undefined) return undefined
  const reply = await deps.inquire(await deps.sealCheck(person, 'self'), askedWithinMs)
  if (reply === undefined) return undefined
  const rules = { outcome: reply.outcome, ...(reply.policy && { policy: reply.policy }) }
  const answered = await unlessOvertaken(saveFlow(asked, { rules }, deps))
  if (answered) deps.recent.keep(answered)
  return rules
}

/** A submit that came meanwhile goes first. */
async function unlessOvertaken<T>(saving: Promise<T>): Promise<T | undefined> {
  try {
    return await saving
  } catch (error) {
    if (isFault(error, 'STORE_CONFLICT')) return undefined
    throw error
  }
}
