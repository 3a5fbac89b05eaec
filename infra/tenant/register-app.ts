/**
 * `register-app`: the registrations by which administrators and users reach the API (docs/deploy.md, Administrators in Entra ID).
 *
 * The API has two roles and two scopes, `manage` for administrators and `me` for whoever changes their own password. The programs
 * that may ask for them are authorized beforehand, so that nobody has to consent. Roles and scopes have fixed ids: they need
 * to be unique in one application only, and a second run finds them again.
 */
import type { Json } from './az.ts'
import type { Given, TenantCommand } from './command.ts'
import { ensureApplication, ensurePrincipal } from './graph.ts'
import { uniqueName } from './names.ts'
import { account } from './preflight.ts'
import type { State } from './state.ts'

export const scopes = { manage: '2c3d656d-4f30-413f-ae83-a9baae239cd1', me: '716d83aa-c7cc-45b9-991d-bc12fefd0746' } as const
export const appRoles = {
  'Writeback.Admin': '12b390ba-6bfc-41fa-ac60-856d056bcdd1',
  'Writeback.Helpdesk': '0c03c81f-3784-4106-bfb4-675db14f54e4',
} as const

const texts = {
  manage: 'Run password writeback: for administrators, who need a role as well',
  me: 'Change your own password',
  'Writeback.Admin': 'Switches password writeback, rolls keys, admits and revokes agents, resets passwords',
  'Writeback.Helpdesk': 'Looks at the state of password writeback, and helps people with their passwords',
} as const

const scope = (name: keyof typeof scopes) => ({
  id: scopes[name],
  value: name,
  type: name === 'manage' ? 'Admin' : 'User',
  isEnabled: true,
  adminConsentDisplayName: texts[name],
  adminConsentDescription: texts[name],
  ...(name === 'me' && { userConsentDisplayName: texts[name], userConsentDescription: texts[name] }),
})

const role = (name: keyof typeof appRoles) => ({
  id: appRoles[name],
  value: name,
  displayName: name,
  description: texts[name],
  allowedMemberTypes: ['User'],
  isEnabled: true,
})

/** Writing a list of Graph's replaces it: what somebody else put there stays. */
const kept = (present: Json[] | undefined, wanted: Json[], key: string): Json[] => [
  ...wanted,
  ...(present ?? []).filter((each) => !wanted.some((other) => other[key] === each[key])),
]

function api(environment: string, present: Json, programs: readonly string[]) {
  const authorized = programs.map((appId) => ({ appId, delegatedPermissionIds: Object.values(scopes) }))
  return {
    displayName: `Password writeback ${environment}: API`,
    signInAudience: 'AzureADMyOrg',
    ...(present.appId !== undefined && { identifierUris: [`api://${present.appId}`] }),
    api: {
      requestedAccessTokenVersion: 2,
      oauth2PermissionScopes: kept(present.api?.oauth2PermissionScopes, [scope('manage'), scope('me')], 'id'),
      ...(programs.length > 0 && {
        preAuthorizedApplications: kept(present.api?.preAuthorizedApplications, authorized, 'appId'),
      }),
    },
    appRoles: kept(present.appRoles, [role('Writeback.Admin'), role('Writeback.Helpdesk')], 'id'),
    optionalClaims: { accessToken: kept(present.optionalClaims?.accessToken, [{ name: 'auth_time' }, { name: 'acrs' }], 'name') },
  }
}

const needsApi = (apiId: string) => ({
  signInAudience: 'AzureADMyOrg',
  requiredResourceAccess: [{ resourceAppId: apiId, resourceAccess: Object.values(scopes).map((id) => ({ id, type: 'Scope' })) }],
})

async function run(given: Given): Promise<number> {
  const { values, io, state, step } = given
  const { environment, 'page-url': page } = values
  await step('who is signed in', () => account(given))
  const make = async (what: keyof State['apps'], wanted: (present: Json) => object): Promise<string> => {
    const { done, ...ids } = await step(`application "${what}"`, () => ensureApplication(given, uniqueName(environment, what), wanted))
    io.tell(`  ${done}: ${ids.appId}`)
    if (!given.az.dryRun)
      state.change(({ apps }) => {
        apps[what] = ids
      })
    await step(`its service principal`, () => ensurePrincipal(given, ids.appId, { enable: false }))
    return ids.appId
  }
  const known = state.read().apps
  const before = [known.program?.appId, known.page?.appId].filter((each) => each !== undefined)
  const apiId = await make('api', (present) => api(environment, present, before))
  const programs = [
    await make('program', () => ({
      displayName: `Password writeback ${environment}: npm run admin`,
      isFallbackPublicClient: true,
      ...needsApi(apiId),
    })),
  ]
  if (page !== undefined)
    programs.push(
      await make('page', (present) => ({
        displayName: `Password writeback ${environment}: page`,
        spa: { redirectUris: [...new Set([page, ...(present.spa?.redirectUris ?? [])])] },
        ...needsApi(apiId),
      })),
    )
  await make('api', (present) => api(environment, present, programs))
  io.print(`ADMIN_AUDIENCE=${apiId},api://${apiId}\nADMIN_CLIENT_IDS=${adminClients({ ...known, ...state.read().apps }).join(',')}`)
  io.print('Give people the roles: Enterprise applications, the API, Users and groups (docs/deploy.md). deploy sets both settings.')
  return 0
}

export const adminClients = ({ program, page }: State['apps']): string[] =>
  [program?.appId, page?.appId].filter((each) => each !== undefined)

export const registerApp: TenantCommand = {
  usage: 'register-app',
  summary: 'registrations of the API and of the programs that administrators use',
  needs: 'Entra ID: Application Developer or Application Administrator',
  flags: ['page-url'],
  run,
}
