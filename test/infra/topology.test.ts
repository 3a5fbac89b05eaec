/** The templates give exactly the rights of infra/topology.ts: a right that stands in one of the two alone fails here. */
import { describe, expect, it, test } from 'vitest'
import { hashOfSources, recordedHash } from '../../infra/compiler/compile.ts'
import { type Identity, identities, queues, storageQueues, tables, vault } from '../../infra/topology.ts'
import { assignments, customRoles, last, ofType, queuesOf, type Rights, readSnapshot, rightsOf, type Snapshot } from './snapshots.ts'

test('the snapshots are those of the templates as they are (else: npm run infra -- compile --write)', () => {
  expect(hashOfSources()).toBe(recordedHash())
})

const withoutGraph = ({ graph: _, ...rights }: Identity) => rights
/** What the Functions host needs for itself, beside what the product does. */
const hosts = {
  storageQueues: ['challenges-poison'],
  others: [
    'Monitoring Metrics Publisher: components',
    'Storage Blob Data Owner: blobServices/default',
    'Storage Blob Data Owner: blobServices/default/containers/packages',
  ],
}
const functionsIn = (snapshot: Snapshot) => rightsOf(assignments(snapshot), customRoles(snapshot))
const expectedFunctions = {
  rights: { ...withoutGraph(identities.functions), storageQueues: [...storageQueues, ...hosts.storageQueues] },
  others: hosts.others,
}

describe('the functions', () => {
  it('have exactly these rights', () => {
    expect(functionsIn(readSnapshot('all'))).toEqual(expectedFunctions)
  })

  it('are one principal', () => {
    expect(new Set(assignments(readSnapshot('all')).map(({ principal }) => principal)).size).toBe(1)
  })

  it('have no right that could be left out unnoticed', () => {
    const { length } = ofType(readSnapshot('all'), 'Microsoft.Authorization/roleAssignments')
    expect(length).toBeGreaterThan(10)
    for (let at = 0; at < length; at += 1) {
      const without = readSnapshot('all')
      const dropped = ofType(without, 'Microsoft.Authorization/roleAssignments')[at]
      without.predictedResources = without.predictedResources.filter((each) => each !== dropped)
      expect(functionsIn(without)).not.toEqual(expectedFunctions)
    }
  })

  it('get none more unnoticed, by an assignment or in a role', () => {
    const more = readSnapshot('all')
    const [one] = ofType(more, 'Microsoft.Authorization/roleAssignments').filter(({ id }) => id.includes('/queues/requests/'))
    if (one) more.predictedResources.push({ ...one, id: one.id.replace('/queues/requests/', '/queues/events/') })
    expect(functionsIn(more)).not.toEqual(expectedFunctions)
    const wider = readSnapshot('all')
    ofType(wider, 'Microsoft.Authorization/roleDefinitions')[0]?.properties.permissions[0].dataActions.push(
      'Microsoft.KeyVault/vaults/keys/rotate/action',
    )
    expect(functionsIn(wider)).not.toEqual(expectedFunctions)
  })

  it('of topology.ts: one more there fails as well', () => {
    const [key] = Object.keys(identities.functions.keys)
    const wished = structuredClone(expectedFunctions) as { rights: Rights; others: string[] }
    wished.rights.keys[String(key)] = [...(wished.rights.keys[String(key)] ?? []), 'keys/decrypt/action']
    expect(functionsIn(readSnapshot('all'))).not.toEqual(wished)
  })
})

describe('an agent', () => {
  /** In the agent's template the role is a parameter: an output of the other one. */
  const roles = () => {
    const all = readSnapshot('all')
    const given = readSnapshot('agent')
    const parameter = assignments(given).find(({ scope }) => scope.endsWith('/keys/password-key'))?.role ?? ''
    return new Map([[parameter, customRoles(all).get(String(all.outputs['agentKeyRoleId'])) ?? []]])
  }
  const expected = { rights: withoutGraph(identities.agent), others: [] }

  it('by token has exactly these rights', () => {
    expect(rightsOf(assignments(readSnapshot('agent')), roles())).toEqual(expected)
  })

  it('by shared access signature has the same, as a rule on each queue', () => {
    const sas = readSnapshot('agent-sas')
    const { rights, others } = rightsOf(assignments(sas), roles())
    const rules = ofType(sas, 'Microsoft.ServiceBus/namespaces/queues/authorizationRules').map(({ id, properties }) => [
      id.split('/').at(-3),
      properties.rights,
    ])
    expect({ rights: { ...rights, serviceBus: Object.fromEntries(rules) }, others }).toEqual(expected)
  })

  it('is taken away with what its output names: all of it, and nothing else', () => {
    const ids = (snapshot: Snapshot) => ofType(snapshot, 'Microsoft.Authorization/roleAssignments').map(({ id }) => id)
    for (const name of ['agent', 'agent-sas'] as const) {
      const snapshot = readSnapshot(name)
      expect([...(snapshot.outputs['roleAssignmentIds'] as string[])].sort()).toEqual(ids(snapshot).sort())
    }
  })
})

describe('what there is', () => {
  const all = readSnapshot('all')
  const names = (type: string) => ofType(all, type).map(({ id }) => last(id))

  it('queues of Service Bus, with every property', () => {
    expect(queuesOf(all)).toEqual(queues)
  })

  it('keys and secrets', () => {
    expect(names('Microsoft.KeyVault/vaults/keys')).toEqual(Object.values(vault.keys))
    expect(names('Microsoft.KeyVault/vaults/secrets').sort()).toEqual(
      [...Object.values(vault.secrets), ...Object.values(vault.settings)].sort(),
    )
  })

  it('tables and storage queues', () => {
    expect(names('Microsoft.Storage/storageAccounts/tableServices/tables').sort()).toEqual([...tables].sort())
    expect(names('Microsoft.Storage/storageAccounts/queueServices/queues')).toEqual([...storageQueues, ...hosts.storageQueues])
  })
})
