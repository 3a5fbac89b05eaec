/**
 * `agentctl configure`: the wizard that sets up an agent, from nothing or from the settings that are there, to "password
 * writeback is on". Every answer can stand on the command line; with --yes nothing is asked.
 *
 * Run it as the account the agent runs as, or as root. Until "Configure" is chosen nothing is written.
 */
import { dirname, resolve } from 'node:path'
import { fileVariable } from '../settings.ts'
import type { Draft } from './configure/draft.ts'
import { applyEdits } from './configure/edits.ts'
import { parseFlags } from './configure/flags.ts'
import { openAdministrator, openAnswers, withDefaults } from './configure/open-answers.ts'
import { problemOfReason } from './configure/page-features.ts'
import { forestsThere } from './configure/page-filtering.ts'
import { problemOf } from './configure/questions.ts'
import { readIfThere } from './configure/save.ts'
import { parseUrl } from './configure/service.ts'
import { isJson, type Json } from './configure/settings-edit.ts'
import { describe } from './configure/summary.ts'
import { usage } from './configure/usage.ts'
import { exitCodes, type Io, UsageError } from './program.ts'

type Flags = ReturnType<typeof parseFlags>

export async function run(args: readonly string[], io: Io): Promise<number> {
  const flags = parseFlags(args)
  if (flags.help) {
    io.print(usage)
    return exitCodes.done
  }
  const file = resolve(flags.settings ?? process.env[fileVariable] ?? defaultFile)
  const found = await readIfThere(file)
  const start = draftFrom(found, flags)
  if (flags.view) {
    io.print(flags.json ? JSON.stringify(start.settings) : describe(start.settings).join('\n'))
    return exitCodes.done
  }
  const place = { file, folder: dirname(file), found, io }
  if (flags.yes) {
    const draft = completed(start, place.folder)
    return (await import('./configure/session.ts')).unasked(draft, flags, place)
  }
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true)
    throw new UsageError('no terminal to ask on: give every answer as an option, and --yes (agentctl configure --help)')
  return (await import('./configure/session.ts')).asked(start, place)
}

/** @throws UsageError that lists every answer that is missing. */
function completed(start: Draft, folder: string): Draft {
  const draft = { ...start, settings: withDefaults(start.settings, folder, start.forestsThere) }
  const open = [...openAnswers(draft), ...openAdministrator(draft)]
  if (open.length > 0) throw new UsageError(`not every answer is there:\n  ${open.join('\n  ')}`)
  return draft
}

const defaultFile = process.platform === 'win32' ? 'C:\\ProgramData\\password-writeback\\agent.json' : '/etc/password-writeback/agent.json'

function draftFrom(found: string | undefined, flags: Flags): Draft {
  const { edits, writeback, reason } = flags
  const before = found === undefined ? {} : jsonIn(found)
  const { settings, problems } = applyEdits(before, edits)
  const all = [...problems, ...problemsOf(flags)]
  if (all.length > 0) throw new UsageError(`${all.join('\n')}\n(agentctl configure --help)`)
  const wish = writeback === 'on' || writeback === 'off' ? writeback : 'asItIs'
  const variables = process.env // as `npm run admin` takes them
  const administrator = {
    url: flags['app-url'] ?? variables['WRITEBACK_URL'],
    api: flags.api ?? variables['WRITEBACK_API'],
    client: flags['admin-client'] ?? variables['WRITEBACK_CLIENT_ID'],
  }
  const register = flags.register ?? false
  const told = { reason: reason ?? 'agentctl configure', administrator, register }
  return { settings, forestsThere: forestsThere(before), passwords: new Map(), writeback: wish, ...told }
}

function problemsOf({ writeback, reason, 'app-url': url }: Flags): string[] {
  const why = reason === undefined ? undefined : problemOfReason(reason)
  const address = url === undefined ? undefined : problemOf(parseUrl(url))
  return [
    ...(writeback === undefined || writeback === 'on' || writeback === 'off' ? [] : ['--writeback: must be on or off']),
    ...(why === undefined ? [] : [`--reason: ${why}`]),
    ...(address === undefined ? [] : [`--app-url: ${address}`]),
  ]
}

function jsonIn(text: string): Json {
  try {
    const settings: unknown = JSON.parse(text)
    if (isJson(settings)) return settings
  } catch {}
  throw new UsageError('the settings file is there, but is not valid JSON: correct it, or move it away')
}
