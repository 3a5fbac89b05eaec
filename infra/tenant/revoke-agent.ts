/**
 * `revoke-agent NAME`: everything that `enrol-agent` gave is taken away, what stops it soonest first.
 *
 * Its principal is disabled (no new token; those it has end within the hour or two), then the roles, then rules of SAS, whose
 * links end at once. Last the API is told, which stops listening and rolls the keys the agent knew; that takes an administrator's
 * sign-in, and can be done later with `npm run admin -- revoke-agent`.
 */
import { faultWord } from '../../shared/fault.ts'
import { exitCodes, UsageError } from '../cli/command.ts'
import { queues } from '../topology.ts'
import type { Json } from './az.ts'
import { agentName, type Given, groupOf, inSubscription, outputIfKnown, type TenantCommand } from './command.ts'
import { agentApplication } from './enrol-agent.ts'
import { get, send } from './graph.ts'
import { outputs, ruleName } from './names.ts'
import { isInVault, withVaultUnlocked } from './vault-lock.ts'

async function run(given: Given): Promise<number> {
  const { io, step, values, az, state } = given
  const name = agentName(given.args)
  const tell = !values['no-sign-in']
  if (tell && (values.reason ?? '').trim() === '') throw new UsageError('revoke-agent needs --reason (it is kept), or --no-sign-in')
  const application = await step('its application', () =>
    get(az, `/applications(uniqueName='${agentApplication(values.environment, name)}')`),
  )
  const appId = application?.appId ?? state.read().agents[name]?.appId
  if (appId === undefined) throw new UsageError(`there is no agent "${name}" in ${values.environment}`)
  const principal = await step('its service principal', () => get(az, `/servicePrincipals(appId='${appId}')`))
  if (principal?.accountEnabled)
    await step('no more sign-ins', () => send(given, 'PATCH', `/servicePrincipals(appId='${appId}')`, { accountEnabled: false }))
  if (principal !== undefined) await step('its roles', () => takeRoles(given, principal.id))
  await step('its rules of SAS', () => takeRules(given, name))
  if (!tell) {
    io.print(`Azure has let go of ${name}. The API has not been told: npm run admin -- revoke-agent ${appId} --reason TEXT`)
    return exitCodes.done
  }
  return tellApi(given, name, appId)
}

export async function rolesOf(given: Pick<Given, 'az' | 'values'>, principalId: string): Promise<Json[]> {
  const found = await given.az.read(['role', 'assignment', 'list', '--assignee', principalId, '--all', ...inSubscription(given)])
  return Array.isArray(found) ? found : []
}

async function takeRoles(given: Given, principalId: string): Promise<void> {
  const ids: string[] = (await rolesOf(given, principalId)).map(({ id }) => id)
  const take = async (some: readonly string[]) => {
    if (some.length > 0) await given.az.write(['role', 'assignment', 'delete', '--ids', ...some, ...inSubscription(given)])
  }
  await take(ids.filter((id) => !isInVault(id)))
  const inVault = ids.filter(isInVault)
  if (inVault.length > 0 || given.state.read().lifted.length > 0) await withVaultUnlocked(given, () => take(inVault))
}

async function takeRules(given: Given, name: string): Promise<void> {
  const { az, state, values } = given
  const namespace = outputIfKnown(state.read(), outputs.serviceBus)
  if (namespace === undefined) return given.io.tell('  no deployment is known here: look at the rules of the queues yourself')
  for (const queue of Object.keys(queues)) {
    const rule = (verb: string) => [
      ...['servicebus', 'queue', 'authorization-rule', verb, '--resource-group', groupOf(values), '--namespace-name', namespace],
      ...['--queue-name', queue, '--name', ruleName(name), ...inSubscription(given)],
    ]
    if ((await az.read(rule('show'))) !== undefined) await az.write(rule('delete'))
  }
}

async function tellApi(given: Given, name: string, appId: string): Promise<number> {
  const { io, step, az, values } = given
  const path = `agents/${appId}/revoke`
  if (az.dryRun) {
    io.print(`would call the API: POST ${path}`)
    return exitCodes.done
  }
  const answer = await step('the API', async () => (await given.manage()).call('POST', path, { reason: values.reason })).catch((error) => ({
    status: faultWord(error),
  }))
  if (typeof answer.status === 'number' && answer.status < 300) {
    io.print(`${name} is revoked.${answer.status === 202 ? ' The keys it knew are being rolled: npm run admin -- status' : ''}`)
    return exitCodes.done
  }
  io.print(
    `Azure has let go of ${name}, but the API did not take it (${answer.status}): run this again, or npm run admin -- revoke-agent ${appId}`,
  )
  return exitCodes.failed
}

export const revokeAgent: TenantCommand = {
  usage: 'revoke-agent NAME',
  summary: 'takes away everything that enrol-agent gave, and tells the API',
  needs: 'as enrol-agent; and the role Writeback.Admin, unless --no-sign-in',
  flags: ['reason', 'no-sign-in'],
  run,
}
