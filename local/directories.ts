/** The directory of a local system: the stand-in, or a real Samba domain controller in its place. Both have the same people. */
import type { BindTarget } from './bind.ts'
import type { Authority } from './ca.ts'
import { type SampleForest, sampleForest } from './directory/seed.ts'
import { type ProcessOptions, type Remote, startPart } from './process.ts'
import { realms, startSamba } from './samba/samba.ts'

export type DirectoryKind = 'embedded' | 'samba'

export interface RunningDirectory {
  forest: SampleForest
  /** Where agents connect, and whose certificate they trust. */
  target: BindTarget
  /** Samba has the part of these controls that can be done through LDAP; the rest throws. */
  remote: Remote<'directory'>
}

interface DirectoryRequest extends ProcessOptions {
  authority: Authority
  extraUsers: number
}

export const startDirectoryOf = (kind: DirectoryKind, request: DirectoryRequest): Promise<RunningDirectory> =>
  kind === 'samba' ? samba(request) : embedded(request)

const certificate = async (authority: Authority, hostName: string) => ({
  ca: authority.ca,
  ...(await authority.issue({ commonName: hostName, dnsNames: [hostName], ipAddresses: [] })),
})

async function embedded({ authority, extraUsers, ...options }: DirectoryRequest): Promise<RunningDirectory> {
  const forest = sampleForest({ extraUsers })
  const tls = await certificate(authority, forest.hostName)
  const remote = await startPart('directory', { tls, forest }, options)
  return { forest, remote, target: { url: remote.addresses.ldaps, hostName: forest.hostName, ca: authority.ca } }
}

async function samba({ authority, extraUsers }: DirectoryRequest): Promise<RunningDirectory> {
  const running = await startSamba({ tls: await certificate(authority, realms.corp.hostName), extraUsers })
  const control: Record<string, (...args: never[]) => unknown> = { ...running.control }
  const call = async (method: string, ...args: never[]): Promise<unknown> => {
    const found = control[method]
    if (!found) throw new Error(`Samba has no control '${method}'`)
    return found(...args)
  }
  const remote = { name: 'directory', addresses: running.addresses, call, close: running.close } as unknown as Remote<'directory'>
  return { forest: running.forest, remote, target: { url: running.addresses.ldaps, hostName: running.hostName, ca: running.ca } }
}
