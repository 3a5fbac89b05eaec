/** The people of the sample forest as the cloud directory knows them, and one who exists in the cloud alone. */
import { randomUUID } from 'node:crypto'
import type { SampleForest, SampleUser } from './directory/seed.ts'
import type { NewUser } from './graph/users.ts'

const domainOf = (upn: string) => upn.split('@')[1] ?? ''

export const cloudUser = (user: SampleUser): NewUser => ({
  id: randomUUID(),
  userPrincipalName: user.upn,
  displayName: user.displayName,
  mail: user.mail,
  onPremisesSyncEnabled: true,
  onPremisesImmutableId: user.immutableId,
  onPremisesDomainName: domainOf(user.upn),
  onPremisesSamAccountName: user.sam,
})

export const cloudOnly: NewUser = {
  userPrincipalName: 'cloud.only@corp.example.test',
  displayName: 'Cloud Only',
  mail: 'cloud.only@corp.example.test',
}
/** Synchronized once, deleted on-premises since. */
export const vanished: NewUser = {
  userPrincipalName: 'gone.away@corp.example.test',
  displayName: 'Gone Away',
  mail: 'gone.away@corp.example.test',
  onPremisesSyncEnabled: true,
  onPremisesImmutableId: Buffer.alloc(16, 7).toString('base64'),
}

export const cloudPeople = (forest: SampleForest): NewUser[] => [...forest.users.map(cloudUser), cloudOnly, vanished]
