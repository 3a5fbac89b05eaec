/**
 * `uninstall`: everything away but the vault, which may still be wanted: its audit, or another try under the same names. The name of
 * the resource group has to be typed. Each resource is one call, looked up before, so that a run that broke off is run again.
 *
 * --with-vault also takes the lock, the custom roles and the resource group. The vault then is "deleted, not purged" for 90 days (purge
 * protection), its name is taken so long, and nobody can shorten that.
 */
import { exitCodes, UsageError } from '../cli/command.ts'
import type { Json } from './az.ts'
import { type Given, groupOf, inSubscription, type TenantCommand } from './command.ts'
import { agentApplication } from './enrol-agent.ts'
import { get, send } from './graph.ts'
import { uniqueName } from './names.ts'

/**
 * What hangs on something goes before it: children before parents, alerts before their receivers, the site before certificate and
 * plan, what sends mails before its domain, everything before its log.
 */
const last = ['certificates', 'serverfarms', 'actiongroups', 'userassignedidentities', 'storageaccounts', 'components', 'workspaces']
const rank = ({ type }: Json): number => {
  const [, ...path] = String(type).toLowerCase().split('/')
  return path[0] === 'emailservices' ? last.length - path.length : last.indexOf(path.at(-1) ?? '')
}
const isVault = ({ type }: Json): boolean => String(type).toLowerCase() === 'microsoft.keyvault/vaults'
const list = (value: unknown): Json[] => (Array.isArray(value) ? value : [])

async function run(given: Given): Promise<number> {
  const { io, step, values, az, state } = given
  const group = groupOf(values)
  const found = await step('what is there', () => az.read(['resource', 'list', '--resource-group', group, ...inSubscription(given)]))
  const going = list(found).filter((each) => values['with-vault'] || !isVault(each))
  io.print(`${going.length} resource(s) of ${group}:\n${going.map(({ type, name }) => `  ${type}  ${name}`).join('\n')}`)
  if (!az.dryRun && !(await confirmed(given, group))) return exitCodes.failed
  if (values['with-vault']) await takeGroup(given, group)
  else
    for (const { id, name } of going.sort((one, other) => rank(one) - rank(other)))
      await step(`${name}`, () => az.write(['resource', 'delete', '--ids', id, ...inSubscription(given)]))
  const agents = Object.keys(state.read().agents).map((name) => agentApplication(values.environment, name))
  for (const name of [...agents, ...['page', 'program', 'api'].map((what) => uniqueName(values.environment, what))])
    await step(`application ${name}`, () => takeApplication(given, name))
  if (!az.dryRun)
    state.change((current) => {
      Object.assign(current, { apps: {}, outputs: {}, agents: {} })
    })
  io.print(
    values['with-vault'] ? 'Gone; the name of the vault stays taken for 90 days.' : 'Gone, but for the vault and the roles at its keys.',
  )
  return exitCodes.done
}

async function confirmed({ io }: Given, group: string): Promise<boolean> {
  if (io.ask === undefined) throw new UsageError('uninstall asks for the name of the resource group: it needs a terminal')
  if ((await io.ask(`Nobody can reset a password any more. Type "${group}" to delete all this: `)).trim() === group) return true
  io.tell('Nothing was deleted.')
  return false
}

/** Roles first: they outlive their group, and none is deleted as long as somebody has it. */
async function takeGroup(given: Given, group: string): Promise<void> {
  const { az, step } = given
  const there = await az.read(['group', 'show', '--name', group, ...inSubscription(given)])
  if (there === undefined) return
  const locks = list(await az.read(['lock', 'list', '--resource-group', group, ...inSubscription(given)]))
  for (const { id, name } of locks) await step(`lock ${name}`, () => az.write(['lock', 'delete', '--ids', id]))
  const custom = ['role', 'definition', 'list', '--custom-role-only', 'true', '--resource-group', group, ...inSubscription(given)]
  const roles = list(await az.read(custom)).filter(({ assignableScopes }) =>
    list(assignableScopes).every((scope) => String(scope).toLowerCase() === String(there.id).toLowerCase()),
  )
  for (const { id, name, roleName } of roles) {
    await step(`role ${roleName}`, async () => {
      const held = list(await az.read(['role', 'assignment', 'list', '--all', '--role', name, ...inSubscription(given)]))
      if (held.length > 0) await az.write(['role', 'assignment', 'delete', '--ids', ...held.map((each) => each.id)])
      await az.write(['rest', '--method', 'DELETE', '--url', `https://management.azure.com${id}?api-version=2022-04-01`])
    })
  }
  await step(`the group ${group}`, () => az.write(['group', 'delete', '--name', group, '--yes', ...inSubscription(given)]))
}

async function takeApplication(given: Given, name: string): Promise<void> {
  const found = await get(given.az, `/applications(uniqueName='${name}')`)
  if (found !== undefined) await send(given, 'DELETE', `/applications/${found.id}`)
}

export const uninstall: TenantCommand = {
  usage: 'uninstall',
  summary: 'everything away but the vault; asks for the name, typed',
  needs: 'as deploy; Entra ID: owner of the applications, or Application Administrator',
  flags: ['with-vault'],
  run,
}
