/**
 * Which entries a list lacks, and the list with them: nothing else is touched, nothing is doubled.
 *
 * Order ([MS-DTYP] 2.4.5): explicit entries before inherited ones, and among the explicit ones denials first. So new entries,
 * which allow, go behind the last explicit one. Equal means every byte: an entry that allows more is somebody else's.
 */
import { isInherited } from './ace.ts'
import type { Entry } from './four-rights.ts'

export interface Plan {
  /** The whole list afterwards. */
  aces: readonly Buffer[]
  /** What is added, or taken away; nothing: there is nothing to do. */
  changed: readonly Entry[]
}

const holds = (aces: readonly Buffer[], { ace }: Entry): boolean => aces.some((each) => each.equals(ace))

export function planGrant(present: readonly Buffer[], wanted: readonly Entry[]): Plan {
  const changed = wanted.filter((entry) => !holds(present, entry))
  const firstInherited = present.findIndex(isInherited)
  const at = firstInherited === -1 ? present.length : firstInherited
  return { aces: [...present.slice(0, at), ...changed.map(({ ace }) => ace), ...present.slice(at)], changed }
}

export function planRevoke(present: readonly Buffer[], unwanted: readonly Entry[]): Plan {
  const changed = unwanted.filter((entry) => holds(present, entry))
  return { aces: present.filter((ace) => !changed.some((entry) => entry.ace.equals(ace))), changed }
}
