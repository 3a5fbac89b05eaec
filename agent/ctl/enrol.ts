/**
 * `agentctl enrol`: makes the key pair and certificate by which this agent signs in to Entra ID, and has it registered.
 *
 * The private key is made here and never leaves; what is given away is the certificate. Either an administrator uploads it,
 * and is told how, or signs in by device code and it is done. Run it as the account the agent runs as.
 */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { ownName } from '../credential/certificate.ts'
import { applicationsScope, openApplication } from '../credential/graph.ts'
import type { TokenCredential } from '../credential/sign-in.ts'
import { fileVariable } from '../settings.ts'
import { awaitSignIn, graphTools, signInAsAdministrator } from './enrol/administrator.ts'
import { checkMaking, found, type Made, type Making, make } from './enrol/make.ts'
import { register } from './enrol/register.ts'
import { defaultCertificateFile, type EnrolSettings, isChange, readEnrolSettings, writeIdentity } from './enrol/settings-file.ts'
import { explain } from './explain.ts'
import { exitCodes, type Io, UsageError } from './program.ts'

const usage = `agentctl enrol --settings FILE [options]

Makes the private key and the certificate this agent proves itself with to Entra ID; good for 12 months, and from then on renewed
by the agent itself at 6. The key stays on this machine. Shows how to register the certificate, or registers it.

  --settings FILE      the agent's settings file (or ${fileVariable} in the environment), with tenantId and identity.clientId
  --certificate FILE   where to; else identity.certificateFile, else certificate.pem beside the journal
  --upload             register it: sign in as an administrator, by device code
  --client ID          with --upload: the application to sign in with, if not "Microsoft Graph Command Line Tools"
  --renew              there is a certificate: make its successor beside it, which the agent takes over once it is registered
  --force              with --renew: in place of a successor that was made before and not taken over
  --systemd            encrypt the key; its passphrase becomes a systemd credential (as root; on Windows DPAPI keeps it, always)
  --dry-run            show what would be made, and where
  --help               this text
`

const options = {
  settings: { type: 'string' },
  certificate: { type: 'string' },
  upload: { type: 'boolean' },
  client: { type: 'string' },
  renew: { type: 'boolean' },
  force: { type: 'boolean' },
  systemd: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  help: { type: 'boolean' },
} as const

export interface Enrolment {
  settingsFile: string
  /** Where to, if not where the settings say. */
  certificateFile?: string | undefined
  renew?: boolean
  force?: boolean
  systemd?: boolean
  platform?: NodeJS.Platform
  clock?: Clock
  /** Registers it too, as this administrator. */
  administrator?: ((settings: EnrolSettings, localCa: string | undefined) => TokenCredential) | undefined
}

export interface Enrolled extends Made {
  settings: EnrolSettings
  registered: 'registered' | 'there' | 'not yet' | 'refused'
  /** Why, with `refused`. */
  problem?: string
  /** What became of the settings file: `cannot`, it may not be written by this account; `later`, a client secret is used until then. */
  settingsFile: 'as it was' | 'changed' | 'cannot' | 'later'
}

/** The whole of it; `run` is the command line around it. @throws UsageError before anything is written. */
export async function enrol(enrolment: Enrolment): Promise<Enrolled> {
  const { settings, making, isThere } = await plan(enrolment)
  const made = isThere ? await found(making) : await make(making)
  const enter = () => enterIn(enrolment.settingsFile, settings, made)
  // The agent may be started again at any moment: by a certificate that is not registered it could not sign in.
  const early = settings.identity.secretFile === undefined ? await enter() : undefined
  const registered = await registerAs(enrolment, settings, made)
  const settingsFile = early ?? (isRegistered(registered) ? await enter() : 'later')
  return { ...made, settings, settingsFile, ...registered }
}

async function plan({ settingsFile, certificateFile, clock = systemClock, ...choice }: Enrolment) {
  const settings = await readEnrolSettings(settingsFile)
  const making: Making = {
    // The settings name it, and the agent may run elsewhere.
    certificateFile: resolve(certificateFile ?? settings.identity.certificateFile ?? defaultCertificateFile(settings)),
    passphraseFile: settings.identity.passphraseFile,
    renew: choice.renew ?? false,
    force: choice.force ?? false,
    systemd: choice.systemd ?? false,
    platform: choice.platform ?? process.platform,
    now: clock.now(),
  }
  // What was made and not registered, for whatever reason, is registered now.
  const isThere = choice.administrator !== undefined && !making.renew && existsSync(making.certificateFile)
  if (!isThere) checkMaking(making)
  return { settings, making, isThere }
}

async function enterIn(
  file: string,
  settings: EnrolSettings,
  change: Made & { certificateFile: string },
): Promise<Enrolled['settingsFile']> {
  if (!isChange(settings, change)) return 'as it was'
  return writeIdentity(file, change).then(
    () => 'changed' as const,
    () => 'cannot' as const,
  )
}

type Registered = Pick<Enrolled, 'registered' | 'problem'>
const isRegistered = ({ registered }: Registered): boolean => registered === 'registered' || registered === 'there'

