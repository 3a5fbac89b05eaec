/**
 * `agentctl sas`: the two keys of a SAS rule, changed one after the other so that no reset fails.
 *
 * With --commands it shows what is done in Azure, where the same rule stands on each queue. With --new it is the agent's side:
 * a new connection string is proven (linked to all three queues, nothing sent or taken) and only then put in place of the old one. The
 * running agent reads the file again with its next connection: after five idle minutes, or when its token ends, within the hour.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { systemClock } from '../../shared/clock.ts'
import { localAuthority, openCredential, relaySettings } from '../compose.ts'
import { replace } from '../credential/files.ts'
import { type AgentSettings, fileVariable, isOpenToOthers, readSettings } from '../settings.ts'
import { isFailed } from './doctor/checks.ts'
import { checkBus } from './doctor/cloud.ts'
import { report } from './doctor/report.ts'
import { exitCodes, type Io, UsageError } from './program.ts'

const usage = `agentctl sas --commands --resource-group GROUP --namespace NAME --key primary|secondary [--rule NAME]
agentctl sas --settings FILE --new FILE

Changes the keys of this agent's SAS rule: first the one that is not in use, then every agent, then the other.

  --commands              show how a key is made anew in Azure, the same on each queue
  --resource-group GROUP  of the Service Bus namespace
  --namespace NAME        its name, without .servicebus.windows.net
  --rule NAME             the rule's name; agent if absent
  --key WHICH             primary or secondary: the one that no agent uses
  --settings FILE         the agent's settings file (or ${fileVariable} in the environment)
  --new FILE              a file with the new connection string: prove it, and put it in place of relay.connectionStringFile
  --dry-run               with --new: prove it alone
  --help                  this text
`

const options = {
  commands: { type: 'boolean' },
  'resource-group': { type: 'string' },
  namespace: { type: 'string' },
  rule: { type: 'string' },
  key: { type: 'string' },
  settings: { type: 'string' },
  new: { type: 'string' },
  'dry-run': { type: 'boolean' },
  help: { type: 'boolean' },
} as const

export async function run(args: readonly string[], io: Io): Promise<number> {
  const values = parsed(args)
  if (values.help) {
    io.print(usage)
    return exitCodes.done
  }
  if (values.commands) {
    const { 'resource-group': group = '', namespace = '', rule = 'agent', key = '' } = values
    for (const [name, text] of Object.entries({ 'resource-group': group, namespace, rule })) {
      // They become part of commands.
      if (!/^[\w.()-]{1,90}$/.test(text)) throw new UsageError(`--${name} is missing, or no name in Azure`)
    }
    if (key !== 'primary' && key !== 'secondary') throw new UsageError('--key must be primary or secondary')
    io.print(commands({ group, namespace, rule, key }).join('\n'))
    return exitCodes.done
  }
  const file = values.settings ?? process.env[fileVariable]
  if (file === undefined || values.new === undefined) throw new UsageError('--commands, or --settings and --new (agentctl sas --help)')
  return take(readSettings(file, process.env), values.new, values['dry-run'] ?? false, io)
}

const queues = ['requests', 'replies', 'events'] as const

/** One rule of one name and key on each queue: the agent has one connection string for all. For a POSIX shell. */
export function commands({
  group,
  namespace,
  rule,
  key,
}: {
  group: string
  namespace: string
  rule: string
  key: 'primary' | 'secondary'
}): string[] {
  const which = key === 'primary' ? 'PrimaryKey' : 'SecondaryKey'
  const renew = (queue: string) =>
    `az servicebus queue authorization-rule keys renew --resource-group '${group}' --namespace-name '${namespace}' --queue-name ${queue} --name '${rule}' --key ${which}`
  const [first, ...others] = queues
  return [
    '# 1. The key that no agent uses, made anew: by Azure for the first queue, the same for the others.',
    `key=$(${renew(first)} --query ${key}Key --output tsv)`,
    ...others.map((queue) => `${renew(queue)} --key-value "$key" --output none`),
    '',
    "# 2. The connection string, into a file of its owner's alone; to each agent, and there: agentctl sas --new FILE",
    `(umask 077; printf 'Endpoint=sb://${namespace}.servicebus.windows.net/;SharedAccessKeyName=${rule};SharedAccessKey=%s\\n' "$key" > service-bus.new)`,
    'unset key',
    '',
    '# 3. When every agent has taken it, delete the file. An hour later no link lives by the other key any more: then, if that is',
    `#    to end, too, once more from 1. with --key ${key === 'primary' ? 'secondary' : 'primary'}, and leave out 2.`,
  ]
}

/** Long enough for the SDK's own tries. */
const limitMs = 15_000

async function take(settings: AgentSettings, newFile: string, dryRun: boolean, io: Io): Promise<number> {
  const { connectionStringFile } = settings.relay
  if (connectionStringFile === undefined)
    throw new UsageError('this agent has no SAS key: it signs in with its own identity (relay.namespace)')
  const connectionString = readNew(newFile)
  const ca = localAuthority(settings)
  const relay = relaySettings(settings, openCredential(settings, ca), ca)
  const proven = await checkBus({
    relay: { ...relay, address: { kind: 'connectionString', connectionString } },
    clock: systemClock,
    limitMs,
  })
  report(proven, false, io)
  if (proven.some(isFailed)) {
    io.complain('The connection string was left as it was.')
    return exitCodes.failed
  }
  if (dryRun) return exitCodes.done
  await replace(connectionStringFile, `${connectionString}\n`)
  io.print(
    `${connectionStringFile} has the new one; delete ${newFile}. The running agent takes it with its next connection, within the hour.`,
  )
  return exitCodes.done
}

function readNew(file: string): string {
  try {
    if (!isOpenToOthers(file)) return readFileSync(file, 'utf8').trim()
  } catch {
    throw new UsageError('--new: the file cannot be read')
  }
  throw new UsageError('--new: the file must be readable by its owner alone (chmod 600)')
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options }).values
  } catch {
    throw new UsageError('an option is not known or lacks its value (agentctl sas --help)')
  }
}
