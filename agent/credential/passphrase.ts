/**
 * The passphrase of the agent's private key, and what keeps the passphrase itself: a private file, the machine's DPAPI on
 * Windows, or one of the service's systemd credentials on Linux.
 *
 * The key is renewed by the agent, the passphrase never is: so neither renewal nor a restart needs more rights than reading.
 * DPAPI in the scope of the machine, not of a user: who enrols is an administrator, who runs is a service account without a
 * profile, and a key of the one would not open for the other. It keeps copies of the disk and backups from being worth
 * anything; on the machine itself the ACL of the folder does the rest. PowerShell has it (System.Security.Cryptography.
 * ProtectedData); what is secret goes through standard input, never over a command line. systemd: systemd-creds(1), LoadCredentialEncrypted=.
 */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Fault } from '../../shared/fault.ts'
import { Secret } from '../../shared/secret.ts'

/** Runs a program with this on its standard input; resolves with its standard output. */
export type RunProgram = (program: string, args: readonly string[], input: string) => Promise<string>
type Environment = Readonly<Record<string, string | undefined>>

/** A program that hangs must not keep the agent from signing in until it is started again. */
const programMs = 30_000

const dpapiMark = 'dpapi:'
const entropy = 'password-writeback agent certificate'

export const newPassphrase = (): Secret => Secret.fromText(randomBytes(32).toString('base64url'))

/** A plain name is one of the service's systemd credentials, under the folder systemd made for them. */
export const isSystemdCredential = (file: string): boolean => file === basename(file)

/** Undefined: it is a systemd credential, and systemd gave this process none. */
export function passphrasePath(file: string, environment: Environment): string | undefined {
  if (!isSystemdCredential(file)) return file
  const folder = environment['CREDENTIALS_DIRECTORY']
  return folder === undefined ? undefined : join(folder, file)
}

/** @throws Fault CERTIFICATE_UNUSABLE */
export async function readPassphrase(file: string, environment: Environment = process.env, run: RunProgram = runProgram): Promise<Secret> {
  const path = passphrasePath(file, environment)
  if (path === undefined) throw unusable('systemd gave no credentials: is LoadCredentialEncrypted= in the unit?')
  const text = (await readFile(path, 'utf8').catch((cause) => Promise.reject(unusable('the passphrase cannot be read', cause)))).trim()
  if (!text.startsWith(dpapiMark)) return Secret.fromText(text)
  const opened = await powerShell('Unprotect', text.slice(dpapiMark.length), environment, run)
  return new Secret(Buffer.from(opened, 'base64'))
}

/** What to write to the file: opens on this machine alone. */
export async function protectByDpapi(
  passphrase: Secret,
  environment: Environment = process.env,
  run: RunProgram = runProgram,
): Promise<string> {
  const input = passphrase.use((bytes) => bytes.toString('base64'))
  return `${dpapiMark}${await powerShell('Protect', input, environment, run)}\n`
}

/** Writes `path`, which systemd decrypts for the unit that names it. Needs root: the machine's key is root's. */
export async function protectBySystemd(passphrase: Secret, name: string, path: string, run: RunProgram = runProgram): Promise<void> {
  const input = passphrase.use((bytes) => bytes.toString('utf8'))
  await run('systemd-creds', ['encrypt', `--name=${name}`, '-', path], input)
}

async function powerShell(verb: 'Protect' | 'Unprotect', input: string, environment: Environment, run: RunProgram): Promise<string> {
  const script = [
    "$ErrorActionPreference = 'Stop'",
    'Add-Type -AssemblyName System.Security',
    '$bytes = [Convert]::FromBase64String([Console]::In.ReadToEnd().Trim())',
    `$entropy = [Text.Encoding]::UTF8.GetBytes('${entropy}')`,
    `$done = [Security.Cryptography.ProtectedData]::${verb}($bytes, $entropy, 'LocalMachine')`,
    '[Console]::Out.Write([Convert]::ToBase64String($done))',
  ].join('; ')
  // By its full name: a program of that name in the working folder must not be handed the passphrase.
  const program = `${environment['SystemRoot'] ?? 'C:\\Windows'}\\System32\\WindowsPowerShell\\v1.0\\powershell.exe`
  return (await run(program, ['-NoProfile', '-NonInteractive', '-Command', script], input)).trim()
}

const unusable = (what: string, cause?: unknown) => new Fault('CERTIFICATE_UNUSABLE', what, { permanent: true, cause })

const runProgram: RunProgram = (program, args, input) =>
  new Promise((resolve, reject) => {
    const child = execFile(program, args, { windowsHide: true, timeout: programMs }, (error, out) => {
      // Its message would repeat the command line, and standard error is somebody else's text.
      if (error) reject(unusable(`${basename(program.replaceAll('\\', '/'))} failed (${error.code ?? error.signal})`))
      else resolve(out)
    })
    child.stdin?.on('error', () => {}).end(input)
  })
