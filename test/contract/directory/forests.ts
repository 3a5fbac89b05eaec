/**
 * Two forests side by side, both of one kind: corp and north, with people who have an account in each and one source anchor.
 *
 * `stand-in` has a child domain of corp (emea) besides; Samba's child domains would need replication between two controllers,
 * so they are embedded only.
 */
import { allOrNone } from '../../../local/all-or-none.ts'
import { makeAuthority } from '../../../local/ca.ts'
import { startDirectory } from '../../../local/directory/directory.ts'
import { asOneForest, type SampleForest, sampleForest, sharedPeople, withSharedPeople } from '../../../local/directory/seed.ts'
import { startSamba } from '../../../local/samba/samba.ts'
import type { Subject } from './bench.ts'
import { type Lab, openLab } from './lab.ts'

export type ForestKind = 'samba' | 'stand-in'

export interface Forests {
  kind: ForestKind
  corp: Lab
  north: Lab
  /** The child domain of corp. */
  emea: Lab | undefined
  close(): Promise<void>
}

export interface ForestsOptions {
  /** North's password filter: passwords with one of these inside are refused there. */
  bannedInNorth?: readonly string[]
}

export const startForests = (kind: ForestKind, options: ForestsOptions = {}): Promise<Forests> =>
  kind === 'samba' ? real(options) : embedded(options)

/** `local/directory` with this forest inside, behind a certificate of its own. */
export async function startStandIn(forest: SampleForest, bannedSubstrings: readonly string[] = []): Promise<Subject> {
  const authority = await makeAuthority()
  const tls = await authority.issue({ commonName: forest.hostName, dnsNames: [forest.hostName], ipAddresses: [] })
  const { addresses, control, close } = await startDirectory({ tls, forest, bannedSubstrings })
  return { addresses, control, forest, close, ca: authority.ca }
}

const two = new Error('two forests were asked for')

async function embedded({ bannedInNorth }: ForestsOptions): Promise<Forests> {
  const [corp, emea] = asOneForest(sampleForest(), sampleForest({ sample: 'emea' }))
  const north = withSharedPeople(corp, sampleForest({ sample: 'north' }))
  const starting = [startStandIn(corp), startStandIn(north, bannedInNorth), startStandIn(emea)]
  return gather('stand-in', await allOrNone(starting, (subject) => subject.close()))
}

async function real({ bannedInNorth = [] }: ForestsOptions): Promise<Forests> {
  const starting = [startSamba(), startSamba({ sample: 'north', bannedSubstrings: bannedInNorth })]
  const [corp, second] = await allOrNone(starting, (samba) => samba.close())
  if (corp === undefined || second === undefined) throw two
  const forest = withSharedPeople(corp.forest, second.forest)
  for (const { dn, immutableId } of sharedPeople(corp.forest, forest)) {
    await second.control.setAttributes(dn, { 'mS-DS-ConsistencyGuid': immutableId })
  }
  return gather('samba', [corp, { ...second, forest }])
}

async function gather(kind: ForestKind, subjects: readonly Subject[]): Promise<Forests> {
  const labs = await Promise.all(subjects.map(openLab))
  const [corp, north, emea] = labs
  if (corp === undefined || north === undefined) throw two
  const close = async () => {
    await Promise.all(labs.map((lab) => lab.close()))
  }
  return { kind, corp, north, emea, close }
}
