/** What Azure would be asked to make, as `npm run infra -- compile --write` wrote it down, and the rights in it. */
import { readFileSync } from 'node:fs'
import type { Claim, Identity, Queue } from '../../infra/topology.ts'

export interface Resource {
  id: string
  type: string
  name: string
  tags?: Record<string, string>
  // biome-ignore lint/suspicious/noExplicitAny: of any of 40 types; each policy knows its own.
  properties?: any
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  sku?: any
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  identity?: any
}
export interface Snapshot {
  predictedResources: Resource[]
  outputs: Record<string, unknown>
}

const folder = new URL('./', import.meta.url)
/** Fresh each time: whoever breaks one breaks no other's. */
export const readSnapshot = (name: 'all' | 'agent' | 'agent-sas'): Snapshot =>
  JSON.parse(readFileSync(new URL(`${name}.snapshot.json`, folder), 'utf8'))

export const ofType = ({ predictedResources }: Snapshot, type: string) => predictedResources.filter((each) => each.type === type)
export const last = (id: string) => id.split('/').at(-1) ?? ''

/** The only built-in roles that may be given. */
export const builtIn = {
  '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39': 'Service Bus Data Sender',
  '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0': 'Service Bus Data Receiver',
  '4633458b-17de-408a-b874-0445c86b69e6': 'Key Vault Secrets User',
  'b7e6dc6d-f1e8-4753-8033-0f276bb0955b': 'Storage Blob Data Owner',
  '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3': 'Storage Table Data Contributor',
  '974c5e8b-45b9-4653-ba55-5f855dd0fb88': 'Storage Queue Data Contributor',
  '3913510d-42f4-4e42-8a64-420c390055eb': 'Monitoring Metrics Publisher',
} as const satisfies Record<string, string>
type BuiltIn = (typeof builtIn)[keyof typeof builtIn]

const claims: Partial<Record<BuiltIn, Claim>> = { 'Service Bus Data Sender': 'Send', 'Service Bus Data Receiver': 'Listen' }
/** Its data actions: learn.microsoft.com/azure/role-based-access-control/built-in-roles/security. */
const secretsUser = ['Microsoft.KeyVault/vaults/secrets/getSecret/action', 'Microsoft.KeyVault/vaults/secrets/readMetadata/action']
const dataPrefix = 'Microsoft.KeyVault/vaults/'

/** Data actions by the resource id of a custom role. */
export const customRoles = (snapshot: Snapshot): Map<string, string[]> =>
  new Map(
    ofType(snapshot, 'Microsoft.Authorization/roleDefinitions').map(({ id, properties }) => [
      id,
      properties.permissions.flatMap((each: { dataActions: string[] }) => each.dataActions),
    ]),
  )

export interface Assignment {
  /** Resource id of what it is given on. */
  scope: string
  /** Name of a built-in role, or the resource id of another. */
  role: string
  principal: string
}

export const assignments = (snapshot: Snapshot): Assignment[] =>
  ofType(snapshot, 'Microsoft.Authorization/roleAssignments').map(({ id, properties }) => ({
    scope: id.split('/providers/Microsoft.Authorization/')[0] ?? '',
    role: builtIn[last(properties.roleDefinitionId) as keyof typeof builtIn] ?? properties.roleDefinitionId,
    principal: properties.principalId,
  }))

export type Rights = Omit<Identity, 'graph'>

/** As infra/topology.ts says it, and what fits nowhere there as texts. */
export function rightsOf(given: readonly Assignment[], custom: Map<string, string[]>): { rights: Rights; others: string[] } {
  const rights = {
    serviceBus: {} as Record<string, Claim[]>,
    keys: {} as Record<string, string[]>,
    secrets: {} as Record<string, string[]>,
    tables: [] as string[],
    storageQueues: [] as string[],
  }
  const others: string[] = []
  for (const { scope, role } of given) {
    const [, kind = '', name = ''] = /\/providers\/(?:[^/]+)\/[^/]+\/[^/]+\/(.*?)\/?([^/]+)$/.exec(scope) ?? []
    const actions = role === 'Key Vault Secrets User' ? secretsUser : custom.get(role)
    const claim = claims[role as BuiltIn]
    if (kind === 'queues' && claim) rights.serviceBus[name] = [...(rights.serviceBus[name] ?? []), claim]
    else if ((kind === 'keys' || kind === 'secrets') && actions)
      rights[kind][name] = [...(rights[kind][name] ?? []), ...actions.map((each) => each.replace(dataPrefix, ''))]
    else if (kind === 'tableServices/default/tables' && role === 'Storage Table Data Contributor') rights.tables.push(name)
    else if (kind === 'queueServices/default/queues' && role === 'Storage Queue Data Contributor') rights.storageQueues.push(name)
    else others.push(`${role}: ${kind === '' ? scope.split('/').at(-2) : `${kind}/${name}`}`)
  }
  return { rights: rights as Rights, others: others.sort() }
}

const ms = (duration: string): number => {
  const [, minutes = '0', seconds = '0'] = /^PT(?:(\d+)M)?(?:(\d+)S)?$/.exec(duration) ?? []
  return (Number(minutes) * 60 + Number(seconds)) * 1_000
}

/** As infra/topology.ts says them. */
export const queuesOf = (snapshot: Snapshot): Record<string, Queue> =>
  Object.fromEntries(
    ofType(snapshot, 'Microsoft.ServiceBus/namespaces/queues').map(({ id, properties: p }) => [
      last(id),
      {
        lockMs: ms(p.lockDuration),
        ttlMs: ms(p.defaultMessageTimeToLive),
        maxDeliveryCount: p.maxDeliveryCount,
        requiresSession: p.requiresSession,
        duplicateDetectionMs: p.requiresDuplicateDetection ? ms(p.duplicateDetectionHistoryTimeWindow) : 0,
        deadLetterOnExpiry: p.deadLetteringOnMessageExpiration,
      },
    ]),
  )
