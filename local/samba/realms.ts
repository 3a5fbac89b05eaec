/** The forests Samba plays: the names of each, and where its template lies. A child domain is embedded only. */
import { dnsName } from '../directory/domain.ts'
import { sampleDomains } from '../directory/sample-people.ts'
import { parseBase, type SampleName } from '../directory/seed.ts'
import { controllers } from './place.ts'

export type SambaForest = Exclude<SampleName, 'emea'>

export interface Realm {
  forest: SambaForest
  netbiosName: string
  dnsName: string
  host: string
  hostName: string
  /** As seen inside. */
  template: string
}

const host = 'dc1'

function realmOf(forest: SambaForest, folder: string): Realm {
  const { baseDn, netbiosName } = sampleDomains[forest]
  const dns = dnsName(parseBase(baseDn))
  return { forest, netbiosName, dnsName: dns, host, hostName: `${host}.${dns}`, template: `${controllers}/${folder}` }
}

export const realms: Readonly<Record<SambaForest, Realm>> = {
  corp: realmOf('corp', 'template'),
  north: realmOf('north', 'template-north'),
}
