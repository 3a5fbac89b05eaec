/**
 * `npm run infra`: from arguments to one command, and from how it ended to an exit code.
 *
 * Exit codes: 0 done; 1 failed, and standard error says at which step; 64 wrong usage, or something is missing; nothing was changed.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Clock } from '../../shared/clock.ts'
import { faultWord, isFault } from '../../shared/fault.ts'
import { openManage } from '../../shared/manage.ts'
import { exitCodes, type Io, UsageError } from '../cli/command.ts'
import { AzFailed, openAz, type RunAz } from './az.ts'
import { flags, type Given, output, type TenantCommand, type Values } from './command.ts'
import { deployCommand, whatIfCommand } from './deploy.ts'
import { enrolAgent } from './enrol-agent.ts'
import { grantGraph } from './grant-graph.ts'
import { outputs } from './names.ts'
import { account } from './preflight.ts'
import { registerApp } from './register-app.ts'
import { revokeAgent } from './revoke-agent.ts'
import { openState, type StateFile } from './state.ts'
import { uninstall } from './uninstall.ts'
import { verify } from './verify.ts'

export const commands: Readonly<Record<string, TenantCommand>> = {
  'register-app': registerApp,
  'what-if': whatIfCommand,
  deploy: deployCommand,
  'grant-graph': grantGraph,
  'enrol-agent': enrolAgent,
  'revoke-agent': revokeAgent,
  verify,
  uninstall,
}

export const everywhere = ['environment', 'group', 'subscription', 'dry-run', 'help'] as const
const rows = (pairs: readonly (readonly [string, string])[]) => pairs.map(([left, right]) => `  ${left.padEnd(22)}${right}`).join('\n')
const flagRows = (names: readonly (keyof typeof flags)[]) => rows(names.map((name) => [`--${name}`, flags[name].meaning]))

export const usage = `npm run infra -- COMMAND [options]

${rows(Object.values(commands).map((command) => [command.usage, command.summary]))}
${rows([['compile', 'the templates by a real Bicep compiler, wherever one is to be had; needs no az (compile --help)']])}

${flagRows(everywhere)}

The others work through the az command, as whoever is signed in there, look before they make anything, and can be run again.
`

const helpOf = ({ usage, summary, needs, flags: own }: TenantCommand) =>
  `npm run infra -- ${usage}\n\n${summary}\nNeeds ${needs}.\n\n${flagRows([...own, ...everywhere])}\n`

function parse(args: readonly string[]) {
  const options = Object.fromEntries(Object.entries(flags).map(([name, { type }]) => [name, { type }]))
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

export interface World {
  /** Undefined: there is no az. */
  az: RunAz | undefined
  io: Io
  clock: Clock
  root: string
  stateFolder?: string
  /** For tests; else a person signs in at the API. */
  manage?: Given['manage']
}

export async function run(args: readonly string[], world: World): Promise<number> {
  const { io } = world
  const at = { step: '' }
  try {
    return await start(args, world, at)
  } catch (error) {
    if (error instanceof UsageError) {
      io.tell(`${error.message}\n\nnpm run infra -- --help shows what there is.`)
      return exitCodes.usage
    }
    const said = error instanceof AzFailed || isFault(error) ? error.message : error instanceof Error ? error.message : faultWord(error)
    io.tell(`Failed at "${at.step}": ${said}`)
    io.tell('What was done before is done. Run the same command again: it goes on from there.')
    return exitCodes.failed
  }
}

async function start(args: readonly string[], world: World, at: { step: string }): Promise<number> {
  const { io, clock, root } = world
  const { values, positionals } = parse(args)
  const [name = '', ...rest] = positionals
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (values['help'] || name === '') {
    io.print(command === undefined ? usage : helpOf(command))
    return values['help'] ? exitCodes.done : exitCodes.usage
  }
  if (command === undefined) throw new UsageError(`there is no command "${name}"`)
  const allowed: readonly string[] = [...everywhere, ...command.flags]
  const foreign = Object.keys(values).filter((flag) => !allowed.includes(flag))
  if (foreign.length > 0) throw new UsageError(`${name} knows no --${foreign.join(', --')}`)
  const environment = String(values['environment'] ?? flags.environment.default)
  if (!/^[a-z][a-z0-9]{1,11}$/.test(environment)) throw new UsageError('--environment must be 2 to 12 of a-z and 0-9')
  if (world.az === undefined) throw new UsageError('there is no az on the PATH: learn.microsoft.com/cli/azure/install-azure-cli')
  const dryRun = values['dry-run'] === true
  const state = openState(world.stateFolder ?? join(root, 'infra/.state'), environment)
  const given: Given = {
    az: openAz(world.az, { dryRun, io }),
    io,
    clock,
    state,
    root,
    values: { ...(values as Partial<Values>), environment },
    args: rest,
    async step(text, work) {
      at.step = text
      io.tell(`${name}: ${text}`)
      return work()
    },
    manage: world.manage ?? (() => manage(given)),
  }
  return command.run(given)
}

async function manage(given: Pick<Given, 'az' | 'values' | 'io' | 'clock'> & { state: StateFile }): ReturnType<Given['manage']> {
  const { state, io, clock } = given
  const { apps, outputs: known } = state.read()
  if (apps.api === undefined || apps.program === undefined)
    throw new UsageError('the API is not registered: run register-app, or say --no-sign-in')
  const { tenantId } = await account(given)
  const url = output({ outputs: known }, outputs.url)
  return openManage({ url, tenantId, clientId: apps.program.appId, api: `api://${apps.api.appId}`, prompt: io.tell, clock })
}
