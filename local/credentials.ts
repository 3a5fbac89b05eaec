/** Who may speak to whom in one local system: fresh identities and keys for every start, rights from infra/topology.ts. */
import { randomBytes, randomUUID } from 'node:crypto'
import { type IdentityName, identities } from '../infra/topology.ts'
import type { SasRule } from './bus/authorization.ts'
import type { Administration } from './entra/people.ts'
import type { ManagedIdentity } from './entra/principals.ts'

export interface Principal {
  clientId: string
  objectId: string
  secret: string
}

export interface Credentials {
  tenantId: string
  functions: Principal
  /** One each; more than run at first, for those that are started later. */
  agents: Principal[]
  sasKeys: Record<IdentityName, string>
  /** Who may sign in, and through what: the first program brings administrators, the second everybody. */
  administration: Administration
}

const principal = (): Principal => ({ clientId: randomUUID(), objectId: randomUUID(), secret: randomBytes(24).toString('base64url') })
const sasKey = () => randomBytes(32).toString('base64')

export const newCredentials = (agents: number): Credentials => ({
  tenantId: randomUUID(),
  functions: principal(),
  agents: Array.from({ length: agents }, principal),
  sasKeys: { functions: sasKey(), agent: sasKey() },
  administration: {
    api: { clientId: randomUUID(), uri: 'api://password-writeback', scopes: ['manage', 'me'] },
    programs: [
      { clientId: randomUUID(), redirectUris: [], scopes: ['manage'] },
      { clientId: randomUUID(), redirectUris: [], scopes: ['me'] },
    ],
    people: staff.map((person) => ({ ...person, objectId: randomUUID() })),
  },
})

/** One of each role, and one who has none. */
const staff = [
  { upn: 'ada.admin@corp.example.test', name: 'Ada Admin', roles: ['Writeback.Admin'] },
  { upn: 'hal.helpdesk@corp.example.test', name: 'Hal Helpdesk', roles: ['Writeback.Helpdesk'] },
  { upn: 'eve.everybody@corp.example.test', name: 'Eve Everybody', roles: [] },
] as const

/** One rule of one name and key on each queue it has rights on: the SDK's client then needs one connection string. */
export const sasRules = ({ sasKeys }: Credentials): SasRule[] =>
  (['functions', 'agent'] as const).map((name) => ({ name, keys: [sasKeys[name]], claims: identities[name].serviceBus }))

/** Object id to whose rights it has, for the vault. */
export const owners = ({ functions, agents }: Credentials): Record<string, IdentityName> =>
  Object.fromEntries([[functions.objectId, 'functions'], ...agents.map(({ objectId }) => [objectId, 'agent'])])

export function busConnectionString(
  { tcp, ws }: { tcp: number; ws: number },
  name: IdentityName,
  { sasKeys }: Credentials,
  transport: 'websockets' | 'tcp',
): string {
  const account = `SharedAccessKeyName=${name};SharedAccessKey=${sasKeys[name]}`
  return transport === 'tcp'
    ? `Endpoint=sb://127.0.0.1:${tcp};${account};UseDevelopmentEmulator=true`
    : `Endpoint=sb://localhost:${ws};${account}`
}

/** As the tenant knows them. */
export const principalsOf = ({ functions, agents, administration }: Credentials, granted: ManagedIdentity['granted'] = []) => ({
  functions: { ...functions, identityHeader: functions.secret, granted },
  agents,
  administration,
})
