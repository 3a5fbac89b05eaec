/** GET /api/reset/{flow}: where the flow stands, including an outcome that became known late. */
import { gatesLeft } from '../gates/gate.ts'
import { answerOf } from '../http/answers.ts'
import type { Call } from '../http/edge.ts'
import type { Answer } from '../http/problem.ts'
import type { Policies } from '../policy/row.ts'
import { type FlowDeps, openFlow } from './flow.ts'
import { toldOutcome } from './told.ts'

export const read =
  (deps: FlowDeps & { policies: Pick<Policies, 'current'> }) =>
  async (call: Call): Promise<Answer> => {
    const opened = await openFlow(call, deps)
    if (opened.kind === 'refused') return opened.answer
    const { state, expiresAt, triesLeft, passed, request } = opened.flow.value
    const outcome = toldOutcome(opened.flow.value)
    // The instance that waited is gone, and its answer with it: nobody can tell yet.
    const orphaned = state === 'submitted' && request !== undefined && deps.clock.now() > request.until
    const known = outcome ?? (orphaned ? ({ kind: 'unknown' } as const) : undefined)
    const { type: _, status: __, code, ...facts } = known ? answerOf(known).body : {}
    const told = known && { outcome: code, ...facts }
    return {
      status: 200,
      body: {
        flow: opened.flow.id,
        state,
        gates: gatesLeft((await deps.policies.current()).offered, passed),
        triesLeft,
        expiresAt: new Date(expiresAt).toISOString(),
        ...told,
      },
    }
  }
