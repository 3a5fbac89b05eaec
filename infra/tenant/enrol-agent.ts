/**
 * `enrol-agent NAME`: an application for one agent, and infra/modules/agent.bicep for its principal. The agent makes its own
 * certificate afterwards, on its own machine (`agentctl enrol`): no private key is ever here.
 *
 * With --sas the module makes a rule on each queue instead of roles. One connection string has to open all three, so replies and
 * events are given the key that Azure made for requests; it goes from az into files of their owner alone.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../cli/command.ts'
import { type QueueName, queues } from '../topology.ts'
import type { Json } from './az.ts'
import { agentName, type Given, groupOf, inSubscription, output, type TenantCommand } from './command.ts'
import { ensureApplication, ensurePrincipal } from './graph.ts'
import { agentDeployment, agentParameters, outputs, ruleName, uniqueName } from './names.ts'
import { account } from './preflight.ts'

export const module = 'infra/modules/agent.bicep'
export const agentApplication = (environment: string, name: string): string => uniqueName(environment, `agent-${name}`)

async function run(given: Given): Promise<number> {
  const { io, state, step, values, az } = given
  const name = agentName(given.args)
  const known = state.read()
  const { out } = values
  if (values.sas && (out === undefined || existsSync(out))) throw new UsageError('--sas needs --out: a file that is not there yet')
  const missing = [outputs.serviceBus, outputs.serviceBusHost, outputs.vault, outputs.vaultUrl, outputs.agentKeyRole]
  for (const each of missing) output(known, each)
  const { tenantId } = await step('who is signed in', () => account(given))
  const displayName = `Password writeback ${values.environment}: agent ${name}`
  const { done, ...ids } = await step('its application', () =>
    ensureApplication(given, agentApplication(values.environment, name), () => ({ displayName, signInAudience: 'AzureADMyOrg' })),
  )
  io.tell(`  ${done}: ${ids.appId}`)
  const principalId = await step('its service principal', () => ensurePrincipal(given, ids.appId, { enable: true }))
  if (!az.dryRun)
    state.change(({ agents }) => {
      agents[name] = { ...ids, principalId }
    })
  await step('its rights', () => az.write(rights(given, name, principalId)))
  if (out !== undefined && values.sas) await connectionString(given, name, out)
  io.print(
    settingsText(tenantId, ids.appId, output(known, outputs.vaultUrl), values.sas ? undefined : output(known, outputs.serviceBusHost)),
  )
  return 0
}

function rights(given: Given, name: string, principalId: string): string[] {
  const { state, values, root } = given
  const known = state.read()
  const wanted: Record<string, string> = {
    [agentParameters.name]: name,
    [agentParameters.principal]: principalId,
    [agentParameters.serviceBus]: output(known, outputs.serviceBus),
    [agentParameters.vault]: output(known, outputs.vault),
    [agentParameters.keyRole]: output(known, outputs.agentKeyRole),
    [agentParameters.sas]: String(values.sas ?? false),
  }
  return [
    ...['deployment', 'group', 'create', '--name', agentDeployment(name), '--resource-group', groupOf(values)],
    ...['--template-file', join(root, module), '--parameters', ...Object.entries(wanted).map(([key, value]) => `${key}=${value}`)],
    ...inSubscription(given),
  ]
}

const settingsText = (tenantId: string, clientId: string, vaultUrl: string, host: string | undefined): string =>
  [
    'Into the settings of this agent (agentctl configure asks for the rest):',
    `  tenantId            ${tenantId}`,
    `  identity.clientId   ${clientId}`,
    `  vault.url           ${vaultUrl}`,
    host === undefined ? '  relay.connectionStringFile   the file, on the agent alone' : `  relay.namespace     ${host}`,
    'Then, there: agentctl enrol --settings FILE --upload. An agent that was revoked before: npm run admin -- admit-agent, afterwards.',
  ].join('\n')

const names = Object.keys(queues) as QueueName[]

async function connectionString(given: Given, name: string, out: string): Promise<void> {
  const { az, state, step, io } = given
  const namespace = output(state.read(), outputs.serviceBus)
  const rule = ruleName(name)
  const keyOf = (queue: QueueName) =>
    az.read([
      ...['servicebus', 'queue', 'authorization-rule', 'keys', 'list', '--resource-group', groupOf(given.values)],
      ...['--namespace-name', namespace, '--queue-name', queue, '--name', rule, ...inSubscription(given)],
    ])
  if (az.dryRun) return io.print(`would make the keys of ${rule} equal on the three queues, and write ${out}`)
  const key = await step('one key for its three rules', async () => {
    const { id } =
      (await az.read([
        'servicebus',
        'namespace',
        'show',
        '--resource-group',
        groupOf(given.values),
        '--name',
        namespace,
        ...inSubscription(given),
      ])) ?? {}
    const first = (await keyOf('requests'))?.primaryKey
    if (typeof first !== 'string' || typeof id !== 'string')
      throw new Error('the rules are not there: were agents by SAS allowed in the deployment (sasAgents)?')
    for (const queue of names.filter((each) => each !== 'requests')) {
      const other: Json = await keyOf(queue)
      if (other?.primaryKey === first) continue
      const url = `https://management.azure.com${id}/queues/${queue}/authorizationRules/${rule}/regenerateKeys?api-version=2024-01-01`
      await az.writeSecret(['rest', '--method', 'POST', '--url', url, '--output', 'none'], { keyType: 'PrimaryKey', key: first })
    }
    return first
  })
  const endpoint = `sb://${output(state.read(), outputs.serviceBusHost)}/`
  writeFileSync(out, `Endpoint=${endpoint};SharedAccessKeyName=${rule};SharedAccessKey=${key}\n`, { mode: 0o600, flag: 'wx' })
  io.tell(`  ${out}: to the agent by a safe way, then delete it here`)
}

export const enrolAgent: TenantCommand = {
  usage: 'enrol-agent NAME',
  summary: 'an application for one agent, and its rights',
  needs: 'Entra ID: Application Developer; Azure: Owner of the resource group, or User Access Administrator and Contributor',
  flags: ['sas', 'out'],
  run,
}
