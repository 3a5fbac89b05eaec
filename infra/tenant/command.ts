/** What every command of `npm run infra` is given, and the questions they share. */

import type { Clock } from '../../shared/clock.ts'
import type { Manage } from '../../shared/manage.ts'
import { type Io, UsageError } from '../cli/command.ts'
import type { Az } from './az.ts'
import type { State, StateFile } from './state.ts'

export const flags = {
  environment: { type: 'string', default: 'dev', meaning: 'dev, prod or another: the names and infra/params/ENV.bicepparam' },
  subscription: { type: 'string', meaning: 'its id, if not the one az is set to' },
  group: { type: 'string', meaning: 'resource group, if not rg-password-writeback-ENV' },
  location: { type: 'string', meaning: 'region, such as westeurope' },
  'page-url': { type: 'string', meaning: 'register-app: where the page for administrators is, to come back to after the sign-in' },
  sas: { type: 'boolean', meaning: 'enrol-agent: also a SAS rule on each queue, and its connection string in --out' },
  out: { type: 'string', meaning: 'enrol-agent --sas: the new file for the connection string' },
  optional: { type: 'string', meaning: 'grant-graph: further permissions of Graph, separated by commas' },
  user: { type: 'string', meaning: 'verify: user principal name of a TEST user, whose password is then reset' },
  'no-sign-in': { type: 'boolean', meaning: 'verify, revoke-agent: leave out what takes an administrator of the API' },
  reason: { type: 'string', meaning: 'revoke-agent: why; it is kept' },
  'with-vault': { type: 'boolean', meaning: 'uninstall: the vault and the resource group, too' },
  yes: { type: 'boolean', meaning: 'deploy: do not ask after what-if' },
  'dry-run': { type: 'boolean', meaning: 'look, and show what would be called, and change nothing' },
  help: { type: 'boolean', meaning: 'this text; with a command, about it' },
} as const

export interface Values {
  environment: string
  subscription?: string
  group?: string
  location?: string
  'page-url'?: string
  sas?: boolean
  out?: string
  optional?: string
  user?: string
  'no-sign-in'?: boolean
  reason?: string
  'with-vault'?: boolean
  yes?: boolean
}

export interface Given {
  az: Az
  io: Io
  clock: Clock
  state: StateFile
  values: Values
  /** Arguments after the command's name. */
  args: readonly string[]
  /** Says what is done now; if it fails, the person is told at which step. */
  step<T>(text: string, work: () => Promise<T>): Promise<T>
  /** The administrators' API of this deployment; a person signs in. */
  manage(): Promise<Manage>
  /** Folder of the product: templates, and what `npm run build` made. */
  root: string
}

export interface TenantCommand {
  /** As it is typed, arguments in capitals. */
  usage: string
  summary: string
  /** What the person who runs it must be allowed to do. */
  needs: string
  /** Flags beyond those of all commands. */
  flags: readonly (keyof typeof flags)[]
  run(given: Given): Promise<number>
}

/** `--subscription ID`, where one was named. */
export const inSubscription = ({ values }: Pick<Given, 'values'>): string[] =>
  values.subscription === undefined ? [] : ['--subscription', values.subscription]

export const groupOf = ({ group, environment }: Pick<Values, 'group' | 'environment'>): string =>
  group ?? `rg-password-writeback-${environment}`

export const outputIfKnown = ({ outputs }: Pick<State, 'outputs'>, name: string): string | undefined => outputs[name]

export function output(state: Pick<State, 'outputs'>, name: string): string {
  const value = state.outputs[name]
  if (value === undefined) throw new UsageError(`nothing is known of a deployment ("${name}"): run deploy first`)
  return value
}

/** A name that is part of names in Azure, of files and of commands. */
export function agentName(args: readonly string[]): string {
  const [name = ''] = args
  if (!/^[a-z0-9](?:[a-z0-9-]{0,28}[a-z0-9])?$/.test(name))
    throw new UsageError('the agent needs a name: 1 to 30 of a-z, 0-9 and hyphens inside')
  return name
}
