import { expect, test } from 'vitest'
import { sampleForest, withSharedPeople } from './directory/seed.ts'
import { cloudPeople } from './people.ts'

test('who has an account in two forests is one person in the cloud, under the name of the first', () => {
  const corp = sampleForest()
  const north = withSharedPeople(corp, sampleForest({ sample: 'north' }))
  const people = cloudPeople(corp, north)
  const named = (upn: string) => people.filter(({ userPrincipalName }) => userPrincipalName === upn)
  expect(named('alice.adams@corp.example.test')).toMatchObject([{ onPremisesImmutableId: corp.users[0]?.immutableId }])
  expect(named('alice.adams@north.example.test')).toEqual([])
  expect(named('nina.norris@north.example.test')).toMatchObject([{ onPremisesDomainName: 'north.example.test' }])
  expect(people).toHaveLength(cloudPeople(corp).length + north.users.length - 2)
})