async function registerAs(
  { administrator, clock = systemClock }: Enrolment,
  settings: EnrolSettings,
  { certificate }: Made,
): Promise<Registered> {
  if (!administrator) return { registered: 'not yet' }
  const { localCaFile, identity } = settings
  const localCa = localCaFile === undefined ? undefined : readFileSync(localCaFile, 'utf8')
  const credential = administrator(settings, localCa)
  try {
    await awaitSignIn(credential)
    return {
      registered: await register(openApplication({ ...identity, credential, scope: applicationsScope, clock, localCa }), certificate),
    }
  } catch (error) {
    return { registered: 'refused', problem: explain(error) }
  }
}

export async function run(args: readonly string[], io: Io): Promise<number> {
  const values = parsed(args)
  if (values.help) {
    io.print(usage)
    return exitCodes.done
  }
  const { settings: settingsFile = process.env[fileVariable], certificate: certificateFile, upload, client = graphTools, ...rest } = values
  if (settingsFile === undefined) throw new UsageError(`--settings FILE is needed, or ${fileVariable} (agentctl enrol --help)`)
  if (rest.force && !rest.renew) throw new UsageError('--force belongs to --renew')
  if (values.client !== undefined && !upload) throw new UsageError('--client belongs to --upload')
  const administrator: Enrolment['administrator'] = ({ tenantId, identity: { authority } }, localCa) =>
    signInAsAdministrator({ tenantId, clientId: client, authority, localCa }, io.complain)
  const enrolment = { ...rest, settingsFile, certificateFile, administrator: upload ? administrator : undefined }
  if (rest['dry-run']) return showPlan(enrolment, io)
  const enrolled = await enrol(enrolment)
  show(enrolled, enrolment, io)
  return enrolled.settingsFile === 'cannot' || enrolled.registered === 'refused' ? exitCodes.failed : exitCodes.done
}

async function showPlan(enrolment: Enrolment, io: Io): Promise<number> {
  const { settings, making, isThere } = await plan(enrolment)
  if (isThere) {
    io.print(`Would register the certificate in ${making.certificateFile}; nothing was done.`)
    return exitCodes.done
  }
  const where = making.renew ? `a successor of ${making.certificateFile}, beside it` : making.certificateFile
  io.print(`Would make   ${where}: RSA-2048, CN=${ownName()}, 12 months`)
  io.print(`For          application ${settings.identity.clientId} in tenant ${settings.tenantId}`)
  io.print(`Would ${enrolment.administrator ? 'register it, after you signed in' : 'show how to register it'}; nothing was made.`)
  return exitCodes.done
}

export function show(enrolled: Enrolled, { settingsFile: file, renew = false }: Enrolment, io: Omit<Io, 'colour'>): void {
  const { certificate, registered, settings, privateFile, publicFile } = enrolled
  const { clientId, secretFile } = settings.identity
  const line = (title: string, text: string) => io.print(title.padEnd(13) + text)
  line('Private key', `${privateFile}  (for this account alone)`)
  line('Certificate', `${publicFile}  (public)`)
  line('Thumbprint', `${certificate.thumbprint}, good until ${new Date(certificate.notAfter).toISOString().slice(0, 10)}`)
  if (enrolled.unitLine !== undefined) line('Unit', `put into [Service]: ${enrolled.unitLine}`)
  if (registered === 'refused') io.complain(`Not registered: ${enrolled.problem}`)
  if (isRegistered(enrolled)) line('Registered', `with application ${clientId}`)
  else io.print(`\n${howToRegister(clientId, publicFile, renew)}\n`)
  if (enrolled.settingsFile === 'changed') {
    line('Settings', `${file}: identity.certificateFile is set`)
    if (secretFile !== undefined) line('', `identity.secretFile is not used any more: delete ${secretFile}, and the secret in Entra ID`)
  }
  const { certificateFile, passphraseFile } = enrolled
  const entry = JSON.stringify({ certificateFile, passphraseFile }).slice(1, -1)
  if (enrolled.settingsFile === 'later')
    line('Settings', `${file}: as it was. Once it is registered, put into its "identity", in place of "secretFile": ${entry}`)
  if (enrolled.settingsFile === 'cannot')
    io.complain(`The settings file cannot be written by this account. Put into its "identity": ${entry}`)
  line('Then', `agentctl doctor --settings ${file}`)
}

/** Without --append the command would take every other certificate away. */
function howToRegister(clientId: string, publicFile: string, renew: boolean): string {
  const byHand = [
    'Register it, as an administrator of the application. Either',
    '',
    `  az ad app credential reset --id ${clientId} --cert "@${publicFile}" --append`,
    '',
    `or upload that file: Entra admin center, App registrations, ${clientId}, Certificates & secrets, Certificates.`,
  ]
  const byAgent = 'A running agent whose certificate is still good registers the new one itself, within the hour; otherwise:'
  return [...(renew ? [byAgent, ''] : []), ...byHand].join('\n')
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options }).values
  } catch {
    throw new UsageError('an option is not known or lacks its value (agentctl enrol --help)')
  }
}
