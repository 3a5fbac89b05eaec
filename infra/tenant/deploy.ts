/**
 * `what-if` and `deploy`: infra/main.bicep with infra/params/ENV.bicepparam, and then the built function app.
 *
 * Order: what is missing, validate, what-if, a question, create, the app. Azure makes only what is not there as the templates
 * say, so a deployment that broke off is run again. Secrets (the mail relay's) are read by the parameter file from the
 * environment and never stand on a command line.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exitCodes, UsageError } from '../cli/command.ts'
import type { Json } from './az.ts'
import { type Given, groupOf, inSubscription, output, type TenantCommand } from './command.ts'
import { deploymentName, outputs, parameters } from './names.ts'
import { account, preflight } from './preflight.ts'
import { adminClients } from './register-app.ts'
import { zipFolder } from './zip.ts'

export const template = 'infra/main.bicep'
const built = 'dist/functions-package'
const parametersOf = (environment: string) => `infra/params/${environment}.bicepparam`

/** Arguments of validate, what-if and create alike. */
function deployment(given: Given, verb: string): string[] {
  const { values, root, state } = given
  const { environment, location = '' } = values
  const { apps } = state.read()
  const more: Record<string, string> = {
    [parameters.environment]: environment,
    [parameters.location]: location,
    ...(apps.api && { [parameters.adminAudience]: JSON.stringify([apps.api.appId, `api://${apps.api.appId}`]) }),
    ...(apps.api && apps.program && { [parameters.adminClientIds]: JSON.stringify(adminClients(apps)) }),
  }
  return [
    ...['deployment', 'group', verb, '--name', deploymentName(environment), '--resource-group', groupOf(values)],
    ...['--template-file', join(root, template), '--parameters', join(root, parametersOf(environment))],
    ...Object.entries(more).map(([name, value]) => `${name}=${value}`),
    ...inSubscription(given),
  ]
}

const group = ({ values }: Given, verb: string): string[] => ['group', verb, '--name', groupOf(values), ...inSubscription({ values })]

/** The resource group is looked at first, for without one there is nothing to compare with. */
async function looked(given: Given, files: readonly string[] = []): Promise<'missing' | 'noGroup' | 'compared'> {
  const { io, az, step, values } = given
  const signedIn = await step('who is signed in', () => account(given))
  const there: Json = await step('the resource group', () => az.read(group(given, 'show')))
  const ground = { account: signedIn, scope: there?.id ?? `/subscriptions/${signedIn.id}` }
  const missing = await step('what is missing', () => preflight(given, ground, [template, parametersOf(values.environment), ...files]))
  if (missing.length > 0) {
    io.tell(`Nothing was made; missing:\n${missing.map((each) => `  ${each}`).join('\n')}`)
    return 'missing'
  }
  if (there === undefined) {
    io.print(`The resource group ${groupOf(values)} is not there yet: deploy makes it, and everything in it.`)
    return 'noGroup'
  }
  await compare(given)
  return 'compared'
}

async function compare(given: Given): Promise<void> {
  const { io, az, step } = given
  await step('validate', () => az.read(deployment(given, 'validate')))
  const { changes = [] } = (await step('what-if', () => az.read([...deployment(given, 'what-if'), '--no-pretty-print']))) ?? {}
  const shown = changes.filter(({ changeType }: Json) => changeType !== 'NoChange' && changeType !== 'Ignore')
  io.print(shown.length === 0 ? 'No changes.' : shown.map(changeText).join('\n'))
}

const changeText = ({ changeType, resourceId }: Json): string => `  ${String(changeType).padEnd(12)}${resourceId}`

const whatIf: TenantCommand['run'] = async (given) => ((await looked(given)) === 'missing' ? exitCodes.failed : exitCodes.done)

async function deploy(given: Given): Promise<number> {
  const { io, az, step, state, values } = given
  const found = await looked(given, [built])
  if (found === 'missing') return exitCodes.failed
  if (found === 'noGroup') {
    if (!(await confirmed(given, 'make the resource group'))) return exitCodes.failed
    await step('the resource group', () => az.write([...group(given, 'create'), '--location', values.location ?? '']))
    if (!az.dryRun) await compare(given)
  }
  if (!(await confirmed(given, 'make these changes'))) return exitCodes.failed
  const made = await step('deploy (some 10 minutes the first time)', () => az.write(deployment(given, 'create')))
  if (made !== undefined) {
    const told = Object.entries(made.properties?.outputs ?? {}).map(([name, each]) => [name, String((each as Json)?.value)] as const)
    state.change((current) => {
      current.outputs = Object.fromEntries(told)
    })
  }
  await step('the function app', () => upload(given))
  io.print('Deployed. Next: grant-graph, and enrol-agent NAME for each agent.')
  return exitCodes.done
}

async function confirmed({ io, az, values }: Given, what: string): Promise<boolean> {
  if (values.yes || az.dryRun) return true
  if (io.ask === undefined) throw new UsageError('deploy asks before it acts; without a terminal say --yes')
  if ((await io.ask(`Type "deploy" to ${what}: `)).trim() === 'deploy') return true
  io.tell('Nothing was made.')
  return false
}

/** Always anew: which code runs there is not to be found out from here. */
async function upload(given: Given): Promise<void> {
  const { az, state, root, values } = given
  const known = state.read()
  const app = az.dryRun ? (known.outputs[outputs.functionApp] ?? 'APP') : output(known, outputs.functionApp)
  const folder = mkdtempSync(join(tmpdir(), 'infra-'))
  try {
    const file = join(folder, 'app.zip')
    if (!az.dryRun) zipFolder(join(root, built), file)
    await az.write([
      ...['functionapp', 'deployment', 'source', 'config-zip', '--resource-group', groupOf(values), '--name', app, '--src', file],
      ...inSubscription(given),
    ])
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const needs =
  'Azure: Owner of the resource group (of the subscription, if that is still to be made), or Contributor and User Access Administrator'
export const whatIfCommand: TenantCommand = {
  usage: 'what-if',
  summary: 'what is missing, and what deploy would change',
  needs,
  flags: ['location'],
  run: whatIf,
}
export const deployCommand: TenantCommand = {
  usage: 'deploy',
  summary: 'the resources in Azure, and the function app that npm run build made',
  needs,
  flags: ['location', 'yes'],
  run: deploy,
}
