/**
 * What `az` would do to a tenant, as far as `npm run infra` asks it: one world as plain data, every call recorded, and any of them
 * can fail, before or after it took effect. Run as a program (Node strips the types) it is the `az` of a test's PATH.
 */
import { createHash } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import type { Ended, Json } from '../../infra/tenant/az.ts'
import { type IdentityName, identities, queues } from '../../infra/topology.ts'

export interface World {
  calls: string[][]
  /** Index of the call that fails. */
  failAt?: number
  failAfter?: boolean
  account: Json
  roles: string[]
  registered: string[]
  regions: string[]
  groups: string[]
  applications: Record<string, Json>
  principals: Record<string, Json>
  granted: Json[]
  assignments: Json[]
  rules: Record<string, string>
  queues: Record<string, Json>
  namespace: Json
  resources: Json[]
  locks: Json[]
  customRoles: Json[]
  uploads: number
}

export const subscription = '/subscriptions/00000000-0000-4000-8000-00000000000a'
const group = `${subscription}/resourceGroups/rg-password-writeback-dev`
export const bus = `${group}/providers/Microsoft.ServiceBus/namespaces/bus`
export const vault = `${group}/providers/Microsoft.KeyVault/vaults/vault`
export const graphAppId = '00000003-0000-0000-c000-000000000000'
const idOf = (text: string) =>
  createHash('sha256')
    .update(text)
    .digest('hex')
    .replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5')
export const functionsPrincipal = idOf('functions')
const me = idOf('ada')
const role = (name: string) => `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${name}`
const busRole = { Send: role('69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'), Listen: role('4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0') }
/** One that a tenant may add, and one that nobody should have. */
export const optional = 'User-PasswordProfile.ReadWrite.All'
export const permissions = [...identities.functions.graph, optional, 'Mail.Read']

export const emptyWorld = (): World => ({
  calls: [],
  account: { id: subscription.split('/').at(-1), tenantId: idOf('tenant'), user: { name: 'ada@example.test', type: 'user' } },
  roles: ['Owner'],
  registered: [
    'App',
    'Authorization',
    'Communication',
    'Insights',
    'KeyVault',
    'ManagedIdentity',
    'OperationalInsights',
    'ServiceBus',
    'Storage',
    'Web',
  ].map((name) => `Microsoft.${name}`),
  regions: ['West Europe', 'North Europe'],
  groups: [],
  applications: {},
  principals: {},
  granted: [],
  assignments: [],
  rules: {},
  queues: {},
  namespace: { disableLocalAuth: false },
  resources: [],
  locks: [],
  customRoles: [],
  uploads: 0,
})

const iso = (ms: number) => (ms % 60_000 === 0 ? `PT${ms / 60_000}M` : `PT${ms / 1_000}S`)
const ok = (value?: Json): Ended => ({ code: 0, stdout: value === undefined ? '' : JSON.stringify(value), stderr: '' })
const absent: Ended = { code: 1, stdout: '', stderr: 'ERROR: Not Found({"error":{"code":"Request_ResourceNotFound"}})' }
const gone: Ended = { code: 3, stdout: '', stderr: 'ERROR: (ResourceNotFound)' }
const broken: Ended = { code: 1, stdout: '', stderr: 'ERROR: the connection was closed' }

export function answer(world: World, args: readonly string[]): Ended {
  const at = world.calls.push([...args]) - 1
  if (at === world.failAt && !world.failAfter) return broken
  const ended = effect(world, args)
  return at === world.failAt ? broken : ended
}

/** What each write adds to; for a dry run. */
export const isWrite = (args: readonly string[]): boolean =>
  args[0] === 'rest'
    ? args[args.indexOf('--method') + 1] !== 'GET'
    : /\b(create|delete|config-zip|regenerate|renew)\b/.test(args.slice(0, 5).join(' '))

