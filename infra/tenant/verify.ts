/**
 * `verify`: after a deployment, whether the tenant is what infra/topology.ts says: rights in both directions, queues, permissions of
 * Graph, agents that are heard and have proved the keys; and with --user one real reset, by the API's own way.
 */
import { exitCodes, listIn } from '../cli/command.ts'
import { type IdentityName, identities, type Queue, queues } from '../topology.ts'
import type { Json } from './az.ts'
import { type Given, groupOf, inSubscription, output, type TenantCommand } from './command.ts'
import { permissionsOf } from './grant-graph.ts'
import { busRoles, outputs } from './names.ts'
import { resetOnce } from './reset-once.ts'
import { rolesOf } from './revoke-agent.ts'

interface Check {
  what: string
  /** Undefined: as it should be. */
  wrong: string | undefined
}

async function run(given: Given): Promise<number> {
  const { io, step, state, values } = given
  const { agents, outputs: known } = state.read()
  const functions = output({ outputs: known }, outputs.functionsPrincipal)
  const checks: Check[] = []
  const look = async (what: string, work: () => Promise<string | undefined>) => {
    const wrong = await step(what, work)
    io.print(`${wrong === undefined ? 'ok ' : 'NOT'}  ${what}${wrong === undefined ? '' : `: ${wrong}`}`)
    checks.push({ what, wrong })
  }
  await look('rights of the functions', () => rightsWrong(given, functions, 'functions'))
  for (const [name, { principalId }] of Object.entries(agents))
    await look(`rights of agent ${name}`, () => rightsWrong(given, principalId, 'agent'))
  await look('queues', () => queuesWrong(given))
  await look('permissions of Graph', () => graphWrong(given, functions))
  if (!values['no-sign-in']) await look('agents, as the API hears them', () => agentsWrong(given))
  const { user } = values
  if (user !== undefined) await look(`a reset of ${user}`, () => resetOnce(given, output({ outputs: known }, outputs.url), user))
  else io.print(' -   a reset: left out, name a test user with --user')
  return checks.every(({ wrong }) => wrong === undefined) ? exitCodes.done : exitCodes.failed
}

/** `requests Send`, `keys/password-key keys/decrypt/action`. The same words for what should be and for what is. */
export function wantedRights(name: IdentityName): string[] {
  const { serviceBus, keys, secrets } = identities[name]
  const vault = (kind: string, of: Record<string, readonly string[]>) =>
    Object.entries(of).flatMap(([each, actions]) => actions.map((action) => `${kind}/${each} ${action}`))
  return [
    ...Object.entries(serviceBus).flatMap(([queue, claims]) => claims.map((claim) => `queues/${queue} ${claim}`)),
    ...vault('keys', keys),
    ...vault('secrets', secrets),
  ]
}

async function rightsWrong(given: Given, principalId: string, name: IdentityName): Promise<string | undefined> {
  const held: string[] = []
  for (const { roleDefinitionId, scope } of await rolesOf(given, principalId))
    held.push(...(await rightsIn(given, roleDefinitionId, scope)))
  const wanted = wantedRights(name)
  // With SAS an agent has rules instead of roles at the queues.
  const bySas = name === 'agent' && !held.some((right) => right.startsWith('queues/'))
  const needed = bySas ? wanted.filter((right) => !right.startsWith('queues/')) : wanted
  const said = [
    ['missing', needed.filter((right) => !held.includes(right))],
    ['more than it should have', held.filter((right) => !wanted.includes(right))],
  ] as const
  const wrong = said.filter(([, rights]) => rights.length > 0).map(([title, rights]) => `${title}: ${[...new Set(rights)].join(', ')}`)
  return wrong.length === 0 ? undefined : wrong.join('; ')
}

/** Roles outside Service Bus and the vault are not described by topology.ts in these words; the templates' tests hold them. */
async function rightsIn({ az }: Given, roleDefinitionId: string, scope: string): Promise<string[]> {
  const [, entity] = /\/(queues\/[^/]+|keys\/[^/]+|secrets\/[^/]+)$/.exec(scope) ?? []
  const claim = busRoles[roleDefinitionId.split('/').at(-1) as keyof typeof busRoles]
  const inBus = /\/Microsoft\.ServiceBus\//i.test(scope)
  if (claim !== undefined) return [`${inBus && entity !== undefined ? entity : scope} ${claim}`]
  const elsewhere = /\/Microsoft\.(Storage|Insights)\//i.test(scope)
  if (elsewhere) return []
  const role: Json = await az.read([
    'rest',
    '--method',
    'GET',
    '--url',
    `https://management.azure.com${roleDefinitionId}?api-version=2022-04-01`,
  ])
  const permissions: Json[] = role?.properties?.permissions ?? []
  const actions = permissions.flatMap(({ actions = [], dataActions = [] }) => [...actions, ...dataActions])
  return actions.map((action: string) => `${entity ?? scope} ${action.replace('Microsoft.KeyVault/vaults/', '')}`)
}

