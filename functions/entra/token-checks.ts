/** Whose tokens this app takes, by its settings: administrators through their programs, everybody through theirs. */
import type { Clock } from '../../shared/clock.ts'
import type { FunctionsSettings } from '../settings.ts'
import { openTokenCheck, type TokenCheck } from './admin-token.ts'
import { openTenantKeys } from './tenant-keys.ts'
import { openUserTokenCheck, type UserTokenCheck } from './user-token.ts'

export interface TokenChecks {
  /** Undefined, these two: the app was not told through which programs. */
  administrators: TokenCheck | undefined
  users: UserTokenCheck | undefined
  /** Where people sign in: `https://login.microsoftonline.com/{tenant}` */
  tenantUrl: string
}

type Settings = Pick<FunctionsSettings, 'TENANT_ID' | 'AUTHORITY_URL' | 'ADMIN_AUDIENCE' | 'ADMIN_CLIENT_IDS' | 'USER_CLIENT_IDS'>

export function openTokenChecks(settings: Settings, { clock, local }: { clock: Clock; local?: { ca: string } }): TokenChecks {
  const { TENANT_ID: tenantId, AUTHORITY_URL, ADMIN_AUDIENCE: audiences, ADMIN_CLIENT_IDS, USER_CLIENT_IDS } = settings
  const tenantUrl = `${AUTHORITY_URL}/${tenantId}`
  const keys = openTenantKeys({ url: `${tenantUrl}/discovery/v2.0/keys`, ...(local && { local }) })
  const rulesFor = (clientIds: readonly string[] | undefined) =>
    audiences && clientIds && { tenantId, issuer: `${tenantUrl}/v2.0`, audiences, clientIds, keys, clock }
  const [ofAdministrators, ofUsers] = [rulesFor(ADMIN_CLIENT_IDS), rulesFor(USER_CLIENT_IDS)]
  return {
    administrators: ofAdministrators && openTokenCheck(ofAdministrators),
    users: ofUsers && openUserTokenCheck(ofUsers),
    tenantUrl,
  }
}