function effect(world: World, args: readonly string[]): Ended {
  const flag = (name: string) => args[args.indexOf(name) + 1] ?? ''
  const command = args.join(' ').split(' -')[0] ?? ''
  if (command === 'rest') return rest(world, flag('--method'), flag('--url'), args.includes('--body') ? flag('--body') : undefined)
  switch (command) {
    case 'account show':
      return ok(world.account)
    case 'ad signed-in-user show':
      return ok({ id: me })
    case 'role assignment list':
      return ok(assignments(world, args, flag))
    case 'role assignment delete':
      // A lock is inherited by the rights below it.
      if (world.locks.some(({ id }) => args.some((arg) => arg.startsWith(`${id.split('/providers/Microsoft.Authorization/')[0]}/`))))
        return { code: 1, stdout: '', stderr: 'ERROR: (ScopeLocked)' }
      world.assignments = world.assignments.filter(({ id }) => !args.includes(id))
      return ok()
    case 'role definition list':
      return ok(world.customRoles)
    case 'provider list':
      return ok(world.registered.map((namespace) => ({ namespace, registrationState: 'Registered' })))
    case 'functionapp list-flexconsumption-locations':
      return ok(world.regions.map((name) => ({ name })))
    case 'group show':
      return world.groups.includes(flag('--name')) ? ok({ id: group }) : gone
    case 'group create':
      world.groups = [flag('--name')]
      return ok({})
    case 'group delete':
      if (world.customRoles.length > 0 || world.locks.length > 0) return broken
      world.groups = []
      world.resources = []
      return ok()
    case 'deployment group validate':
      return ok({})
    case 'deployment group what-if':
      return ok({
        changes: world.resources.length > 0 ? [{ changeType: 'NoChange', resourceId: bus }] : [{ changeType: 'Create', resourceId: bus }],
      })
    case 'deployment group create':
      return flag('--template-file').endsWith('agent.bicep') ? agentModule(world, args) : mainTemplate(world)
    case 'functionapp deployment source config-zip':
      if (readFileSync(flag('--src')).subarray(0, 2).toString() !== 'PK') return broken
      world.uploads = 1
      return ok({})
    case 'servicebus namespace show':
      return ok({ id: bus, minimumTlsVersion: '1.2', ...world.namespace })
    case 'servicebus queue list':
      return ok(Object.values(world.queues))
    case 'servicebus queue authorization-rule list':
      return ok(Object.keys(world.rules).filter((name) => name.startsWith(`${flag('--queue-name')}/`)))
    case 'servicebus queue authorization-rule show':
    case 'servicebus queue authorization-rule keys list': {
      const key = world.rules[`${flag('--queue-name')}/${flag('--name')}`]
      return key === undefined ? gone : ok({ primaryKey: key })
    }
    case 'servicebus queue authorization-rule delete':
      delete world.rules[`${flag('--queue-name')}/${flag('--name')}`]
      return ok()
    case 'resource list':
      return ok(world.resources)
    case 'resource delete':
      world.resources = world.resources.filter(({ id }) => id !== flag('--ids'))
      return ok()
    case 'lock list':
      return ok(world.locks)
    case 'lock create': {
      const on = `${group}/providers/${flag('--resource-type')}/${flag('--resource')}`
      const made = lock(flag('--name'), flag('--lock-type'), flag('--notes'), on)
      world.locks = [...world.locks.filter(({ id }) => id !== made.id), made]
      return ok({})
    }
    case 'lock delete':
      world.locks = world.locks.filter(({ id }) => id !== flag('--ids'))
      return ok()
    default:
      throw new Error(`this stub does not know: az ${args.join(' ')}`)
  }
}

function assignments(world: World, args: readonly string[], flag: (name: string) => string): Json[] {
  if (!args.includes('--all')) return (flag('--assignee') === me ? world.roles : []).map((roleDefinitionName) => ({ roleDefinitionName }))
  if (args.includes('--role')) return world.assignments.filter(({ roleDefinitionId }) => roleDefinitionId === role(flag('--role')))
  return world.assignments.filter(({ principalId }) => principalId === flag('--assignee'))
}

const lock = (name: string, level: string, notes: string, on: string) => ({
  ...{ name, level, notes },
  id: `${on}/providers/Microsoft.Authorization/locks/${name}`,
})

function assign(world: World, principalId: string, scope: string, roleDefinitionId: string) {
  const id = `${scope}/providers/Microsoft.Authorization/roleAssignments/${idOf(scope + principalId + roleDefinitionId)}`
  if (!world.assignments.some((each) => each.id === id)) world.assignments.push({ id, scope, principalId, roleDefinitionId })
}

function giveRights(world: World, principalId: string, name: IdentityName, bySas: boolean) {
  if (!bySas)
    for (const [queue, claims] of Object.entries(identities[name].serviceBus))
      for (const claim of claims) assign(world, principalId, `${bus}/queues/${queue}`, busRole[claim])
  for (const key of Object.keys(identities[name].keys)) assign(world, principalId, `${vault}/keys/${key}`, role(`${name}-keys-${key}`))
  for (const secret of Object.keys(identities[name].secrets))
    assign(world, principalId, `${vault}/secrets/${secret}`, role(`${name}-secrets-${secret}`))
}

