/**
 * "Configure" was chosen: files are written, the credential is made, the doctor looks at the whole, password writeback is
 * switched. Each step says what it did; what failed is said, too, and nothing is undone, since everything before it is good.
 */
import type { Clock } from '../../../shared/clock.ts'
import { faultWord } from '../../../shared/fault.ts'
import type { Secret } from '../../../shared/secret.ts'
import { fileProblem } from '../../settings.ts'
import { type Finding, isFailed } from '../doctor/checks.ts'
import { reportLines } from '../doctor/report.ts'
import { examine } from '../doctor.ts'
import type { Teller } from './ask.ts'
import type { Draft } from './draft.ts'
import { certificateToMake } from './open-answers.ts'
import { passwordFileOf } from './page-directories.ts'
import { clientSecret } from './questions.ts'
import { ChangedMeanwhile, openFolders, save } from './save.ts'
import { type Json, textAt } from './settings-edit.ts'
import { withSingle } from './settings-shape.ts'
import { switchWriteback } from './switch-writeback.ts'

export interface Work {
  tell: Teller
  clock: Clock
  colour: boolean
  file: string
  folder: string
  found: string | undefined
  environment: Readonly<Record<string, string | undefined>>
  /** Makes the agent's key and certificate; false: nothing can follow yet. */
  makeCredential(draft: Draft, certificate: string): Promise<boolean>
  /** Something of the doctor's failed: go on all the same? */
  goOn(): Promise<boolean>
}

export interface Result {
  written: boolean
  backup?: string | undefined
  findings: readonly Finding[]
  /** What became of the switch; `notReached`: something before it failed. */
  writeback: 'on' | 'off' | 'asItIs' | 'failed' | 'notReached'
}

export async function carryOut(draft: Draft, work: Work): Promise<Result> {
  const { tell, file, clock } = work
  const savedAt = clock.now()
  tell.step('Writing the settings …')
  const backup = await write(draft, work)
  if (backup === 'failed') return { written: false, findings: [], writeback: 'notReached' }
  const written = { written: true, backup } as const
  const certificate = certificateToMake(draft)
  if (certificate !== undefined) {
    tell.step("Making the agent's certificate …")
    if (!(await work.makeCredential(draft, certificate))) return { ...written, findings: [], writeback: 'notReached' }
  }
  tell.step('Checking everything an agent needs …')
  const findings = await examine({ file, environment: work.environment, person: undefined, sample: 20 }, clock)
  tell.lines(reportLines(findings, work.colour))
  if (draft.writeback === 'asItIs' || draft.service === undefined) return { ...written, findings, writeback: 'asItIs' }
  if (findings.some(isFailed) && !(await work.goOn())) return { ...written, findings, writeback: 'notReached' }
  const agent = textAt(draft.settings, 'identity.clientId') ?? ''
  const on = draft.writeback === 'on'
  const done = await switchWriteback(
    { on, reason: draft.reason, agent, savedAt, settingsFile: file },
    { service: draft.service, tell, clock },
  )
  return { ...written, findings, writeback: done ? draft.writeback : 'failed' }
}

/**
 * The agent may be started again at any moment: a client secret makes way only when a certificate has been made and
 * registered, which is the last thing `enrol` does.
 */
function startable(draft: Draft, found: string | undefined): Json {
  const secretFile = found === undefined ? undefined : textAt(JSON.parse(found), clientSecret.key)
  const isGood = secretFile !== undefined && fileProblem(secretFile, 'private') === undefined
  return isGood && certificateToMake(draft) !== undefined ? withSingle(draft.settings, clientSecret.key, secretFile) : draft.settings
}

/** Undefined: there was nothing to keep. */
async function write(draft: Draft, { tell, clock, file, folder, found }: Work): Promise<string | undefined> {
  const secrets = new Map<string, Secret>()
  for (const [forest, password] of draft.passwords) secrets.set(passwordFileOf(draft.settings, forest, folder), password)
  try {
    const backup = await save({ file, found, settings: startable(draft, found), secrets, now: clock.now() })
    const certificate = certificateToMake(draft)
    const closed = [file, ...secrets.keys(), ...(certificate === undefined ? [] : [certificate])]
    tell.lines([
      file,
      ...secrets.keys(),
      ...(backup === undefined ? [] : [`${backup} is what was there before`]),
      ...openFolders(closed, process.platform),
    ])
    return backup
  } catch (error) {
    const why = error instanceof ChangedMeanwhile ? 'somebody else changed it meanwhile' : faultWord(error)
    tell.lines([`Not written (${why}). Everything is as it was.`])
    return 'failed'
  } finally {
    for (const password of secrets.values()) password.wipe()
  }
}
