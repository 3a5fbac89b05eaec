/** The second half of "Connect to Entra ID": an administrator signs in, by device code, to the function app of this tenant. */
import type { Clock } from '../../../shared/clock.ts'
import { Fault } from '../../../shared/fault.ts'
import { openManage } from '../../../shared/manage.ts'
import { localAuthority } from '../../compose.ts'
import { parseCloud } from '../../settings.ts'
import { explain } from '../explain.ts'
import type { Teller } from './ask.ts'
import { askValue, type Draft, type Kit } from './draft.ts'
import { openService, parseUrl, type Service } from './service.ts'

const wanted = (text: string) => (text === '' ? { problem: 'is needed' } : { value: text })

export async function signIn(draft: Draft, kit: Kit): Promise<Draft> {
  const { ask } = kit
  let answers = draft.administrator
  for (;;) {
    const url = await askValue(ask, 'Address of the function app (empty: sign in later, elsewhere)', answers.url, parseUrl, true)
    if (url === undefined) return { ...draft, administrator: {}, service: undefined }
    const api = await askValue(ask, 'App ID URI of its registration (ADMIN_AUDIENCE)', answers.api, wanted)
    const client = await askValue(
      ask,
      'Client id of the program that administrators sign in with (ADMIN_CLIENT_IDS)',
      answers.client,
      wanted,
    )
    answers = { url: String(url), api: String(api), client: String(client) }
    try {
      const service = serviceFor({ ...draft, administrator: answers }, ask, kit.clock)
      if (service === undefined) throw new Fault('SIGN_IN_FAILED', 'the answers about the cloud are not complete')
      const { on } = await service.writeback()
      ask.lines([`Signed in. Password writeback is ${on ? 'on' : 'off'}.`])
      return { ...draft, administrator: answers, service }
    } catch (error) {
      ask.lines([`Not signed in: ${explain(error)}`])
      const choice = await ask.choose('What now?', afterFailure)
      if (choice === 'anyway') return { ...draft, administrator: answers, service: undefined }
    }
  }
}

const afterFailure = [
  { value: 'change', label: 'Change the answers, or try again' },
  { value: 'anyway', label: 'Go on without: password writeback stays as it is' },
] as const

/** Undefined: it is not said where, or as what. Signs in with the first call. */
export function serviceFor({ settings, administrator: { url, api, client } }: Draft, tell: Teller, clock: Clock): Service | undefined {
  const cloud = parseCloud(settings)
  if (cloud === undefined || url === undefined || api === undefined || client === undefined) return undefined
  const ca = localAuthority(cloud)
  const { tenantId, identity } = cloud
  const prompt = (message: string) => tell.lines([message])
  const to = { url, api, tenantId, clientId: client, authority: identity.authority, prompt, clock }
  return openService(openManage({ ...to, ...(ca !== undefined && { ca }) }))
}