function mainTemplate(world: World): Ended {
  for (const [name, { lockMs, ttlMs, maxDeliveryCount, requiresSession, duplicateDetectionMs, deadLetterOnExpiry }] of Object.entries(
    queues,
  ))
    world.queues[name] = {
      name,
      lockDuration: iso(lockMs),
      defaultMessageTimeToLive: iso(ttlMs),
      maxDeliveryCount,
      requiresSession,
      requiresDuplicateDetection: duplicateDetectionMs > 0,
      duplicateDetectionHistoryTimeWindow: 'PT10M',
      deadLetteringOnMessageExpiration: deadLetterOnExpiry,
      enablePartitioning: false,
    }
  const types = [
    'OperationalInsights/workspaces',
    'ServiceBus/namespaces',
    'KeyVault/vaults',
    'Web/serverfarms',
    'Web/sites',
    'Storage/storageAccounts',
  ]
  world.resources = types.map((type) => ({ id: `${group}/providers/Microsoft.${type}/x`, type: `Microsoft.${type}`, name: type }))
  world.locks = [lock('no-deletion', 'CanNotDelete', 'kept', vault)]
  world.customRoles = ['functions-keys-password-key', 'functions-secrets-package-key', 'agent-keys-password-key'].map((name) => ({
    id: role(name),
    name,
    roleName: name,
    assignableScopes: [group],
  }))
  giveRights(world, functionsPrincipal, 'functions', false)
  const outputs = {
    functionAppName: 'app',
    apiUrl: 'https://app.example.test',
    functionsPrincipalId: functionsPrincipal,
    serviceBusName: 'bus',
    serviceBusHost: 'bus.servicebus.windows.net',
    keyVaultName: 'vault',
    keyVaultUrl: 'https://vault.vault.azure.net',
    agentKeyRoleId: role('agent-keys-password-key'),
  }
  return ok({ properties: { outputs: Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, { value }])) } })
}

function agentModule(world: World, args: readonly string[]): Ended {
  const parameter = (name: string) => args.find((each) => each.startsWith(`${name}=`))?.split('=')[1] ?? ''
  const bySas = parameter('sas') === 'true'
  giveRights(world, parameter('principalId'), 'agent', bySas)
  if (bySas) for (const queue of Object.keys(queues)) world.rules[`${queue}/agent-${parameter('agentName')}`] ??= `key+of/${queue}=`
  return ok({})
}

function rest(world: World, method: string, url: string, given: string | undefined): Ended {
  if (given?.startsWith('@') && (statSync(given.slice(1)).mode & 0o077) !== 0) throw new Error('others may read this file')
  const body: Json = given === undefined ? undefined : JSON.parse(given.startsWith('@') ? readFileSync(given.slice(1), 'utf8') : given)
  const [, uniqueName] = /\/applications\(uniqueName='(.+)'\)$/.exec(url) ?? []
  if (uniqueName !== undefined) {
    const found = world.applications[uniqueName]
    if (method === 'GET') return found === undefined ? absent : ok(found)
    world.applications[uniqueName] = { id: idOf(`object ${uniqueName}`), appId: idOf(uniqueName), ...found, ...body }
    return ok(found === undefined ? world.applications[uniqueName] : undefined)
  }
  const [, appId] = /\/servicePrincipals\(appId='([^']+)'\)/.exec(url) ?? []
  if (appId === graphAppId) return ok({ id: 'graph', appRoles: permissions.map((value) => ({ value, id: `id of ${value}` })) })
  if (appId !== undefined) {
    const found = world.principals[appId]
    if (found === undefined) return absent
    if (method === 'PATCH') world.principals[appId] = { ...found, ...body }
    return ok(method === 'GET' ? found : undefined)
  }
  if (method === 'POST' && url.endsWith('/servicePrincipals')) {
    world.principals[body.appId] = { id: idOf(`principal ${body.appId}`), ...body }
    return ok(world.principals[body.appId])
  }
  if (url.includes('/appRoleAssignments?')) return ok({ value: world.granted })
  if (url.endsWith('/appRoleAssignedTo')) {
    world.granted.push(body)
    return ok(body)
  }
  const [, queue, rule] = /queues\/(\w+)\/authorizationRules\/([\w-]+)\/regenerateKeys/.exec(url) ?? []
  if (rule !== undefined) {
    world.rules[`${queue}/${rule}`] = body.key
    return ok()
  }
  const [, object] = /\/applications\/([\w-]+)$/.exec(url) ?? []
  if (method === 'DELETE' && object !== undefined) {
    world.applications = Object.fromEntries(Object.entries(world.applications).filter(([, { id }]) => id !== object))
    return ok()
  }
  const [, definition = ''] = /\/roleDefinitions\/([\w-]+)\?/.exec(url) ?? []
  if (method === 'DELETE') {
    world.customRoles = world.customRoles.filter(({ name }) => name !== definition)
    return ok()
  }
  const [, name, kind, entity = ''] = /^(functions|agent)-(keys|secrets)-(.+)$/.exec(definition) ?? []
  const actions: Json = identities[name as IdentityName][kind as 'keys' | 'secrets'][entity as never]
  return ok({
    properties: { permissions: [{ actions: [], dataActions: actions.map((action: string) => `Microsoft.KeyVault/vaults/${action}`) }] },
  })
}

if (import.meta.main) {
  const file = process.env['AZ_STUB_WORLD'] ?? ''
  const world: World = JSON.parse(readFileSync(file, 'utf8'))
  const { code, stdout, stderr } = answer(world, process.argv.slice(2))
  writeFileSync(file, JSON.stringify(world))
  process.stdout.write(stdout)
  process.stderr.write(stderr)
  process.exitCode = code
}
