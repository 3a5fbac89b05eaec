/**
 * Where Samba lies on this machine: one folder that is a small Debian of its own (a chroot), with domain controllers in /dc.
 *
 * `/dc/template` and `/dc/template-north` are provisioned once and never run again; every start runs a copy, named after the
 * process that owns it, so that what a killed process left behind can be told from what is in use. Nothing outside the folder
 * is touched.
 */
import { access, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** What it takes to use it; the words are for a person. */
export type Readiness = { kind: 'ready' } | { kind: 'missing'; what: string }

export const installCommand = 'npm run samba -- install'

export const labRoot = (): string => process.env['SAMBA_LAB_ROOT'] ?? '/var/tmp/password-writeback-samba'

/** The path on this machine of a path inside. */
export const outside = (path: string): string => join(labRoot(), path)

export const program = '/usr/sbin/samba'
export const provisioner = '/provision.py'
export const controllers = '/dc'
/** The one that `npm run samba -- start` leaves running. */
export const kept = `${controllers}/kept`

export const isRoot = (): boolean => process.getuid?.() === 0

export const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/** The provisioner is written last: an installation that was cut short does not pass for one. */
export const isInstalled = async (): Promise<boolean> => (await exists(outside(program))) && (await exists(outside(provisioner)))

export async function readiness(): Promise<Readiness> {
  if (!(await isInstalled())) return { kind: 'missing', what: `Samba is not installed (${installCommand})` }
  return isRoot() ? { kind: 'ready' } : { kind: 'missing', what: 'Samba is installed, but only root may start it (chroot)' }
}

let copies = 0
export function newCopy(): string {
  copies += 1
  return `${controllers}/${process.pid}-${copies}`
}

/** Removes what processes left behind that are no more. */
export async function sweep(): Promise<void> {
  for (const name of await readdir(outside(controllers))) {
    const owner = /^(\d+)-\d+$/.exec(name)?.[1]
    if (owner !== undefined && !isAlive(Number(owner))) await remove(`${controllers}/${name}`)
  }
}

export async function remove(folder: string): Promise<void> {
  if (!folder.startsWith(`${controllers}/`)) throw new Error('only domain controllers are removed')
  await rm(outside(folder), { recursive: true, force: true })
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
