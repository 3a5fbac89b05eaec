/**
 * `agentctl doctor`: everything an agent needs, checked one by one, with what to do; or, with a name, whether a reset would work
 * for that person. Nothing is changed anywhere: no message, no write, no cache.
 *
 * It reads the agent's own settings and opens its own connections as that account would: run it as the account the agent runs
 * as, on the same machine.
 */
import { parseArgs } from 'node:util'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { isFault } from '../../shared/fault.ts'
import { directorySettings, localAuthority, openCredential, passphraseOf, relaySettings } from '../compose.ts'
import { openKeys } from '../keys.ts'
import { type AgentSettings, type CloudSettings, fileVariable, readSettings } from '../settings.ts'
import { checkCertificate } from './doctor/certificate.ts'
import { type Finding, failed, isFailed, passed } from './doctor/checks.ts'
import { checkCloudClock } from './doctor/clocks.ts'
import { checkCloud } from './doctor/cloud.ts'
import { checkDirectory } from './doctor/directory.ts'
import { checkPerson } from './doctor/person.ts'
import { report } from './doctor/report.ts'
import { exitCodes, type Io, UsageError } from './program.ts'

const usage = `agentctl doctor [USER] [options]

Checks what an agent needs, and says what to do where something is wrong. With USER: would a reset work for this person, and
if not, why? Nothing is changed. Exit code 0: nothing failed; 1: something did.

  USER              userPrincipalName, sAMAccountName, DN or source anchor
  --settings FILE   the agent's settings file (or ${fileVariable} in the environment)
  --sample N        how many people of each rule to look at; 20 if absent
  --json            one JSON object instead of text
  --help            this text
`

const options = {
  settings: { type: 'string' },
  sample: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const

export interface Request {
  file: string
  environment: Readonly<Record<string, string | undefined>>
  person: string | undefined
  sample: number
}

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parsed(args)
  if (values.help) {
    io.print(usage)
    return exitCodes.done
  }
  const file = values.settings ?? process.env[fileVariable]
  if (file === undefined) throw new UsageError(`--settings FILE is needed, or ${fileVariable} (agentctl doctor --help)`)
  const sample = Number(values.sample ?? 20)
  if (!Number.isInteger(sample) || sample < 1 || sample > 1_000) throw new UsageError('--sample must be 1 to 1000')
  if (positionals.length > 1) throw new UsageError('one person at a time')
  const findings = await examine({ file, environment: process.env, person: positionals[0], sample })
  report(findings, values.json ?? false, io)
  return findings.some(isFailed) ? exitCodes.failed : exitCodes.done
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch {
    throw new UsageError('an option is not known or lacks its value (agentctl doctor --help)')
  }
}

export async function examine({ file, environment, person, sample }: Request, clock: Clock = systemClock): Promise<Finding[]> {
  const settings = settingsFrom(file, environment)
  if (Array.isArray(settings)) return settings
  const good = passed('settings', '', `${settings.forests.length} forests, ${settings.rules.length} rules`)
  const directory = directorySettings(settings)
  if (person !== undefined) return [good, ...(await checkPerson(person, directory, clock))]
  const [around, cloud] = await Promise.all([checkDirectory(directory, { clock, sample }), examineCloud(settings, clock)])
  return [good, ...around, ...cloud]
}

function settingsFrom(file: string, environment: Request['environment']): AgentSettings | Finding[] {
  try {
    return readSettings(file, environment)
  } catch (error) {
    if (!isFault(error, 'SETTINGS_INVALID')) throw error
    const [, ...problems] = error.message.split('\n')
    return problems.map((problem) => failed('settings', '', problem.trim()))
  }
}

/** A service that answers at all answers sooner. */
const cloudMs = 15_000

export async function examineCloud(settings: CloudSettings, clock: Clock): Promise<Finding[]> {
  const ca = localAuthority(settings)
  const credential = openCredential(settings, ca)
  const keys = openKeys({ url: settings.vault.url, credential, localCa: ca }, clock)
  const own = { settings, credential, passphrase: passphraseOf(settings), ca, clock }
  const [time, certificate, findings] = await Promise.all([
    checkCloudClock({ url: settings.vault.url, ca, clock, limitMs: cloudMs }),
    checkCertificate(own),
    checkCloud({ credential, relay: relaySettings(settings, credential, ca), keys, clock, limitMs: cloudMs }),
  ])
  return [time, ...certificate, ...findings]
}
