/** The real sign-in against the local tenant, and an API that is the function app's own admission. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openAdmission } from '../functions/admin/admission.ts'
import { openTokenCheck } from '../functions/entra/admin-token.ts'
import { openTenantKeys } from '../functions/entra/tenant-keys.ts'
import type { Administration } from '../local/entra/people.ts'
import type { How } from '../local/entra/sign-in.ts'
import { startTestTenant, type TestTenant, tenantId } from '../local/entra/test-tenant.ts'
import { type Listener, listen, type WebAnswer, type WebRequest } from '../local/web.ts'
import { systemClock } from './clock.ts'
import { isFault } from './fault.ts'
import { type ManageOptions, openManage } from './manage.ts'

const ada = 'ada@corp.example.test'
const administration: Administration = {
  api: { clientId: 'c1b2c3d4-0000-4000-8000-000000000001', uri: 'api://password-writeback', scopes: ['manage', 'me'] },
  programs: [{ clientId: 'c1b2c3d4-0000-4000-8000-000000000002', redirectUris: [], scopes: ['manage'] }],
  people: [{ objectId: 'c1b2c3d4-0000-4000-8000-0000000000a1', upn: ada, name: 'Ada', roles: ['Writeback.Admin'] }],
}
const clientId = administration.programs[0]?.clientId ?? ''
let tenant: TestTenant
let api: Listener
let authContext: string | undefined
let received: { method: string; path: string; body: string }[]
let otherwise: WebAnswer | undefined

beforeAll(async () => {
  tenant = await startTestTenant({ administration, pollS: 0.05 })
  const { jwksUrl, authorityHost } = tenant.entra.addresses
  const keys = openTenantKeys({ url: jwksUrl, local: { ca: tenant.tls.ca } })
  const rules = { tenantId, issuer: `${authorityHost}/${tenantId}/v2.0`, audiences: [administration.api.clientId], clientIds: [clientId] }
  const check = openTokenCheck({ ...rules, keys, clock: systemClock })
  api = await listen(
    async (request) =>
      otherwise ??
      answer(request, openAdmission({ checks: { administrators: check, users: undefined, tenantUrl: '' }, authContext, log: () => {} })),
    {},
  )
})
afterAll(async () => {
  await api.close()
  await tenant.entra.close()
})
beforeEach(() => {
  authContext = undefined
  received = []
  otherwise = undefined
})

async function answer({ method, url, headers, body }: WebRequest, admit: ReturnType<typeof openAdmission>): Promise<WebAnswer> {
  const route = { name: 'test', auth: 'administrator', role: 'Writeback.Admin', changes: method !== 'GET' } as const
  const admission = await admit(route, headers.authorization ?? null)
  if (admission.kind === 'refused') {
    const { status, body: problem, challenge } = admission.answer
    return { status, body: JSON.stringify(problem), ...(challenge && { headers: { 'www-authenticate': challenge } }) }
  }
  received.push({ method, path: url.pathname + url.search, body })
  return { status: 200, body: { who: admission.administrator?.id ?? '' } }
}

/** A person who signs in at once, each time as said. */
function opened(hows: (How | 'declines')[], over: Partial<ManageOptions> = {}) {
  const prompts: string[] = []
  const prompt = (message: string) => {
    const how = hows[prompts.length]
    prompts.push(message)
    const code = tenant.entra.control.waitingCodes().at(-1) ?? ''
    if (how === 'declines') tenant.entra.control.declineSignIn(code)
    else tenant.entra.control.signIn(code, ada, how)
  }
  const at = { url: `http://127.0.0.1:${api.port}`, tenantId, clientId, api: administration.api.uri }
  const local = { authority: tenant.entra.addresses.authorityHost, ca: tenant.tls.ca }
  return { manage: openManage({ ...at, ...local, prompt, ...over }), prompts }
}
const codeOf = (work: Promise<unknown>) => work.then(String, (error: unknown) => (isFault(error) ? error.code : String(error)))

describe('a call', () => {
  it('is made in the name of whoever signed in, once for several', async () => {
    const { manage, prompts } = opened([{}])
    const who = administration.people[0]?.objectId
    expect(await manage.call('GET', 'audit?before=x')).toEqual({ status: 200, body: { who } })
    expect(await manage.call('POST', 'users/a/relink', { reason: 'r' })).toEqual({ status: 200, body: { who } })
    expect(received).toEqual([
      { method: 'GET', path: '/api/manage/audit?before=x', body: '' },
      { method: 'POST', path: '/api/manage/users/a/relink', body: '{"reason":"r"}' },
    ])
    expect(prompts).toHaveLength(1)
  })

  it('asks for a new sign-in when the first was too old, and only once', async () => {
    const { manage, prompts } = opened([{ authAgoS: 3_600 }, {}])
    expect(await manage.call('POST', 'incident', {})).toMatchObject({ status: 200 })
    expect(prompts).toHaveLength(2)
    const stale = opened([{ authAgoS: 3_600 }, { authAgoS: 3_600 }, {}])
    expect(await stale.manage.call('POST', 'incident', {})).toMatchObject({ status: 401, body: { code: 'signInAgain' } })
    expect(stale.prompts).toHaveLength(2)
  })

  it('asks for the authentication context that the API challenges for', async () => {
    authContext = 'c1'
    const { manage, prompts } = opened([{}, {}])
    expect(await manage.call('POST', 'incident', {})).toMatchObject({ status: 200 })
    expect(prompts).toHaveLength(2)
    const weak = opened([{}, { acrs: [] }, {}])
    expect(await weak.manage.call('POST', 'incident', {})).toMatchObject({ status: 401, body: { code: 'signInAgain' } })
  })

  it('fails as what failed: the sign-in, or the API', async () => {
    expect(await codeOf(opened(['declines']).manage.call('GET', 'audit'))).toBe('SIGN_IN_FAILED')
    expect(await codeOf(opened([{}], { clientId: administration.api.clientId }).manage.call('GET', 'audit'))).toBe('SIGN_IN_FAILED')
    for (const body of ['<html>', 'null', '[]', '"text"']) {
      otherwise = { status: 404, body }
      expect(await codeOf(opened([{}]).manage.call('GET', 'audit'))).toBe('API_UNAVAILABLE')
    }
    otherwise = { status: 307, headers: { location: 'http://127.0.0.1:1/' } }
    expect(await codeOf(opened([{}]).manage.call('GET', 'audit'))).toBe('API_UNAVAILABLE')
  })

  it('never goes in clear to another machine', () => {
    expect(() => opened([], { url: 'http://reset.example.com' })).toThrow('INPUT_REFUSED')
    expect(() => opened([], { url: 'http://localhost.example.com' })).toThrow('INPUT_REFUSED')
  })
})
