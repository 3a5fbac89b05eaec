/**
 * Sets one person's new password (a reset, or a change that proves the old one), on the first delivery of a request or on a
 * later one.
 *
 * First: find, refuse what must not be touched, note in the journal that a write begins, write. Again: ask the directory
 * what became of the earlier attempt before anything else (redelivery.ts). A write whose connection broke, and of which
 * reading back cannot tell, is left without an answer: DIRECTORY_WRITE_IN_DOUBT. The next delivery finds out.
 */
import { isFault } from '../shared/fault.ts'
import { isPolicyRefusal } from '../shared/outcome.ts'
import type { AgentOutcome } from '../shared/outcome-code.ts'
import { flags, type PolicyFacts, type Request } from '../shared/payload.ts'
import type { Secret } from '../shared/secret.ts'
import type { Directory, Extras, Refusal, SetResult, User } from './directory/directory.ts'
import type { Begun } from './journal.ts'
import type { Decisions, Situation } from './redelivery.ts'

export interface Passwords {
  fresh: Secret
  /** Of a change. */
  old?: Secret | undefined
}

export interface ResetJob {
  request: Request
  decisions: Decisions
  /** Undefined when a password's blob was refused. Asked once, and wiped here whatever happens. */
  openPasswords(): Promise<Passwords | undefined>
  /** Makes sure that the message is still this agent's, and how old it is; rejects if not. Before any decision about time. */
  confirm(): Promise<void>
  /** Delivered before: to this agent, or to another whose journal cannot be asked. */
  again: boolean
  othersHadIt: boolean
  /** This agent's note from before its own earlier write. */
  begun: Begun | undefined
  ageMs(): number
  mayBegin(): boolean
  /** False: a ceiling does not allow one more write. */
  admit(): boolean
  /** Journals that a write is about to begin. */
  begin(begun: Begun): void
  /** For the reply's times and the log. */
  mark(step: 'lookedUp' | 'set'): void
  refused(refusal: Refusal): void
}

/** `policy`: what the person may know of the rules, where they refused the password. `proof`: onboard's answer. */
export interface ResetResult {
  outcome: AgentOutcome
  policy?: PolicyFacts | undefined
  proof?: Buffer | undefined
}

export async function reset(job: ResetJob, directory: Directory): Promise<ResetResult> {
  const opening = job.openPasswords()
  try {
    // The look-up, the vault and the broker are asked at the same time: together they take as long as the slowest.
    const [located, passwords] = await Promise.all([
      directory.locate(job.request.sourceAnchor ?? '', job.request.cloudAnchor),
      opening,
      job.confirm(),
    ])
    job.mark('lookedUp')
    if (passwords === undefined) return { outcome: job.decisions.unlessBegun(job, { kind: 'rejected' }) }
    if (located.kind !== 'user') return { outcome: job.decisions.unlessBegun(job, located) }
    const { user } = located
    if (user.protected) return { outcome: job.decisions.unlessBegun(job, { kind: 'protectedAccount' }) }
    const attempt = { job, user, passwords, directory }
    const outcome = job.again ? await settleEarlier(attempt) : await write(attempt)
    return { outcome, policy: isPolicyRefusal(outcome) ? await directory.policy(user).catch(() => undefined) : undefined }
  } finally {
    // Whatever ended this, and even if they only arrive now.
    opening.then(wipe).catch(() => {})
  }
}

function wipe(passwords: Passwords | undefined): void {
  passwords?.fresh.wipe()
  passwords?.old?.wipe()
}

/** One person, one password, one try. */
interface Attempt {
  job: ResetJob
  user: User
  passwords: Passwords
  directory: Directory
}

async function write(attempt: Attempt): Promise<AgentOutcome> {
  const { job, user, directory } = attempt
  if (!job.mayBegin()) return job.decisions.unlessBegun(job, { kind: 'expired' })
  const refusal = await refusedBefore(attempt)
  if (refusal) return unlessOurs(attempt, refusal)
  if (!job.admit()) return job.decisions.unlessBegun(job, { kind: 'busy' })
  job.begin({ pwdLastSet: user.pwdLastSet, domain: user.domain, guid: user.guid })
  try {
    const result = await set(attempt)
    job.mark('set')
    if (result.kind === 'notBegun') return job.decisions.unlessBegun(job, { kind: 'expired' })
    if (result.kind === 'refused') return await afterRefusal(attempt, result)
    // The password is set; that "must change" was refused is a missing right, for the log and the administrator.
    if ('extrasRefused' in result) job.refused(result.extrasRefused)
    return { kind: 'done' }
  } catch (error) {
    if (!isFault(error, 'DIRECTORY_WRITE_IN_DOUBT')) throw error
    const found = await readBack(job, user, attempt.passwords.fresh, directory)
    // Unanswered: when its lock has run out, so has the write, and there is always one more delivery, which can say more.
    if (found === undefined) throw error
    return found
  }
}

