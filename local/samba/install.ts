/**
 * Unpacks Debian 13 with Samba from its backports into a folder, from the mirror this machine's own apt uses.
 *
 * Backports, because Debian 12's own Samba (4.17) lacks the policy-hints control. Unpacked only (`--variant=extract`): no
 * maintainer script runs and nothing is started. Built aside and renamed, so an interrupted installation leaves nothing.
 */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { run } from './command.ts'
import { controllers, exists, isInstalled, isRoot, labRoot, program, provisioner } from './place.ts'

export type Progress = (line: string) => void

const release = 'trixie'
const packages = [
  'samba-ad-dc',
  'samba-ad-provision',
  'samba-dsdb-modules',
  'ldb-tools',
  'python3',
  'base-files',
  'dash',
  'bash',
  'coreutils',
]
const unneeded = ['man', 'locale', 'doc']

/** Throws what a person can act upon. */
export async function install(progress: Progress): Promise<void> {
  if (await isInstalled()) return progress(`Samba is already installed in ${labRoot()}`)
  if (!isRoot()) throw new Error('Installing Samba needs root: it unpacks Debian packages and runs them in a chroot.')
  await requireFreePlace()
  const mirror = await findMirror()
  await requireMmdebstrap(progress)
  const building = `${labRoot()}.building`
  await rm(building, { recursive: true, force: true })
  progress(`unpacking Debian ${release} with Samba from this machine's Debian mirror (about 20 s, 230 MB)`)
  await unpack(building, mirror)
  await furnish(building)
  await rename(building, labRoot())
  const version = await run('chroot', [labRoot(), program, '--version'])
  progress(`installed ${version.trim()} in ${labRoot()}`)
}

async function requireFreePlace(): Promise<void> {
  if (await exists(labRoot())) throw new Error(`${labRoot()} exists and is no finished installation: remove it, or set SAMBA_LAB_ROOT.`)
}

const has = (command: string): Promise<boolean> =>
  run('sh', ['-c', `command -v ${command}`]).then(
    () => true,
    () => false,
  )

async function findMirror(): Promise<string> {
  const given = process.env['SAMBA_LAB_MIRROR']
  if (given !== undefined) return given
  if (!(await has('apt-get'))) throw new Error('Installing Samba needs apt-get (Debian or Ubuntu), which this machine has not.')
  const sites = await run('apt-get', ['indextargets', '--format', '$(SITE)'])
  const mirror = sites.split('\n').find((site) => /\/debian\/?$/.test(site))
  if (mirror === undefined) throw new Error("This machine's apt knows no Debian mirror: set SAMBA_LAB_MIRROR to the address of one.")
  return mirror
}

const quietly = { environment: { DEBIAN_FRONTEND: 'noninteractive' } }

async function requireMmdebstrap(progress: Progress): Promise<void> {
  if (await has('mmdebstrap')) return
  progress('installing mmdebstrap with apt-get')
  await run('apt-get', ['update', '-q'], quietly)
  await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'mmdebstrap', 'debian-archive-keyring'], quietly)
}

async function unpack(folder: string, mirror: string): Promise<void> {
  const sources = [`deb ${mirror} ${release} main`, `deb ${mirror} ${release}-backports main`]
  const options = [
    '--variant=extract',
    '--mode=root',
    '--aptopt=Apt::Install-Recommends "false"',
    `--aptopt=APT::Default-Release "${release}-backports"`,
    ...unneeded.map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
    `--include=${packages.join(',')}`,
  ]
  await run('mmdebstrap', [...options, release, folder, ...sources], quietly)
}

/** What maintainer scripts would have made. */
async function furnish(folder: string): Promise<void> {
  await writeFile(`${folder}/etc/passwd`, 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n')
  await writeFile(`${folder}/etc/group`, 'root:x:0:\nadm:x:4:\nusers:x:100:\nnogroup:x:65534:\n')
  const folders = ['/etc/samba', '/run/samba', '/var/lib/samba/private', '/var/cache/samba', '/var/log/samba', '/tmp', controllers]
  for (const path of folders) await mkdir(folder + path, { recursive: true })
  await makeDevice(`${folder}/dev/null`, 3)
  await makeDevice(`${folder}/dev/urandom`, 9)
  await writeFile(folder + provisioner, provisionScript)
}

async function makeDevice(path: string, minor: number): Promise<void> {
  if (!(await exists(path))) await run('mknod', ['-m', '666', path, 'c', '1', String(minor)])
}

/**
 * `samba-tool domain provision` with two differences. No share is served, so the file system need not carry Windows' access
 * rights of one (root, extended attributes). And the password is read from standard input, not from the arguments.
 */
const provisionScript = `import sys
import samba.provision
import samba.netcmd.main
samba.provision.setsysvolacl = lambda *a, **k: None
password = sys.stdin.readline().strip()
sys.exit(samba.netcmd.main.samba_tool("domain", "provision", "--adminpass=" + password, *sys.argv[1:]))
`
