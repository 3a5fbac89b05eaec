/**
 * From a first draft to a result: with somebody at a terminal, or with nobody. What connects to anything is loaded from here
 * on only; configure.ts, before it, looks at the command line and one file.
 */
import { systemClock } from '../../../shared/clock.ts'
import { isFailed } from '../doctor/checks.ts'
import { reportLines } from '../doctor/report.ts'
import { exitCodes, type Io } from '../program.ts'
import { Cancelled, type Teller } from './ask.ts'
import { carryOut, type Result } from './carry-out.ts'
import type { Draft } from './draft.ts'
import { makeCredential } from './make-credential.ts'
import { serviceFor } from './page-sign-in.ts'
import { prompts } from './prompts.ts'
import { openTrials } from './trial.ts'
import { walk } from './wizard.ts'

export interface Place {
  file: string
  folder: string
  /** What it held when this began. */
  found: string | undefined
  io: Io
}

export async function asked(start: Draft, place: Place): Promise<number> {
  const { file, folder, found, io } = place
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

export async function unasked(
  complete: Draft,
  { anyway = false, json = false }: { anyway?: boolean; json?: boolean },
  place: Place,
): Promise<number> {
  const { io } = place
  // Where to sign in, for one, must be seen, too, when only the result is read by a program.
  const out = json ? io.complain : io.print
  const tell: Teller = { note: () => {}, step: out, lines: (lines) => lines.forEach(out) }
  const draft = { ...complete, service: serviceFor(complete, { ...tell, lines: (lines) => lines.forEach(io.complain) }, systemClock) }
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
