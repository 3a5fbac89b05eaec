/**
 * The operations that set no password: `unlock` lifts a lock-out, `check` says whether a reset would work.
 *
 * Both may be done again without harm, so a redelivery just does them again. `done` of a check means that nothing known
 * speaks against a reset; the directory alone decides about a password.
 */
import { isFault } from '../shared/fault.ts'
import type { AgentOutcome } from '../shared/outcome-code.ts'
import type { Directory, User } from './directory/directory.ts'
import type { ResetJob, ResetResult } from './reset.ts'

export type LookJob = Pick<
  ResetJob,
  'request' | 'decisions' | 'confirm' | 'mayBegin' | 'admit' | 'mark' | 'refused' | 'begin' | 'again' | 'begun' | 'othersHadIt'
>

const unlockOnly = { unlock: true, mustChange: false }

export async function unlock(job: LookJob, directory: Directory): Promise<ResetResult> {
  const found = await whom(job, directory)
  if ('outcome' in found) return found
  const { user } = found
  // Too late to begin: but an earlier delivery may have done it.
  if (!job.mayBegin()) return { outcome: { kind: job.again && !user.lockedOut ? 'done' : 'expired' } }
  if (!job.admit()) return { outcome: { kind: 'busy' } }
  // Noted, so that no later delivery says "not changed" of what this one may have done.
  job.begin({ pwdLastSet: user.pwdLastSet, domain: user.domain, guid: user.guid })
  return { outcome: await lift(job, user, directory) }
}

async function lift(job: LookJob, user: User, directory: Directory): Promise<AgentOutcome> {
  try {
    const result = await directory.finish(user, unlockOnly, job.mayBegin)
    job.mark('set')
    if (result.kind !== 'refused') return { kind: result.kind === 'done' ? 'done' : 'expired' }
    job.refused(result)
    return await directory.explain(result)
  } catch (error) {
    // Nobody is hurt by a lock that was lifted, and by no other word either: "unknown", and the next try tells.
    if (isFault(error, 'DIRECTORY_WRITE_IN_DOUBT')) return { kind: 'unknown' }
    throw error
  }
}

export async function check(job: LookJob, directory: Directory): Promise<ResetResult> {
  const found = await whom(job, directory)
  if ('outcome' in found) return found
  const { user } = found
  const [refusal, policy] = await Promise.all([directory.eligibility(user), directory.policy(user)])
  return { outcome: refusal ?? { kind: 'done' }, policy }
}

async function whom(job: LookJob, directory: Directory): Promise<{ user: User } | { outcome: AgentOutcome }> {
  const { sourceAnchor = '', cloudAnchor } = job.request
  const [located] = await Promise.all([directory.locate(sourceAnchor, cloudAnchor), job.confirm()])
  job.mark('lookedUp')
  if (located.kind !== 'user') return { outcome: job.decisions.unlessBegun(job, located) }
  return located.user.protected ? { outcome: { kind: 'protectedAccount' } } : { user: located.user }
}
