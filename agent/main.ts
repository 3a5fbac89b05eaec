/**
 * The service's entry: arguments, settings, exit codes. What runs is run.ts.
 *
 * Exit codes (docs/operating.md): 0 stopped when asked; 64 wrong usage; 70 internal error; 74 the journal cannot be
 * written; 78 the settings are not usable. A supervisor restarts the agent after 70 and 74.
 */
import { parseArgs } from 'node:util'
import packageJson from '../package.json' with { type: 'json' }
import { faultWord, isFault } from '../shared/fault.ts'
import { parts, run } from './run.ts'
import { fileVariable, readSettings } from './settings.ts'

const usage = `password-writeback agent ${packageJson.version}

  --settings FILE   the settings file (or ${fileVariable} in the environment)
  --help            this text

Single settings can be overridden: AGENT_RELAY_TRANSPORT=tcp sets relay.transport.
`

const exitCodes = { stopped: 0, usage: 64, internal: 70, journal: 74, settings: 78 } as const

async function main(): Promise<number> {
  const values = readArguments()
  const file = values?.settings ?? process.env[fileVariable]
  if (values === undefined || values.help || file === undefined) {
    process.stdout.write(usage)
    return values?.help ? exitCodes.stopped : exitCodes.usage
  }
  await run(readSettings(file, process.env), parts)
  return exitCodes.stopped
}

function readArguments() {
  try {
    return parseArgs({ options: { settings: { type: 'string' }, help: { type: 'boolean' } } }).values
  } catch {
    return undefined
  }
}

/** Settings are explained; anything else is a word and where it happened: a message may hold what must not be printed. */
function explain(error: unknown): string {
  if (isFault(error, 'SETTINGS_INVALID')) return error.message
  const frames = error instanceof Error ? (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)) : []
  return [faultWord(error), ...frames].join('\n')
}

function report(error: unknown): number {
  process.stderr.write(`${explain(error)}\n`)
  return isFault(error, 'JOURNAL_FAILED') ? exitCodes.journal : isFault(error) && error.permanent ? exitCodes.settings : exitCodes.internal
}

// What ships is CommonJS, which has no top-level await. Should nothing be left that could wake `main`, that is a failure.
process.exitCode = exitCodes.internal
// What nobody caught (the SDK has thrown from a timer, azure-sdk-for-js #20569) ends the agent too, and says no more than the rest.
process.on('uncaughtException', (error) => process.exit(report(error)))
// Exits by itself: sockets of a broker that does not say goodbye must not keep a stopped agent alive.
void main()
  .catch(report)
  .then((code) => process.exit(code))
