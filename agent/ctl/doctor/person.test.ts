/** `doctor USER`: why a reset would not work, each cause on its line, whoever is named and however. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { complaints, type Patient, startPatient } from './doctor.fixture.ts'

let patient: Patient
beforeAll(async () => {
  patient = await startPatient()
})
afterAll(() => patient.close())

const of = (sam: string) => patient.directory.control.user(sam)
const about = async (person: string, file = patient.installed) =>
  (await patient.examine({ person, file })).filter(({ check }) => check !== 'settings')
const complaintsAbout = async (person: string, file?: string) => complaints(await about(person, file)).map((line) => line.split(' ')[0])

test.each<[string, () => string]>([
  ['a UPN', () => of('alice.adams').upn],
  ['a sAMAccountName', () => 'alice.adams'],
  ['a sAMAccountName with its domain', () => 'CORP\\alice.adams'],
  ['a DN', () => of('alice.adams').dn],
  ['a source anchor', () => of('alice.adams').immutableId],
])('%s finds the one person, for whom a reset would work', async (_name, person) => {
  const findings = await about(person())
  expect(findings.map(({ state }) => state)).toEqual(findings.map(() => 'passed'))
  expect(findings[0]?.text).toContain(of('alice.adams').dn)
  expect(findings[2]?.text).toContain('rule "everybody"')
})

test.each([
  ['dave.disabled', ['person-disabled']],
  ['erin.expired', ['person-expired']],
  ['frank.locked', ['person-locked']],
  ['grace.must', []],
  ['heidi.admin', ['person-protected']],
  ['ivan.nested', ['person-protected']],
  ['judy.fixed', ['person-rights']],
  ['karl.card', ['person-smart-card']],
  ['mallory.other', ['person-rights']],
  ['odd.comma', []],
  ['odd.wild', []],
  ['odd.unicode', []],
  ['carol.clark', []],
  ['nobody', ['person']],
  ['*', ['person']],
])('%s: %j', async (sam, expected) => {
  expect(await complaintsAbout(sam)).toEqual(expected)
})

describe('the way from an account to its rule and back', () => {
  const person = async (change: Parameters<Patient['changed']>[0], sam = 'alice.adams') => {
    const findings = await about(sam, await patient.changed(change))
    return findings.find(({ check }) => check === 'person-rule')
  }
  const scope = () => patient.forest.serviceAccount.scope

  test('out of every scope', async () => {
    expect(await person(() => undefined, 'mallory.other')).toMatchObject({ state: 'failed', text: expect.stringContaining('no rule') })
  })

  test('filtered out', async () => {
    const found = await person((settings) => Object.assign(settings.rules[0], { filter: '(!(sAMAccountName=alice.adams))' }))
    expect(found).toMatchObject({ state: 'failed', text: expect.stringContaining('no rule') })
  })

  test('a rule that is switched off', async () => {
    const found = await person((settings) => {
      settings.rules[0].enabled = false
      settings.rules.push({ name: 'elsewhere', forest: 'corp', baseDn: `OU=Other,${patient.forest.baseDn}` })
    })
    expect(found).toMatchObject({ state: 'failed', text: expect.stringContaining('switched off') })
  })

  test('an account without a value in the attribute that is the anchor', async () => {
    const found = await person((settings) => Object.assign(settings.rules[0], { anchor: 'employeeID' }))
    expect(found).toMatchObject({ state: 'failed', text: 'the account has no value in employeeID' })
  })

  test('two accounts with one anchor', async () => {
    const { control } = patient.directory
    const anchor = Buffer.alloc(16, 9).toString('base64')
    const twins = ['twin.one', 'twin.two'].map((sam) => control.addUser({ sam, password: 'Start!Pass2026' }))
    for (const { dn } of twins) control.setAttributes(dn, { 'mS-DS-ConsistencyGuid': anchor })
    expect(await person(() => undefined, 'twin.one')).toMatchObject({ state: 'failed', text: expect.stringContaining('several accounts') })
    const byAnchor = await about(anchor)
    expect(byAnchor.map(({ check, state }) => [check, state])).toEqual([
      ['person', 'skipped'],
      ['person-rule', 'failed'],
    ])
  })

  test('another account that a better rule prefers', async () => {
    const { control } = patient.directory
    const anchor = Buffer.alloc(16, 5).toString('base64')
    const inner = control.addUser({ sam: 'pair.inner', password: 'Start!Pass2026' })
    const outer = control.addUser({ sam: 'pair.outer', password: 'Start!Pass2026', traits: ['outOfScope'] })
    for (const { dn } of [inner, outer]) control.setAttributes(dn, { 'mS-DS-ConsistencyGuid': anchor })
    const found = await person((settings) => {
      Object.assign(settings.rules[0], { baseDn: `OU=Other,${patient.forest.baseDn}`, precedence: 200 })
      settings.rules.push({ name: 'staff', forest: 'corp', baseDn: scope(), precedence: 100 })
    }, 'pair.outer')
    expect(found).toMatchObject({ state: 'failed', text: expect.stringContaining(inner.dn) })
  })
})

test('minimum age, with the time it ends', async () => {
  const { control } = patient.directory
  control.setPolicy({ minPwdAgeMs: 86_400_000 })
  control.setAttributes('bob.brown', { pwdLastSet: 0 })
  const fresh = control.addUser({ sam: 'young', password: 'Start!Pass2026' })
  const findings = await about(fresh.sam)
  control.setPolicy({ minPwdAgeMs: 0 })
  const until = new Date((fresh.pwdLastSetMs ?? 0) + 86_400_000).toISOString()
  expect(findings.find(({ check }) => check === 'person-minimum-age')).toMatchObject({ state: 'failed', text: `too young until ${until}` })
})

test('inheritance blocked on this very object', async () => {
  const { dn } = of('bob.brown')
  await patient.blockInheritance(dn, true)
  const findings = await about('bob.brown')
  await patient.blockInheritance(dn, false)
  expect(findings.find(({ check }) => check === 'person-rights')).toMatchObject({
    state: 'failed',
    text: 'missing: Reset Password, Write lockoutTime, Write pwdLastSet; inheritance is blocked on this object',
  })
})

test('which policy applies', async () => {
  const policy = (await about('alice.adams')).find(({ check }) => check === 'person-policy')
  expect(policy).toMatchObject({ state: 'passed', text: expect.stringMatching(/^the domain's: length \d+, history \d+/) })
})

test('changes nothing', async () => {
  const facts = () => ['alice.adams', 'frank.locked'].map(of)
  const before = facts()
  await about('alice.adams')
  await about('frank.locked')
  expect(facts()).toEqual(before)
})
