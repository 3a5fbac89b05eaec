/**
 * Finds out, later, what could not be known in time: requests that this agent (or its former run) took and never finished.
 *
 * Only once the message is dead (older than its time to live and a lock) so that no delivery can begin a write any more.
 * Then the directory, on a connection of its own, has the last word: unchanged means it did not happen and never will;
 * changed is proven by one bind. The outcome goes out as a `settled` event; nothing is ever written from here but the
 * extras (unlock, must change) of a write that did happen. A reply that was recorded and never sent goes out the same way.
 */
import type { Clock } from '../shared/clock.ts'
import { readKeyVersion } from '../shared/envelope.ts'
import { faultWord, isFault } from '../shared/fault.ts'
import type { Log } from '../shared/log.ts'
import type { AgentOutcome } from '../shared/outcome-code.ts'
import type { Operation, Request } from '../shared/payload.ts'
import { openReply } from '../shared/seal.ts'
import type { Secret } from '../shared/secret.ts'
import type { Times } from '../shared/times.ts'
import { ageBounds } from './age.ts'
import type { Directory, Extras, User } from './directory/directory.ts'
import type { Journal, Unfinished } from './journal.ts'
import type { AgentKeys } from './keys.ts'
import type { Located } from './lookup/find.ts'
import { aboutNobody } from './onboard.ts'
import { open, openPassword } from './open.ts'
import type { Decisions } from './redelivery.ts'
import { extras } from './reset.ts'

export interface SettleDeps {
  tenantId: Buffer
  times: Times
  decisions: Decisions
  keys: AgentKeys
  journal: Journal
  directory: Directory
  clock: Clock
  log: Log
  /** True while a delivery of this request is being worked on. */
  inHand(messageId: string): boolean
  tell(request: Buffer, outcome: AgentOutcome): Promise<void>
}

/** After this long nobody waits for the answer; the row is closed without one. */
const giveUpMs = 24 * 3_600_000

export async function settleUnfinished(deps: SettleDeps): Promise<void> {
  for (const entry of deps.journal.unfinished()) {
    const { atLeastMs, atMostMs } = ageBounds(entry, deps.clock)
    if (deps.inHand(entry.messageId) || !deps.decisions.isDead(atLeastMs, deps.times)) continue
    try {
      await settleOne(entry, atMostMs, deps)
    } catch (error) {
      if (isFault(error, 'JOURNAL_FAILED')) throw error
      // The vault or the directory is still away: the row stays, and the next round asks again.
      deps.log('directoryError', { request: entry.messageId, fault: faultWord(error) })
    }
  }
}

async function settleOne(entry: Unfinished, ageMs: number, deps: SettleDeps): Promise<void> {
  const outcome = ageMs > giveUpMs ? undefined : await (entry.reply ? recorded(entry.reply, entry.id, deps) : found(entry, ageMs, deps))
  if (outcome === 'unsure') return
  if (outcome) {
    await deps.tell(entry.id, outcome)
    deps.log('settled', { request: entry.messageId, outcome: outcome.kind })
  }
  deps.journal.told(entry)
}

/** What a reply says that the broker did not take. Undefined: its key was retired. */
async function recorded(reply: Buffer, id: Buffer, { keys, tenantId }: SettleDeps): Promise<AgentOutcome | undefined> {
  const key = await keys.packageKey(readKeyVersion(reply))
  return key && openReply(reply, key, tenantId, id).outcome
}

/** Whose password a write was begun for, even if nobody is linked to that account any more; else whoever is linked to it. */
async function whom({ begun }: Unfinished, { sourceAnchor, cloudAnchor }: Request, directory: Directory): Promise<Located> {
  if (!begun) return directory.locate(sourceAnchor ?? '', cloudAnchor)
  const user = await directory.account(begun)
  return user ? { kind: 'user', user } : { kind: 'userNotFound' }
}

/** Undefined: it will never be known here (its keys were retired). */
async function found(entry: Unfinished, ageMs: number, deps: SettleDeps): Promise<AgentOutcome | 'unsure' | undefined> {
  const opened = await open({ messageId: entry.messageId, body: entry.envelope }, deps.tenantId, deps.keys)
  if (opened.kind === 'rejected' || leavesNothing(opened.request.operation)) return undefined
  const located = await whom(entry, opened.request, deps.directory)
  if (located.kind !== 'user') return located
  // An unlock leaves its trace in the lock, not in the password.
  if (opened.request.operation === 'unlock') return { kind: located.user.lockedOut ? 'expired' : 'done' }
  const dead = { user: located.user, ageMs, before: entry.begun?.pwdLastSet, extras: extras(opened.request) }
  return becameOf(dead, () => openPassword(opened, 'new', deps.keys), deps)
}

/** A question about another request, or one about nobody: who asked asks again. */
const leavesNothing = (operation: Operation): boolean => operation === 'settle' || aboutNobody[operation] !== undefined

interface Dead {
  user: User
  ageMs: number
  /** pwdLastSet from before a write, where one was noted. */
  before: bigint | undefined
  extras: Extras
}

/** What became of a password whose message is dead: the directory has the last word. Undefined: it cannot be opened any more. */
export async function becameOf(
  { user, ageMs, before, extras }: Dead,
  openPassword: () => Promise<Secret | undefined>,
  { directory, decisions }: Pick<SettleDeps, 'directory' | 'decisions'>,
): Promise<AgentOutcome | 'unsure' | undefined> {
  const change = decisions.changedSince(await directory.passwordState(user), ageMs, before)
  if (change === 'unchanged') return { kind: 'expired' }
  const password = await openPassword()
  if (password === undefined) return undefined
  try {
    const verdict = decisions.afterDeath(await directory.provePassword(user, password), change)
    if (verdict !== 'done') return verdict === 'unsure' ? verdict : { kind: verdict }
    await directory.finish(user, extras)
    return { kind: 'done' }
  } finally {
    password.wipe()
  }
}
