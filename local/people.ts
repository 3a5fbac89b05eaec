/**
 * The people of the sample forests as the cloud directory knows them, each once, and one who exists in the cloud alone.
 *
 * How they sign in: whoever is named as federated has a name in a federated domain, though the account is in a forest of ours; all
 * others with an account are synchronized by password hash or not, as the tenant says.
 */
import { randomUUID } from 'node:crypto'
import type { SampleForest, SampleUser } from './directory/seed.ts'
import type { Person } from './entra/people.ts'
import type { Domain } from './graph/shape.ts'
import type { NewUser } from './graph/users.ts'

const domainOf = (upn: string) => upn.split('@')[1] ?? ''

export const federatedDomain = 'fed.example.test'

/** Of the tenant: those of the forests, and the federated one. */
export const cloudDomains = (...forests: SampleForest[]): Domain[] => [
  ...[...new Set(forests.flatMap(({ users }) => users.map(({ upn }) => domainOf(upn))))].map((id) => ({ id })),
  { id: federatedDomain, federated: true },
]

export const cloudUser = (user: SampleUser): NewUser & { id: string } => ({
  id: randomUUID(),
  userPrincipalName: user.upn,
  displayName: user.displayName,
  mail: user.mail,
  onPremisesSyncEnabled: true,
  onPremisesImmutableId: user.immutableId,
  onPremisesDomainName: domainOf(user.upn),
  onPremisesSamAccountName: user.sam,
})

/** The same person, under a name in the federated domain. */
export const federated = <U extends NewUser>(user: U): U => ({
  ...user,
  userPrincipalName: `${user.onPremisesSamAccountName}@${federatedDomain}`,
})

export const cloudOnly: NewUser & { id: string } = {
  id: randomUUID(),
  userPrincipalName: 'cloud.only@corp.example.test',
  displayName: 'Cloud Only',
  mail: 'cloud.only@corp.example.test',
}
/** Synchronized once, deleted on-premises since. */
export const vanished: NewUser & { id: string } = {
  id: randomUUID(),
  userPrincipalName: 'gone.away@corp.example.test',
  displayName: 'Gone Away',
  mail: 'gone.away@corp.example.test',
  onPremisesSyncEnabled: true,
  onPremisesImmutableId: Buffer.alloc(16, 7).toString('base64'),
}

/** The same person as the tenant signs them in: without any role. */
export const asSignedIn = ({ id, userPrincipalName: upn, displayName }: NewUser & { id: string }): Person => ({
  objectId: id,
  upn,
  name: displayName ?? upn,
  roles: [],
})

/** Who has an account in several forests is one person in the cloud, under the name of the first. */
export function cloudPeople(...forests: SampleForest[]): (NewUser & { id: string })[] {
  const byAnchor = new Map<string, SampleUser>()
  for (const user of forests.flatMap(({ users }) => users)) if (!byAnchor.has(user.immutableId)) byAnchor.set(user.immutableId, user)
  return [...[...byAnchor.values()].map(cloudUser), cloudOnly, vanished]
}
