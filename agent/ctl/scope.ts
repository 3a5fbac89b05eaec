/**
 * `agentctl scope`: everybody the agent's synchronization rules hold, one line an account, and what a request would come to.
 *
 * Reads with the agent's own settings and account, and changes nothing. The report is the administrator's own: it shows names.
 * It does not go through `Io`, which knows no back-pressure (scope-sink.ts). Ctrl-C leaves no half of a file behind.
 */
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { isFault } from '../../shared/fault.ts'
import { type AgentSettings, fileVariable, readSettings } from '../settings.ts'
import { exitCodes, type Io, UsageError } from './program.ts'
import { type Format, formats, headOf, textOf } from './scope-format.ts'
import { type Status, statuses } from './scope-line.ts'
import { type Report, report } from './scope-report.ts'
import { fileSink, type Sink, streamSink } from './scope-sink.ts'

const usage = `agentctl scope [options]

Lists everybody the synchronization rules hold: rule, forest, domain, DN, names, source anchor, status and detail. Changes
nothing.

  --settings FILE        the agent's settings; without it ${fileVariable} names them
  --all                  also the rules that are switched off
  --only STATUS          only these lines; may be repeated
  --format csv|json      CSV (the default), or one JSON object a line, in which every text is exact
  --out FILE             into a file of its owner's alone, in place of standard output
  --help                 this text

Statuses, of which the first that holds is shown:

${Object.entries(statuses)
  .map(([name, meaning]) => `  ${name.padEnd(14)}${meaning}`)
  .join('\n')}

Exit codes: 0 all rules were read; 1 one was not, or the report was interrupted.
`

const options = {
  settings: { type: 'string' },
  all: { type: 'boolean' },
  only: { type: 'string', multiple: true },
  format: { type: 'string' },
  out: { type: 'string' },
  help: { type: 'boolean' },
} as const

interface Choice {
  settings: AgentSettings
  all: boolean
  only: ReadonlySet<string>
  format: Format
  out: string | undefined
}

export async function run(args: readonly string[], io: Io): Promise<number> {
  const choice = readArguments(args)
  if (choice === 'help') {
    io.print(usage)
    return exitCodes.done
  }
  // A page is garbage a moment later; V8 would make 100 MB of room for it rather than collect (docs/performance.md).
  setFlagsFromString('--optimize-for-size')
  const stop = new AbortController()
  const interrupt = () => stop.abort()
  for (const signal of signals) process.once(signal, interrupt)
  try {
    const sink = choice.out === undefined ? streamSink(process.stdout, stop.signal) : await fileSink(choice.out)
    return await write(choice, sink, stop.signal, io)
  } finally {
    for (const signal of signals) process.off(signal, interrupt)
  }
}

const signals = ['SIGINT', 'SIGTERM'] as const

async function write({ settings, all, only, format }: Choice, sink: Sink, signal: AbortSignal, io: Io): Promise<number> {
  const ticker = openTicker()
  try {
    await sink.write(headOf(format))
    const result = await report({
      settings,
      all,
      signal,
      progress: ticker.show,
      async write(lines) {
        const shown = lines.filter(({ status }) => only.size === 0 || only.has(status))
        if (shown.length > 0) await sink.write(shown.map((line) => textOf(line, format)).join(''))
      },
    })
    await sink.finish()
    ticker.clear()
    io.complain(summaryOf(result))
    return result.missing.length === 0 ? exitCodes.done : exitCodes.failed
  } catch (error) {
    await sink.discard()
    ticker.clear()
    if (!signal.aborted && !isBrokenPipe(error)) throw error
    io.complain('Interrupted: the report is not complete.')
    return exitCodes.failed
  }
}

const isBrokenPipe = (error: unknown) => error instanceof Error && 'code' in error && error.code === 'EPIPE'

function openTicker(): { show(accounts: number): void; clear(): void } {
  const { stderr } = process
  if (!stderr.isTTY) return { show: () => undefined, clear: () => undefined }
  return {
    show: (accounts) => void stderr.write(`\r${accounts} accounts read`),
    clear: () => void stderr.write('\r\u001b[K'),
  }
}

function summaryOf({ counts, missing }: Report): string {
  const sum = [...counts.values()].reduce((all, count) => all + count, 0)
  const names = Object.keys(statuses) as Status[]
  return [
    ...names.flatMap((name) => (counts.has(name) ? [`${name.padEnd(14)}${counts.get(name)}`] : [])),
    `${'all'.padEnd(14)}${sum}`,
    ...missing.map(({ rule, why }) => `Not read: rule ${rule.name}, forest ${rule.forest}: ${why}`),
    ...(missing.length > 0 ? ['What is not read takes no part: who is ambiguous or outranked by it is not known.'] : []),
  ].join('\n')
}

function readArguments(args: readonly string[]): Choice | 'help' {
  const { help, settings = process.env[fileVariable], all = false, only = [], format = 'csv', out } = parsed(args)
  if (help) return 'help'
  if (settings === undefined) throw new UsageError(`--settings FILE or ${fileVariable} is needed (agentctl scope --help)`)
  const known = formats.find((each) => each === format)
  if (known === undefined) throw new UsageError('--format must be csv or json')
  if (!only.every((status) => Object.hasOwn(statuses, status))) {
    throw new UsageError(`--only must be one of ${Object.keys(statuses).join(', ')}`)
  }
  return { settings: settingsIn(settings), all, only: new Set(only), format: known, out }
}

function settingsIn(path: string): AgentSettings {
  try {
    return readSettings(path, process.env)
  } catch (error) {
    if (isFault(error, 'SETTINGS_INVALID')) throw new UsageError(error.message)
    throw error
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options }).values
  } catch {
    throw new UsageError('an option is not known or lacks its value (agentctl scope --help)')
  }
}
