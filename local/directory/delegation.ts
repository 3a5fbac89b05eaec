/** The four rights an administrator delegates to the service account, and the entries that give them, added or taken away. */

import { viewAce } from '../../agent/ctl/ace.ts'
import { withAces } from '../../agent/ctl/descriptor.ts'
import { type FourRight, fourRights, rightEntry } from '../../agent/ctl/four-rights.ts'
import { editOwn } from './access.ts'
import { type Domain, touch } from './domain.ts'
import type { Entry } from './entries.ts'

export const delegableRights = fourRights
export type DelegableRight = FourRight

const sidOf = (entry: Entry): Buffer => entry.attributes.values('objectSid')[0] ?? Buffer.alloc(0)

/** Access control entries on `container`, for descendant user objects. */
export function delegate(domain: Domain, trustee: Entry, container: Entry, rights: readonly DelegableRight[]): void {
  const added = rights.map((right) => rightEntry(right, sidOf(trustee)).ace)
  editOwn(container, (own) => withAces(own, [...(own.dacl?.aces ?? []), ...added]))
  touch(domain, container)
}

/** Takes every entry about this account away, wherever it is. */
export function takeAway(domain: Domain, trustee: Entry): void {
  const isAbout = (bytes: Buffer) => {
    const ace = viewAce(bytes)
    return typeof ace === 'object' && ace.sid.equals(sidOf(trustee))
  }
  for (const entry of domain.tree.entries()) {
    editOwn(entry, (own) =>
      own.dacl?.aces.some(isAbout)
        ? withAces(
            own,
            own.dacl.aces.filter((ace) => !isAbout(ace)),
          )
        : own,
    )
  }
}
