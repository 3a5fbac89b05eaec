/**
 * `npm run admin`: from arguments and environment to one command, and from how it ended to an exit code.
 *
 * Exit codes: 0 done; 1 failed or refused; 64 wrong usage, nothing was contacted; 75 still under way; 77 not signed in or not permitted.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Clock } from '../../shared/clock.ts'
import { faultWord, isFault } from '../../shared/fault.ts'
import { type ManageOptions, openManage } from '../../shared/manage.ts'
import { changes } from './changes.ts'
import { type Command, exitCodes, filters, type Io, UsageError } from './command.ts'
import { policy } from './policy.ts'
import { reads } from './reads.ts'
import { users } from './users.ts'

export const commands: Readonly<Record<string, Command>> = { ...reads, users, ...changes, policy }

/** Where the API is and who signs in; a flag, or the variable. */
export const connection = {
  url: { variable: 'WRITEBACK_URL', meaning: 'the function app: https://reset.example.com' },
  tenant: { variable: 'WRITEBACK_TENANT', meaning: 'GUID of the Entra tenant' },
  'client-id': { variable: 'WRITEBACK_CLIENT_ID', meaning: 'client id of this program’s registration' },
  api: { variable: 'WRITEBACK_API', meaning: 'App ID URI of the API’s registration' },
  authority: { variable: 'WRITEBACK_AUTHORITY', meaning: 'where to sign in, if not at login.microsoftonline.com' },
  'ca-file': { variable: 'WRITEBACK_CA_FILE', meaning: 'PEM of an authority for the sign-in; for the local system' },
} as const

const rows = (pairs: readonly (readonly [string, string])[]) => pairs.map(([left, right]) => `  ${left.padEnd(40)}${right}`).join('\n')

export const usage = `npm run admin -- COMMAND [options]

${rows(Object.values(commands).map((command) => [command.usage, command.summary]))}

${rows(Object.entries(connection).map(([flag, { variable, meaning }]) => [`--${flag}, ${variable}`, meaning]))}

  --json      answers as JSON
  --yes       do not ask before disable, incident and revoke-agent
  --no-wait   do not follow what takes longer than an answer
  --help      this text

You sign in with a browser: the command shows an address and a code.
Exit codes: 0 done; 1 failed or refused; 64 wrong usage; 75 still under way; 77 not signed in or not permitted.
`

const flag = { type: 'boolean', default: false } as const
const text = { type: 'string' } as const
function named<N extends string, V>(names: readonly N[], value: V): Record<N, V> {
  return Object.fromEntries(names.map((name) => [name, value])) as Record<N, V>
}
const options = {
  reason: text,
  before: text,
  ...named(filters, text),
  format: text,
  keep: flag,
  head: text,
  override: flag,
  yes: flag,
  json: flag,
  'no-wait': flag,
  help: flag,
  ...named(Object.keys(connection) as (keyof typeof connection)[], text),
} as const

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}
type Values = ReturnType<typeof parse>['values']

function connectionOf(values: Values, environment: NodeJS.ProcessEnv): Omit<ManageOptions, 'prompt' | 'clock'> {
  const found = (name: keyof typeof connection) => values[name] ?? (environment[connection[name].variable] || undefined)
  const missing = (['url', 'tenant', 'client-id', 'api'] as const).filter((name) => found(name) === undefined)
  if (missing.length > 0) throw new UsageError(missing.map((name) => `--${name} or ${connection[name].variable} is missing`).join('\n'))
  const [url = '', tenantId = '', clientId = '', api = ''] = (['url', 'tenant', 'client-id', 'api'] as const).map(found)
  if (!URL.canParse(url)) throw new UsageError('--url is no address')
  const [authority, caFile] = [found('authority'), found('ca-file')]
  return { url, tenantId, clientId, api, ...(authority && { authority }), ...(caFile && { ca: readFileSync(caFile, 'utf8') }) }
}

export async function run(args: readonly string[], environment: NodeJS.ProcessEnv, io: Io, clock: Clock): Promise<number> {
  try {
    return await start(args, environment, io, clock)
  } catch (error) {
    if (error instanceof UsageError) {
      io.tell(`${error.message}\n\nnpm run admin -- --help shows what there is.`)
      return exitCodes.usage
    }
    io.tell(`Failed: ${isFault(error) ? error.message : faultWord(error)}`)
    return isFault(error, 'SIGN_IN_FAILED') ? exitCodes.notPermitted : exitCodes.failed
  }
}

async function start(args: readonly string[], environment: NodeJS.ProcessEnv, io: Io, clock: Clock): Promise<number> {
  const { values, positionals } = parse(args)
  const [name = '', ...rest] = positionals
  if (values.help || name === '') {
    io.print(usage)
    return values.help ? exitCodes.done : exitCodes.usage
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) throw new UsageError(`there is no command "${name}"`)
  const manage = openManage({ ...connectionOf(values, environment), prompt: io.tell, clock })
  const { reason, before, head, override, yes, json, format, keep } = values
  const filter = Object.fromEntries(filters.map((name) => [name, values[name]]))
  return command.run({
    manage,
    io,
    clock,
    args: rest,
    reason,
    before,
    filter,
    format,
    keep,
    head,
    override,
    yes,
    json,
    wait: !values['no-wait'],
  })
}