/** A change never falls back to a reset. */
function set({ job, user, passwords: { fresh, old }, directory }: Attempt): Promise<SetResult> {
  const more = extras(job.request)
  return old ? directory.changePassword(user, { old, fresh }, more, job.mayBegin) : directory.setPassword(user, fresh, more, job.mayBegin)
}

async function refusedBefore({ user, passwords, directory }: Attempt): Promise<AgentOutcome | undefined> {
  const refusal = await directory.eligibility(user)
  if (!passwords.old) return refusal
  // Whether it is too soon for a change is told to whoever knows the current password: the directory looks at that first.
  if (refusal && refusal.kind !== 'policy.minAge') return refusal
  return (await directory.nearLockOut(user)) ? { kind: 'accountLocked' } : undefined
}

async function afterRefusal(attempt: Attempt, refusal: Refusal): Promise<AgentOutcome> {
  const { job, user, passwords, directory } = attempt
  job.refused(refusal)
  return unlessOurs(attempt, await directory.diagnose(user, passwords.fresh, refusal))
}

/**
 * What a directory says of a password it has, or has just been given; `filter` is what is left where nothing else explains it,
 * and the old password of a change is wrong once the change was made.
 */
const saidOfOurOwn: readonly AgentOutcome['kind'][] = ['policy.history', 'policy.minAge', 'policy.filter', 'wrongPassword']

/** A refusal on a redelivery may be about our own earlier write. */
async function unlessOurs({ job, user, passwords, directory }: Attempt, outcome: AgentOutcome): Promise<AgentOutcome> {
  if (!job.again || !saidOfOurOwn.includes(outcome.kind)) return outcome
  const proof = await directory.provePassword(user, passwords.fresh)
  if (proof === 'right') return finish(job, user, directory)
  return proof === 'wrong' ? outcome : { kind: 'unknown' }
}

async function settleEarlier(attempt: Attempt): Promise<AgentOutcome> {
  const { job, user, passwords, directory } = attempt
  const situation: Situation = {
    change: job.decisions.changedSince(await directory.passwordState(user), job.ageMs(), job.begun?.pwdLastSet),
    mayBegin: job.mayBegin(),
    neverBegunHere: job.begun === undefined,
    othersHadIt: job.othersHadIt,
  }
  const step = job.decisions.nextStep(situation)
  if (step === 'write') return write(attempt)
  if (step !== 'prove') return { kind: step }
  const verdict = job.decisions.afterProof(await directory.provePassword(user, passwords.fresh), situation)
  if (verdict === 'write') return write(attempt)
  return verdict === 'finish' ? finish(job, user, directory) : { kind: verdict }
}

/** The connection was lost under the write: look once, on a new one. Not seeing a change proves nothing yet. */
async function readBack(job: ResetJob, user: User, password: Secret, directory: Directory): Promise<AgentOutcome | undefined> {
  try {
    const state = await directory.passwordState(user)
    if (job.decisions.changedSince(state, job.ageMs(), user.pwdLastSet) === 'unchanged') return undefined
    return (await directory.provePassword(user, password)) === 'right' ? await finish(job, user, directory) : undefined
  } catch (error) {
    if (isFault(error)) return undefined
    throw error
  }
}

async function finish(job: ResetJob, user: User, directory: Directory): Promise<AgentOutcome> {
  const result = await directory.finish(user, extras(job.request))
  if (result.kind === 'refused') job.refused(result)
  return { kind: 'done' }
}

/** What belongs to the write besides the password. */
export const extras = (request: Request): Extras => ({
  unlock: (request.flags & flags.unlock) !== 0,
  mustChange: (request.flags & flags.mustChange) !== 0,
})
