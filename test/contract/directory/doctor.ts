/** agentctl doctor's checks of a directory, over the same server: all right, and the faults that any server can have. */
import { describe, expect, test } from 'vitest'
import type { Finding } from '../../../agent/ctl/doctor/checks.ts'
import { checkDirectory } from '../../../agent/ctl/doctor/directory.ts'
import { blockInheritance, complaints, deadEnd } from '../../../agent/ctl/doctor/doctor.fixture.ts'
import { checkPerson } from '../../../agent/ctl/doctor/person.ts'
import type { DirectorySettings, ForestSettings } from '../../../agent/directory/directory.ts'
import { ruleFor } from '../../../agent/directory/one-domain.fixture.ts'
import { makeAuthority } from '../../../local/ca.ts'
import { systemClock } from '../../../shared/clock.ts'
import { Secret } from '../../../shared/secret.ts'
import type { Bench } from './bench.ts'

export function doctorContract(bench: Bench): void {
  const host = () => bench.forest.hostName
  const scope = () => bench.forest.serviceAccount.scope

  function settings(over: Partial<ForestSettings> = {}, baseDn = scope()): DirectorySettings {
    const { forest, subject } = bench
    const corp: ForestSettings = {
      name: 'corp',
      domains: [{ name: host().split('.').slice(1).join('.'), servers: [`ldaps://${host()}`] }],
      addresses: { [host()]: new URL(subject.addresses.ldaps).host },
      controllers: 'pdcEmulator',
      ca: subject.ca,
      bindDn: forest.serviceAccount.dn,
      bindPassword: Secret.fromText(forest.serviceAccount.password),
    }
    return { forests: [{ ...corp, ...over }], rules: [ruleFor(baseDn)], ldapMs: 8_000 }
  }
  const examine = (given = settings()): Promise<Finding[]> => checkDirectory(given, { clock: systemClock, sample: 1_000 })
  /** Marks that other tests have left on their people are theirs. */
  const complained = async (given?: DirectorySettings) => complaints(await examine(given)).filter((line) => !line.startsWith('admin-count'))
  const block = (dn: string, blocked: boolean) =>
    blockInheritance(bench.subject.addresses.ldaps, bench.subject.ca, bench.forest, dn, blocked)

  test('all right, and nothing is written', async () => {
    const before = await bench.subject.control.writes()
    const findings = await examine()
    expect(complaints(findings).filter((line) => !line.startsWith('admin-count'))).toEqual([])
    expect(findings.filter(({ state }) => state === 'skipped')).toEqual([])
    expect(await bench.subject.control.writes()).toEqual(before)
  })

  describe('names by its own line', () => {
    test('another authority', async () => {
      expect(await complained(settings({ ca: (await makeAuthority()).ca }))).toEqual([`certificate-chain ${host()}`])
    })

    test('a certificate for another name', async () => {
      const name = `other.${host().split('.').slice(1).join('.')}`
      const domains = settings().forests.flatMap((forest) => forest.domains.map((domain) => ({ ...domain, servers: [`ldaps://${name}`] })))
      const addresses = { [name]: new URL(bench.subject.addresses.ldaps).host }
      expect(await complained(settings({ domains, addresses }))).toEqual([`certificate-name ${name}`])
    })

    test('a controller that cannot be reached', async () => {
      expect(await complained(settings({ addresses: { [host()]: await deadEnd() } }))).toEqual([`port ${host()}`])
    })

    test('a wrong password', async () => {
      expect(await complained(settings({ bindPassword: Secret.fromText('Not-The-Word-1') }))).toEqual([`bind ${host()}`])
    })

    test('a base that is not there', async () => {
      expect(await complained(settings({}, `OU=Nowhere,${bench.forest.baseDn}`))).toEqual(['rule-base everybody'])
    })

    test.each(['resetPassword', 'lockoutTime', 'pwdLastSet'] as const)('one missing permission: %s', async (right) => {
      const { control, forest } = bench.subject
      const others = (['resetPassword', 'changePassword', 'lockoutTime', 'pwdLastSet'] as const).filter((each) => each !== right)
      await control.revoke(forest.serviceAccount.dn)
      await control.grant(forest.serviceAccount.dn, scope(), others)
      const found = await complained()
      await control.grant(forest.serviceAccount.dn, scope(), [right])
      expect(found).toEqual(['rights everybody'])
    })

    test('inheritance blocked on one of the people', async () => {
      const { dn } = await bench.newUser()
      await block(dn, true)
      const findings = await examine()
      await block(dn, false)
      expect(findings.find(({ check }) => check === 'inheritance')).toMatchObject({ state: 'failed', text: expect.stringContaining(dn) })
      expect(await complained()).toEqual([])
    })
  })

  describe('would a reset work for', () => {
    const wrongWith = async (name: string, baseDn = bench.forest.baseDn) =>
      complaints(await checkPerson(name, settings({}, baseDn), systemClock)).map((line) => line.split(' ')[0])

    test.each([
      ['odd.comma', []],
      ['dave.disabled', ['person-disabled']],
      ['erin.expired', ['person-expired']],
      ['heidi.admin', ['person-protected']],
      ['ivan.nested', ['person-protected']],
      ['judy.fixed', ['person-rights']],
      ['karl.card', ['person-smart-card']],
      ['mallory.other', ['person-rights']],
    ])('%s: %j', async (sam, expected) => {
      expect(await wrongWith(sam)).toEqual(expected)
    })

    test('somebody out of scope, locked out, or whose object inherits nothing', async () => {
      expect(await wrongWith('mallory.other', scope())).toEqual(['person-rule', 'person-rights'])
      const locked = await bench.newUser({ traits: ['locked'] })
      expect(await wrongWith(locked.upn)).toEqual(['person-locked'])
      const { dn } = await bench.newUser()
      await block(dn, true)
      const found = await wrongWith(dn)
      await block(dn, false)
      // Samba then shows others less of it, too.
      expect(found.filter((check) => check !== 'person-read')).toEqual(['person-rights'])
    })

    test('somebody whose password is too young', async () => {
      const { dn } = await bench.newUser()
      expect(await bench.withPolicy({ minPwdAgeMs: 86_400_000 }, () => wrongWith(dn))).toEqual(['person-minimum-age'])
    })
  })
}
