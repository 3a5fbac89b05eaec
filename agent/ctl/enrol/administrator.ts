/**
 * An administrator signs in by device code: on any machine with a browser, nothing to install, no password typed here. The
 * token is kept in memory, for the one command.
 */
import { DeviceCodeCredential, type TokenCredential } from '@azure/identity'
import { Fault, faultWord } from '../../../shared/fault.ts'
import { applicationsScope } from '../../credential/graph.ts'
import { refusalCode, type SignIn } from '../../credential/sign-in.ts'

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

/**
 * Before the first call to Graph: a person takes minutes, and a call has seconds. With CAE, as each call asks for it; without, it
 * would be another sign-in.
 */
export async function awaitSignIn(credential: TokenCredential): Promise<void> {
  try {
    await credential.getToken(applicationsScope, { enableCae: true })
  } catch (error) {
    const aadsts = refusalCode(error)
    const what = aadsts === undefined ? `nobody signed in (${faultWord(error)})` : `the sign-in was refused (AADSTS${aadsts})`
    throw new Fault('SIGN_IN_FAILED', what, { permanent: true })
  }
}
