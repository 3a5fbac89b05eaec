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

export const realm = { netbiosName: 'CORP', dnsName: 'corp.example.test', host: 'dc1' } as const
export const hostName = `${realm.host}.${realm.dnsName}`
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
  tls: TlsFiles
  /** It stays when this process ends; who started it must stop it by its pid. */
  background?: boolean
  /**
   * How long the password before the present one opens the door, too: 60 on Windows and Samba unless set otherwise
   * (OldPasswordAllowedPeriod). 0 here, so that a bind proves which of the two is set.
   */
  oldPasswordMinutes?: number
}

/** `folder`: as seen inside. */
export async function startController(folder: string, options: ControllerOptions): Promise<Controller> {
  const { tls, background = false, oldPasswordMinutes = 0 } = options
  const address = await freeAddress()
  await configure(folder, tls, smbConf(folder, address, oldPasswordMinutes))
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
export async function ownCertificate(): Promise<TlsFiles> {
  const authority = await makeAuthority()
  return { ca: authority.ca, ...(await authority.issue({ commonName: hostName, dnsNames: [hostName], ipAddresses: [] })) }
}

async function configure(folder: string, tls: TlsFiles, configuration: string): Promise<void> {
  const at = (path: string) => outside(`${folder}/${path}`)
  for (const path of ['etc', 'run', 'log', 'private/tls']) await mkdir(at(path), { recursive: true })
  await writeFile(at('etc/smb.conf'), configuration)
  await writeFile(at('private/tls/ca.pem'), tls.ca)
  await writeFile(at('private/tls/cert.pem'), tls.cert)
  // Samba does not start with a key that others may read, and `mode` counts only for a new file.
  await rm(at('private/tls/key.pem'), { force: true })
  await writeFile(at('private/tls/key.pem'), tls.key, { mode: 0o600 })
}

const smbConf = (folder: string, address: string, oldPasswordMinutes: number): string => `[global]
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
  log level = 0
  log file = ${folder}/log/samba.log
  disable spoolss = yes
  load printers = no
  vfs objects =
  # A domain controller that is thrown away need not survive a power cut.
  ldb:nosync = true
`
