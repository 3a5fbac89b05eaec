/** The directories of a local system: the stand-in, or real Samba domain controllers in its place. Both have the same people. */
import { allOrNone } from './all-or-none.ts'
import type { BindTarget } from './bind.ts'
import type { Authority } from './ca.ts'
import { type SampleForest, sampleForest, sharedPeople, withSharedPeople } from './directory/seed.ts'
import { asRemote, startInside } from './inside.ts'
import { type ProcessOptions, type Remote, startPart } from './process.ts'
import { realms, type Samba, type SambaForest, startSamba } from './samba/samba.ts'

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
  /** The stand-in runs in this process. */
  inside?: boolean
}

/** The first forest, and the second where two are asked for; who is in both has one source anchor. Extra users are in the first. */
export const startDirectoriesOf = (kind: DirectoryKind, count: 1 | 2, request: DirectoryRequest): Promise<RunningDirectory[]> =>
  kind === 'samba' ? samba(count, request) : embedded(count, request)

const certificate = async (authority: Authority, hostName: string) => ({
  ca: authority.ca,
  ...(await authority.issue({ commonName: hostName, dnsNames: [hostName], ipAddresses: [] })),
})

async function embedded(count: 1 | 2, { authority, extraUsers, inside, ...options }: DirectoryRequest): Promise<RunningDirectory[]> {
  const first = sampleForest({ extraUsers })
  const second = count === 2 ? [withSharedPeople(first, sampleForest({ sample: 'north' }))] : []
  const starting = [first, ...second].map(async (forest): Promise<RunningDirectory> => {
    const tls = await certificate(authority, forest.hostName)
    const remote = await (inside ? startInside('directory', { tls, forest }) : startPart('directory', { tls, forest }, options))
    return { forest, remote, target: { url: remote.addresses.ldaps, hostName: forest.hostName, ca: authority.ca } }
  })
  return allOrNone(starting, ({ remote }) => remote.close())
}

async function samba(count: 1 | 2, { authority, extraUsers }: DirectoryRequest): Promise<RunningDirectory[]> {
  const start = async (sample: SambaForest): Promise<RunningDirectory> => {
    const tls = await certificate(authority, realms[sample].hostName)
    return remoteOf(await startSamba({ sample, tls, extraUsers: sample === 'corp' ? extraUsers : 0 }))
  }
  const [first, second] = await allOrNone(count === 2 ? [start('corp'), start('north')] : [start('corp')], ({ remote }) => remote.close())
  if (first === undefined || second === undefined) return first === undefined ? [] : [first]
  const forest = withSharedPeople(first.forest, second.forest)
  for (const { dn, immutableId } of sharedPeople(first.forest, forest)) {
    await second.remote.call('setAttributes', dn, { 'mS-DS-ConsistencyGuid': immutableId })
  }
  return [first, { ...second, forest }]
}

function remoteOf(running: Samba): RunningDirectory {
  const { forest, hostName, ca } = running
  return { forest, remote: asRemote('directory', running), target: { url: running.addresses.ldaps, hostName, ca } }
}
