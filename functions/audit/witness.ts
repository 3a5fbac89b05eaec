/**
 * Sees what people's routes answered, and tells it as steps; it changes no answer, and nobody waits for it.
 *
 * Until a gate is passed, anybody at all may be calling: those steps are counted (steps.ts). Whoever passes brings their
 * flow's story along, told from its row: when it was started, how many codes were asked for, how many were wrong.
 */
import { faultWord } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import { type OutcomeKind, outcomes } from '../../shared/outcome.ts'
import type { Operation } from '../../shared/payload.ts'
import { messageIdOf } from '../../shared/seal.ts'
import type { Call, Handler } from '../http/edge.ts'
import type { Answer } from '../http/problem.ts'
import { type Flow, flowLifeMs, flowTable, maxChallenges, maxTries } from '../reset/flow.ts'
import type { Submitted } from '../reset/write.ts'
import type { Rows } from '../store/rows.ts'
import type { CountedName, Step, Steps } from './steps.ts'

export interface WitnessDeps {
  rows: Pick<Rows, 'read'>
  steps: Pick<Steps, 'add' | 'count'>
  log: Log
}

export const witnessed =
  <B>(route: string, handler: Handler<B>, deps: WitnessDeps): Handler<B> =>
  async (call) => {
    const answer = await handler(call)
    // The step is in none of the two if its flow cannot be read now: that much is said.
    see(route, call, answer, deps).catch((error: unknown) => deps.log('auditLost', { count: 1, route, fault: faultWord(error) }))
    return answer
  }

/** What needs no more than an answer to be counted. */
const counted: Readonly<Record<string, CountedName>> = {
  'startReset.202': 'flowStarted',
  'challengeReset.202': 'codeAsked',
  'verifyReset.422': 'gateFailed',
  'verifyReset.429': 'flowClosed',
}

const operations: Readonly<Record<string, Operation>> = { newPassword: 'reset', change: 'change', unlock: 'unlock' }

async function see(route: string, call: Call, { status, body }: Answer, { rows, steps }: WitnessDeps): Promise<void> {
  const event = counted[`${route}.${status}`]
  if (event !== undefined) return steps.count(event)
  const id = flowIdOf(call)
  const outcome = outcomeOf(body)
  const passed = route === 'verifyReset' && status === 200
  if (!passed && outcome === undefined) return
  const flow = id === undefined ? undefined : (await rows.read<Flow>(flowTable, id, 'flow'))?.value
  const facts = { flow: id, subject: flow?.person?.id ?? call.user?.id }
  if (outcome !== undefined)
    steps.add({ event: 'outcomeTold', ...facts, request: requestOf(flow, outcome), operation: operations[route], outcome })
  else if (flow) for (const step of storyOf(flow, String(body['gate']), body['state'] === 'verified')) steps.add({ ...step, ...facts })
}

/** The request is in the log by then, and goes to the store behind it: a crash in between leaves the log alone. */
export const submittedStep =
  ({ steps }: Pick<WitnessDeps, 'steps'>): Submitted =>
  (turn, wish) =>
    steps.add({ event: 'submitted', request: messageIdOf(turn.id), subject: turn.person.id, operation: wish.operation })

/** In the address; of a change, in the body. */
function flowIdOf({ params, body }: Call): string | undefined {
  const inBody = (body as { flow?: unknown } | undefined)?.flow
  return params['flow'] ?? (typeof inBody === 'string' ? inBody : undefined)
}

/** Undefined: the call itself was refused, or it is the answer of an earlier call. */
function outcomeOf({ code, repeated }: Answer['body']): OutcomeKind | undefined {
  return typeof code === 'string' && Object.hasOwn(outcomes, code) && repeated !== true ? (code as OutcomeKind) : undefined
}

/** The flow's request is the one of this answer if it ended as the answer says. */
const requestOf = (flow: Flow | undefined, outcome: OutcomeKind): string | undefined =>
  flow?.outcome === undefined || flow.outcome.kind === outcome ? flow?.request?.id : undefined

function storyOf({ expiresAt, challengesLeft, triesLeft }: Flow, gate: string, isWhole: boolean): (Omit<Step, 'at'> & { at?: number })[] {
  const passed = { event: 'gatePassed', gate } as const
  if (!isWhole) return [passed]
  const [asked, wrong] = [maxChallenges - challengesLeft, maxTries - triesLeft]
  const before = [
    { event: 'flowStarted', at: expiresAt - flowLifeMs } as const,
    { event: 'codeAsked', count: asked } as const,
    { event: 'gateFailed', count: wrong } as const,
  ]
  return [...before.filter(({ count }) => count !== 0), passed]
}
