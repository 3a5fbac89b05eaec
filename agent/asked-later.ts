/**
 * `settle`: the functions ask what became of an earlier request that nobody has answered. Its message may have died unseen on
 * the queue, or with the agent that had it, or its reply was lost; any agent can tell, for the directory has the last word
 * (settle.ts).
 *
 * Nothing is ever written but the extras of a write that did happen. The answer is `done`, `superseded` or `expired` of the
 * earlier request, or `unknown`: the directory cannot tell, or does not show the password while the message may still live.
 */
import type { AgentOutcome } from '../shared/outcome-code.ts'
import type { Times } from '../shared/times.ts'
import { maxSkewMs } from './age.ts'
import type { Directory } from './directory/directory.ts'
import { extras, type ResetJob, type ResetResult } from './reset.ts'
import { becameOf } from './settle.ts'

export type LaterJob = Pick<ResetJob, 'request' | 'decisions' | 'openPasswords' | 'ageMs' | 'mark'> & {
  times: Pick<Times, 'ttlMs' | 'lockMs'>
}

const unknown: AgentOutcome = { kind: 'unknown' }

export async function askedLater(job: LaterJob, directory: Directory): Promise<ResetResult> {
  const { request, decisions, times } = job
  // A message may reach its queue late, by as much as the clocks may differ; its age counts from then on.
  const atLeastMs = (request.aboutAgeMs ?? 0) - maxSkewMs
  const dead = decisions.isDead(atLeastMs, times)
  const located = await directory.locate(request.sourceAnchor ?? '', request.cloudAnchor)
  job.mark('lookedUp')
  if (located.kind !== 'user') return { outcome: unknown }
  // And this one may have come as late: who is taken for changed needlessly is only asked for proof.
  const atMostMs = (request.aboutAgeMs ?? 0) + maxSkewMs + job.ageMs()
  const earlier = { user: located.user, ageMs: atMostMs, before: undefined, extras: extras(request) }
  const became = await becameOf(earlier, async () => (await job.openPasswords())?.fresh, { directory, decisions })
  if (became === undefined || became === 'unsure') return { outcome: unknown }
  // What works was set, however young its message; everything else is certain only of a dead one.
  return { outcome: dead || became.kind === 'done' ? became : unknown }
}