/** ISO 8601 as Azure writes durations: PT10S, PT5M, P1DT2H. */
export function durationMs(text: unknown): number | undefined {
  const found = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/.exec(String(text))
  if (found === null) return undefined
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = found.slice(1).map((each) => Number(each ?? 0))
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000
}

export function queueWrong(name: string, found: Json, wanted: Queue): string[] {
  if (found === undefined) return [`${name} is not there`]
  const is = {
    lockMs: durationMs(found.lockDuration),
    ttlMs: durationMs(found.defaultMessageTimeToLive),
    maxDeliveryCount: found.maxDeliveryCount,
    requiresSession: found.requiresSession,
    duplicateDetectionMs: found.requiresDuplicateDetection ? durationMs(found.duplicateDetectionHistoryTimeWindow) : 0,
    deadLetterOnExpiry: found.deadLetteringOnMessageExpiration,
  }
  const keys = Object.keys(wanted) as (keyof Queue)[]
  const wrong = keys.filter((key) => is[key] !== wanted[key]).map((key) => `${name}.${key} is ${is[key]}, not ${wanted[key]}`)
  return found.enablePartitioning ? [...wrong, `${name} is partitioned`] : wrong
}

async function queuesWrong(given: Given): Promise<string | undefined> {
  const { az, state, values } = given
  const namespace = output(state.read(), outputs.serviceBus)
  const group = ['--resource-group', groupOf(values), ...inSubscription(given)]
  const inNamespace = ['--namespace-name', namespace, ...group]
  const found: Json[] = (await az.read(['servicebus', 'queue', 'list', ...inNamespace])) ?? []
  const wrong = Object.entries(queues).flatMap(([name, wanted]) => {
    const queue = found.find((each) => each.name === name)
    return queueWrong(name, queue, wanted)
  })
  const { disableLocalAuth, minimumTlsVersion } = (await az.read(['servicebus', 'namespace', 'show', '--name', namespace, ...group])) ?? {}
  if (minimumTlsVersion !== '1.2') wrong.push(`TLS is ${minimumTlsVersion} at least, not 1.2`)
  if (disableLocalAuth !== true) {
    const list = ['servicebus', 'queue', 'authorization-rule', 'list', '--queue-name', 'requests', ...inNamespace]
    const rules: Json[] = (await az.read(list)) ?? []
    if (rules.length === 0) wrong.push('keys (SAS) open the namespace, though no agent has a rule: sasAgents = false')
  }
  return wrong.length === 0 ? undefined : wrong.join('; ')
}

async function graphWrong(given: Given, principal: string): Promise<string | undefined> {
  const { held } = await permissionsOf(given, principal)
  const optional = given.values.optional?.split(',').map((each) => each.trim()) ?? []
  const wanted: string[] = [...identities.functions.graph, ...optional]
  const missing = wanted.filter((name) => !held.includes(name))
  const more = held.filter((name) => !wanted.includes(name))
  const wrong = [
    missing.length > 0 && `missing: ${missing.join(', ')}`,
    more.length > 0 && `more than it should have: ${more.join(', ')}`,
  ].filter(Boolean)
  return wrong.length === 0 ? undefined : wrong.join('; ')
}

async function agentsWrong(given: Given): Promise<string | undefined> {
  const { status, body } = await (await given.manage()).call('GET', 'writeback')
  if (status !== 200) return `the API answered ${status}`
  if (!body['on']) return 'password writeback is off: npm run admin -- enable'
  const agents = listIn(body['agents'])
  if (agents.length === 0) return 'no agent is heard'
  const wrong = agents.filter(({ linkProven, revoked }) => !linkProven || revoked).map(({ agent }) => agent)
  return wrong.length === 0 ? undefined : `revoked, or has not proved the keys: ${wrong.join(', ')}`
}

export const verify: TenantCommand = {
  usage: 'verify',
  summary: 'whether the tenant is as the topology says, and with --user one reset',
  needs: 'Azure: Reader of the resource group; the role Writeback.Helpdesk, unless --no-sign-in',
  flags: ['user', 'optional', 'no-sign-in'],
  run,
}
