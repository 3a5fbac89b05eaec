/**
 * Whether a new password may go on its way to the directory at all: looked at in the cloud, before anything is counted or sent.
 *
 * Guessable is what contains a word of the organization or a part of the person's name (banned.ts) and what is little more
 * than a common password (common.ts); and, where the policy says so, what is known of breaches (breach.ts). Undefined: nothing
 * against it here; what the directory says is final.
 */
import type { Outcome } from '../../shared/outcome.ts'
import type { Secret } from '../../shared/secret.ts'
import { containsWord } from './banned.ts'
import type { IsBreached } from './breach.ts'
import { type CommonPasswords, isCommon, loadCommonPasswords } from './common.ts'
import { foldedSecret } from './folded.ts'
import type { Policies } from './row.ts'

/** `person`: as the flow keeps them; nobody has no name. `askOutside`: unless it says no (breach.ts). The secret stays usable. */
export type CheckPassword = (
  secret: Secret,
  person: { names?: readonly string[] | undefined } | undefined,
  askOutside?: boolean,
) => Promise<Outcome | undefined>

export interface CheckDeps {
  policies: Pick<Policies, 'current'>
  isBreached: IsBreached
  load?: () => Promise<CommonPasswords>
}

const banned: Outcome = { kind: 'policy.banned' }

export function createCheckPassword({ policies, isBreached, load = loadCommonPasswords }: CheckDeps): CheckPassword {
  let loading: Promise<CommonPasswords> | undefined
  return async (secret, person, askOutside = true) => {
    loading ??= load()
    const [{ bannedWords, breachCheck }, common] = await Promise.all([policies.current(), loading])
    if (isGuessable(secret, [...bannedWords, ...(person?.names ?? [])], common)) return banned
    return breachCheck && askOutside && (await isBreached(secret)) ? banned : undefined
  }
}

function isGuessable(secret: Secret, words: readonly string[], common: CommonPasswords): boolean {
  using password = foldedSecret(secret)
  return containsWord(password, words) || isCommon(password, common)
}
