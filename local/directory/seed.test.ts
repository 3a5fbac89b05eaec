import { expect, test } from 'vitest'
import { systemClock } from '../../shared/clock.ts'
import { buildDomain } from './build.ts'
import { directoryControl } from './control.ts'
import { parseDn } from './dn.ts'
import { Faults } from './faults.ts'
import { sampleForest } from './seed.ts'

const none = { size: () => 0, drop: () => undefined }

test('one seed makes one forest, no seed a new one every time', () => {
  expect(sampleForest({ seed: 'a' })).toEqual(sampleForest({ seed: 'a' }))
  expect(sampleForest({ seed: 'a' }).domainSid).not.toBe(sampleForest({ seed: 'b' }).domainSid)
  expect(sampleForest().serviceAccount.password).not.toBe(sampleForest().serviceAccount.password)
})

test('what the sample says is what the directory holds', () => {
  const forest = sampleForest({ extraUsers: 2 })
  const control = directoryControl(buildDomain(forest, systemClock), new Faults(systemClock), none)
  for (const { dn, sam, upn, objectGuid, immutableId, displayName, password, traits } of forest.users) {
    const facts = control.user(dn)
    expect(facts).toMatchObject({ dn, sam, upn, objectGuid, immutableId, displayName, locked: traits.includes('locked') })
    // Who must use a smart card has a password that nobody knows.
    expect(control.verifyPassword(dn, password)).toBe(!traits.includes('smartCard'))
    expect(JSON.stringify(facts)).not.toContain(password)
  }
})

test('other names make another forest beside it', () => {
  const forest = sampleForest({ baseDn: 'DC=emea,DC=example,DC=test', netbiosName: 'EMEA' })
  expect(forest.hostName).toBe('dc1.emea.example.test')
  const domain = buildDomain(forest, systemClock)
  expect(domain.tree.get(parseDn(forest.serviceAccount.dn) ?? [])).toBeDefined()
})
