/**
 * `agentctl configure`: the wizard that sets up an agent, from nothing or from the settings that are there, to "password
 * writeback is on". Every answer can stand on the command line; with --yes nothing is asked.
 *
 * Run it as the account the agent runs as, or as root. Until "Configure" is chosen nothing is written.
 */
import { dirname, resolve } from 'node:path'
import { systemClock } from '../../shared/clock.ts'
import { fileVariable } from '../settings.ts'
import { Cancelled, type Teller } from './configure/ask.ts'
import { carryOut, type Result } from './configure/carry-out.ts'
import type { Draft } from './configure/draft.ts'
import { applyEdits } from './configure/edits.ts'
import { parseFlags } from './configure/flags.ts'
import { makeCredential } from './configure/make-credential.ts'
import { openAdministrator, openAnswers, withDefaults } from './configure/open-answers.ts'
import { problemOfReason } from './configure/page-features.ts'
import { serviceFor } from './configure/page-sign-in.ts'
import { problemOf } from './configure/questions.ts'
import { readIfThere } from './configure/save.ts'
import { parseUrl } from './configure/service.ts'
import { isJson, type Json } from './configure/settings-edit.ts'
import { describe } from './configure/summary.ts'
import { openTrials } from './configure/trial.ts'
import { usage } from './configure/usage.ts'
import { walk } from './configure/wizard.ts'
import { isFailed } from './doctor/checks.ts'
import { reportLines } from './doctor/report.ts'
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
  return flags.yes ? unasked(start, flags, place) : asked(start, place)
}

const defaultFile = process.platform === 'win32' ? 'C:\\ProgramData\\password-writeback\\agent.json' : '/etc/password-writeback/agent.json'

interface Place {
  file: string
  folder: string
  found: string | undefined
  io: Io
}

function draftFrom(found: string | undefined, flags: Flags): Draft {
  const { edits, writeback, reason } = flags
  const { settings, problems } = applyEdits(found === undefined ? {} : jsonIn(found), edits)
  const all = [...problems, ...problemsOf(flags)]
  if (all.length > 0) throw new UsageError(`${all.join('\n')}\n(agentctl configure --help)`)
  const wish = writeback === 'on' || writeback === 'off' ? writeback : 'asItIs'
  const administrator = { url: flags['app-url'], api: flags.api, client: flags['admin-client'] }
  const register = flags.register ?? false
  return { settings, passwords: new Map(), writeback: wish, reason: reason ?? 'agentctl configure', administrator, register }
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

async function asked(start: Draft, place: Place): Promise<number> {
  const { file, folder, found, io } = place
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true)
    throw new UsageError('no terminal to ask on: give every answer as an option, and --yes (agentctl configure --help)')
  const { prompts } = await import('./configure/prompts.ts')
  const kit = { ask: prompts, trials: openTrials(systemClock), clock: systemClock, folder, colour: io.colour }
  const draft = await walk(start, kit, { settings: file, exists: found !== undefined }).catch(unlessCancelled)
  if (draft === undefined || draft === 'cancelled') {
    prompts.step(draft === undefined ? 'Nothing was changed.' : 'Cancelled. Nothing was changed.')
    return draft === undefined ? exitCodes.done : exitCodes.failed
  }
  const agrees = async (question: string) => (await prompts.choose(question, noYes).catch(unlessCancelled)) === 'yes'
  const work = workOf(place, prompts)
  const result = await carryOut(draft, {
    ...work,
    goOn: () => agrees('Something failed. Go on all the same, and switch password writeback?'),
    makeCredential: async (made, certificate) =>
      (await work.makeCredential(made, certificate)) && (made.register || agrees('Has the certificate been registered?')),
  })
  const code = codeOf(result)
  prompts.note('Result', resultLines(result, code === exitCodes.done))
  return code
}

function unlessCancelled(error: unknown): 'cancelled' {
  if (error instanceof Cancelled) return 'cancelled'
  throw error
}

const writebackWords: Readonly<Record<Result['writeback'], string>> = {
  on: 'Password writeback is on.',
  off: 'Password writeback is off.',
  asItIs: 'Password writeback is as it was.',
  failed: 'Password writeback is not as it was wished.',
  notReached: 'Password writeback was not switched, because something before it failed.',
}

const resultLines = ({ written, writeback }: Result, good: boolean): string[] => [
  written ? 'The settings are written.' : 'Nothing was written.',
  writebackWords[writeback],
  good ? 'Everything was done.' : 'Not everything was done: the reason stands above. Run this again when it is gone.',
]

const noYes = [
  { value: 'no', label: 'No' },
  { value: 'yes', label: 'Yes' },
] as const

async function unasked(start: Draft, { anyway = false, json = false }: Flags, place: Place): Promise<number> {
  const { io } = place
  const quiet: Teller = { note: () => {}, step: () => {}, lines: () => {} }
  const tell: Teller = json ? quiet : { note: () => {}, step: io.print, lines: (lines) => lines.forEach(io.print) }
  const complete = { ...start, settings: withDefaults(start.settings, place.folder) }
  const draft = { ...complete, service: serviceFor(complete, { ...tell, lines: (lines) => lines.forEach(io.complain) }, systemClock) }
  const open = [...openAnswers(draft), ...openAdministrator(draft)]
  if (open.length > 0) throw new UsageError(`not every answer is there:\n  ${open.join('\n  ')}`)
  if (!anyway) {
    tell.step('Trying the connections …')
    const trials = openTrials(systemClock)
    const tried = await Promise.all([trials.cloud(draft), trials.forests(draft)])
    const findings = [...tried.flat(), ...(tried.flat().some(isFailed) ? [] : await trials.rules(draft))]
    if (findings.some(isFailed)) {
      for (const line of reportLines(findings, io.colour)) io.complain(line)
      io.complain('Nothing was written (--anyway goes on).')
      return exitCodes.failed
    }
  }
  const result = await carryOut(draft, { ...workOf(place, tell), goOn: async () => anyway })
  if (json) io.print(JSON.stringify({ ok: codeOf(result) === exitCodes.done, ...result }))
  return codeOf(result)
}

const workOf = ({ file, folder, found, io }: Place, tell: Teller) => ({
  tell,
  clock: systemClock,
  colour: io.colour,
  file,
  folder,
  found,
  environment: process.env,
  makeCredential: (draft: Draft, certificate: string) =>
    makeCredential({ settingsFile: file, certificate, register: draft.register }, tell, systemClock),
})

const codeOf = ({ written, findings, writeback }: Result): number =>
  written && !findings.some(isFailed) && writeback !== 'failed' && writeback !== 'notReached' ? exitCodes.done : exitCodes.failed
