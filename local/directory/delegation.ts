/** The four rights an administrator delegates to the service account, and to whom they were given. */
import type { Dn } from './dn.ts'
import type { Entry } from './entries.ts'

export const delegableRights = ['resetPassword', 'changePassword', 'lockoutTime', 'pwdLastSet'] as const
export type DelegableRight = (typeof delegableRights)[number]

/** Access control entries on `container`, for descendant user objects. */
export interface Delegation {
  trustee: Entry
  container: Dn
  rights: readonly DelegableRight[]
}
