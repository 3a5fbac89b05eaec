/**
 * An administrator signs in by device code: on any machine with a browser, nothing to install, no password typed here. The
 * token is kept in memory, for the one command.
 */
import { DeviceCodeCredential, type TokenCredential } from '@azure/identity'
import type { SignIn } from '../../credential/sign-in.ts'

/** "Microsoft Graph Command Line Tools", which every tenant knows. */
export const graphTools = '14d82eec-204b-4c2f-b7e8-296a70dab67e'

export function signInAsAdministrator({ tenantId, clientId, authority, localCa }: SignIn, show: (text: string) => void): TokenCredential {
  return new DeviceCodeCredential({
    tenantId,
    clientId,
    authorityHost: authority,
    userPromptCallback: ({ message }) => show(message),
    ...(localCa !== undefined && { disableInstanceDiscovery: true, tlsOptions: { ca: localCa } }),
  })
}
