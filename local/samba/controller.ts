/**
 * One running domain controller: LDAP and LDAPS on a loopback address of its own, nothing else (no DNS, KDC or SMB).
 *
 * The ports of LDAP are fixed, so controllers differ by address. Samba runs in the foreground with a pipe as its standard
 * input and ends when that closes: it cannot outlive the process that started it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { makeAuthority } from '../ca.ts'
import type { TlsFiles } from '../stand-in.ts'
import { labRoot, outside, program } from './place.ts'
import type { Realm } from './realms.ts'

export const ldapsPort = 636

const startsWithinMs = 60_000
const askEveryMs = 20

/** Any of 65,000 addresses in a corner of 127/8: two projects, or two tests, hardly ever meet; if they do, another is taken. */
export function anyAddress(): string {
  const octet = () => 1 + Math.floor(Math.random() * 254)
  return `127.77.${octet()}.${octet()}`
}

export async function freeAddress(): Promise<string> {
  const address = anyAddress()
  return (await isFree(address)) ? address : freeAddress()
}

function isFree(address: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error) => ('code' in error && error.code === 'EADDRINUSE' ? resolve(false) : reject(error)))
    server.listen(ldapsPort, address, () => server.close(() => resolve(true)))
  })
}

export interface Controller {
  folder: string
  address: string
  child: ChildProcess
}

export interface ControllerOptions {
  realm: Realm
  tls: TlsFiles
  /** Where it ran before; any free one if absent. */
  address?: string
  /** It stays when this process ends; who started it must stop it by its pid. */
  background?: boolean
  /**
   * How long the password before the present one opens the door, too: 60 on Windows and Samba unless set otherwise
   * (OldPasswordAllowedPeriod). 0 here, so that a bind proves which of the two is set.
   */
  oldPasswordMinutes?: number
  /**
   * A password filter (`check password script`): passwords with one of these inside are refused. Samba asks it instead of
   * judging the complexity itself; Windows asks its filters besides.
   */
  bannedSubstrings?: readonly string[]
}

/** `folder`: as seen inside. */
export async function startController(folder: string, options: ControllerOptions): Promise<Controller> {
  const { background = false } = options
  const address = options.address ?? (await freeAddress())
  await configure(folder, address, options)
  const logFile = outside(`${folder}/log/output.log`)
  const output = openSync(logFile, 'w')
  const command = [labRoot(), program, '--interactive', '--no-process-group', '--model=single', `--configfile=${folder}/etc/smb.conf`]
  const child = spawn('chroot', command, { stdio: [background ? 'ignore' : 'pipe', output, output], detached: background })
  closeSync(output)
  child.stdin?.on('error', () => undefined)
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('exit', () => reject(new Error('ended')))
  })
  try {
    await Promise.race([failed, untilAnswering(address)])
  } catch (cause) {
    child.kill('SIGKILL')
    const said = (await readFile(logFile, 'utf8')).trim().split('\n').slice(-10).join('\n')
    throw new Error(`Samba did not start:\n${said}`, { cause })
  }
  return { folder, address, child }
}

async function untilAnswering(address: string): Promise<void> {
  const giveUp = AbortSignal.timeout(startsWithinMs)
  while (!(await answers(address))) {
    giveUp.throwIfAborted()
    await delay(askEveryMs)
  }
}

async function answers(address: string): Promise<boolean> {
  const socket = connect({ host: address, port: ldapsPort })
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** For those who bring no authority. */
export async function ownCertificate({ hostName }: Pick<Realm, 'hostName'>): Promise<TlsFiles> {
  const authority = await makeAuthority()
  return { ca: authority.ca, ...(await authority.issue({ commonName: hostName, dnsNames: [hostName], ipAddresses: [] })) }
}

async function configure(folder: string, address: string, options: ControllerOptions): Promise<void> {
  const { tls, bannedSubstrings = [] } = options
  const at = (path: string) => outside(`${folder}/${path}`)
  for (const path of ['etc', 'run', 'log', 'private/tls']) await mkdir(at(path), { recursive: true })
  await writeFile(at('etc/smb.conf'), smbConf(folder, address, options))
  await writeFile(at(filter), filterScript(bannedSubstrings), { mode: 0o700 })
  await writeFile(at('private/tls/ca.pem'), tls.ca)
  await writeFile(at('private/tls/cert.pem'), tls.cert)
  // Samba does not start with a key that others may read, and `mode` counts only for a new file.
  await rm(at('private/tls/key.pem'), { force: true })
  await writeFile(at('private/tls/key.pem'), tls.key, { mode: 0o600 })
}

const filter = 'etc/check-password'

/** The password comes on standard input, and stays inside this one shell. */
const filterScript = (banned: readonly string[]): string => `#!/bin/bash
IFS= read -r -d '' password
case "\${password,,}" in
${banned.map((text) => `  *${quotedForShell(text.toLowerCase())}*) exit 1 ;;`).join('\n')}
esac
exit 0
`
const quotedForShell = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

const smbConf = (
  folder: string,
  address: string,
  { realm, oldPasswordMinutes = 0, bannedSubstrings = [] }: ControllerOptions,
): string => `[global]
  netbios name = ${realm.host.toUpperCase()}
  realm = ${realm.dnsName.toUpperCase()}
  workgroup = ${realm.netbiosName}
  server role = active directory domain controller
  server services = ldap
  dcerpc endpoint servers =
  interfaces = ${address}/8
  bind interfaces only = yes
  private dir = ${folder}/private
  state directory = ${folder}/state
  cache directory = ${folder}/cache
  lock directory = ${folder}
  pid directory = ${folder}/run
  ncalrpc dir = ${folder}/run/ncalrpc
  winbindd socket directory = ${folder}/run/winbindd
  ntp signd socket directory = ${folder}/run/ntp
  binddns dir = ${folder}/bind-dns
  old password allowed period = ${oldPasswordMinutes}
${bannedSubstrings.length === 0 ? '' : `  check password script = ${folder}/${filter}\n`}  log level = 0
  log file = ${folder}/log/samba.log
  disable spoolss = yes
  load printers = no
  vfs objects =
  # A domain controller that is thrown away need not survive a power cut.
  ldb:nosync = true
`
