/** agentctl grant, over the same server: what it gives works, what it did not give is refused, and what was there stays. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blocksInheritance, inheritedAces, rightsBelow, rightsOf } from '../../../agent/ctl/access.ts'
import { isInherited } from '../../../agent/ctl/ace.ts'
import { decodeDescriptor, encodeDescriptor } from '../../../agent/ctl/descriptor.ts'
import { explain } from '../../../agent/ctl/explain.ts'
import { classes } from '../../../agent/ctl/four-rights.ts'
import { run } from '../../../agent/ctl/grant.ts'
import { sidText } from '../../../agent/ctl/identifiers.ts'
import { openConnection } from '../../../agent/directory/connection.ts'
import { descriptorParts, readSecurityDescriptor } from '../../../agent/directory/security.ts'
import { makeAuthority } from '../../../local/ca.ts'
import { change, outcome } from '../../../local/directory/testing.ts'
import { systemClock } from '../../../shared/clock.ts'
import { Secret } from '../../../shared/secret.ts'
import { always, type Bench, first, fresh, nothing, valuesOf } from './bench.ts'

const secret = Secret.fromText
const nobodyMay = { resetPassword: false, changePassword: true, lockoutTime: false, pwdLastSet: false }
const mayAll = { resetPassword: true, changePassword: true, lockoutTime: true, pwdLastSet: true }

export function grantContract(bench: Bench): void {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'grant-'))
    await writeFile(join(folder, 'ca.pem'), bench.subject.ca)
    await writeFile(join(folder, 'administrator'), `${bench.forest.administrator.password}\n`, { mode: 0o600 })
    await writeFile(join(folder, 'person'), first, { mode: 0o600 })
    await writeFile(join(folder, 'wrong'), 'Wrong!Pass2026', { mode: 0o600 })
    await writeFile(join(folder, 'other-ca.pem'), (await makeAuthority()).ca)
  })
  afterAll(() => rm(folder, { recursive: true }))

  const outside = () => bench.forest.serviceAccount.scope
  const place = () => `OU=Other,${bench.forest.baseDn}`
  const road = ({ bindDn = bench.forest.administrator.dn, password = 'administrator', ca = 'ca.pem' } = {}) => {
    const { host } = new URL(bench.subject.addresses.ldaps)
    const server = ['--server', `ldaps://${bench.forest.hostName}`, '--address', `${bench.forest.hostName}=${host}`]
    return [...server, '--ca-file', join(folder, ca), '--bind-dn', bindDn, '--password-file', join(folder, password)]
  }
  async function agentctl(...args: string[]) {
    const [out, error]: [string[], string[]] = [[], []]
    const code = await run(args, { print: (text) => void out.push(text), complain: (text) => void error.push(text), colour: false })
    return { code, out: out.join('\n'), error: error.join('\n') }
  }
  const grant = (account: string, ...more: string[]) => agentctl('--account', account, '--on', place(), '--apply', ...road(), ...more)

  /** nTSecurityDescriptor as an account sees it: list, owner and group. */
  async function descriptorOf(dn: string, reader = bench.forest.administrator, parts: 4 | 7 = descriptorParts.dacl) {
    const { hostname, port } = new URL(bench.subject.addresses.ldaps)
    const endpoint = { host: bench.forest.hostName, address: hostname, port: Number(port || 636) }
    const options = { clock: systemClock, ca: bench.subject.ca, openMs: 8000, ldapMs: 8000 }
    const connection = await openConnection(endpoint, { dn: reader.dn, password: secret(reader.password) }, options)
    try {
      return (await readSecurityDescriptor(connection, dn, parts)) ?? Buffer.alloc(0)
    } finally {
      connection.reset()
    }
  }
  const sidsOf = async (dn: string) => {
    const administrator = await bench.administrator()
    return [...(await valuesOf(administrator, dn, 'objectSid')), ...(await valuesOf(administrator, dn, 'tokenGroups'))]
  }
  const asAccount = ({ dn }: { dn: string }) => bench.open({ bindDn: dn, bindPassword: secret(first) })
  const inside = () => bench.newUser({ traits: ['outOfScope', 'locked'] })

  describe('given to a new account on a unit', () => {
    test('all that the agent does works inside, and nothing outside', async () => {
      const account = await bench.newUser()
      expect(await grant(account.sam)).toMatchObject({ code: 0, error: '' })
      const directory = asAccount(account)
      const person = await inside()
      const user = await bench.find(person.immutableId, directory)
      const extras = { unlock: true, mustChange: true }
      expect(await directory.setPassword(user, secret(first), nothing, always)).toMatchObject({ kind: 'refused', hex: '0000052D' })
      expect(await directory.setPassword(user, secret(fresh), extras, always)).toEqual({ kind: 'done' })
      expect(await bench.subject.control.user(person.dn)).toMatchObject({ locked: false, mustChange: true, passwordWrites: 1 })
      const unlocked = await bench.find((await inside()).immutableId, directory)
      expect(await directory.finish(unlocked, { unlock: true, mustChange: false })).toEqual({ kind: 'done' })

      const other = await bench.find((await bench.newUser()).immutableId, directory)
      expect(await directory.setPassword(other, secret(fresh), nothing, always)).toMatchObject({ kind: 'refused', ldapCode: 50 })
      expect(await directory.finish(other, { unlock: true, mustChange: false })).toMatchObject({ kind: 'refused', ldapCode: 50 })
      expect(await directory.finish(other, { unlock: false, mustChange: true })).toMatchObject({ kind: 'refused', ldapCode: 50 })
    })

    test('nothing more: no other attribute, not on the unit itself', async () => {
      const account = await bench.newUser()
      await grant(account.dn)
      const client = bench.client()
      await client.bind(account.dn, first)
      const person = await inside()
      expect(await outcome(client.modify(person.dn, [change('replace', 'displayName', 'x')]))).toMatch(/^50/)
      expect(await outcome(client.modify(place(), [change('replace', 'description', 'x')]))).toMatch(/^50/)
      expect((await valuesOf(client, person.dn, 'allowedAttributesEffective')).map(String).sort()).toEqual(['lockoutTime', 'pwdLastSet'])
    })

    test('the second time there is nothing to do, by whichever name; not a byte is different', async () => {
      const account = await bench.newUser()
      const sid = sidText((await valuesOf(await bench.administrator(), account.dn, 'objectSid'))[0] ?? Buffer.alloc(8))
      expect((await grant(account.dn)).out).toContain('added')
      const [list, version] = [await descriptorOf(place()), await valuesOf(await bench.administrator(), place(), 'uSNChanged')]
      for (const name of [account.dn, account.sam, `${bench.forest.netbiosName}\\${account.sam}`, sid]) {
        expect(await grant(name), name).toEqual({ code: 0, out: expect.stringContaining('nothing to do'), error: '' })
      }
      expect(await descriptorOf(place())).toEqual(list)
      expect(await valuesOf(await bench.administrator(), place(), 'uSNChanged')).toEqual(version)
    })

    test('only what is missing is added', async () => {
      const account = await bench.newUser()
      await bench.subject.control.grant(account.dn, place(), ['lockoutTime', 'changePassword'])
      const { out } = await grant(account.dn)
      expect([...out.matchAll(/^ {2}(\S+ \S+)/gm)].map(([, title]) => title)).toEqual(['Reset Password', 'Write pwdLastSet'])
    })

    test('taken away, the list is what it was, byte for byte', async () => {
      const [account, other] = [await bench.newUser(), await bench.newUser()]
      await grant(other.dn)
      const whole = () => descriptorOf(place(), bench.forest.administrator, descriptorParts.ownerGroupAndDacl)
      const before = await whole()
      await grant(account.dn)
      expect(await whole()).not.toEqual(before)
      expect(await grant(account.dn, '--revoke')).toMatchObject({ code: 0, out: expect.stringContaining('taken away') })
      expect(await whole()).toEqual(before)
      expect(await grant(account.dn, '--revoke')).toMatchObject({ code: 0, out: expect.stringContaining('nothing to do') })
      const user = await bench.find((await inside()).immutableId, asAccount(account))
      expect(await asAccount(account).setPassword(user, secret(fresh), nothing, always)).toMatchObject({ kind: 'refused', ldapCode: 50 })
    })

    test('explicit entries stay before inherited ones', async () => {
      const account = await bench.newUser()
      await grant(account.dn)
      const flags = decodeDescriptor(await descriptorOf(place())).dacl?.aces.map(isInherited) ?? []
      expect(flags).toEqual(flags.toSorted())
    })

    test('a dry run says what would change, and changes nothing', async () => {
      const account = await bench.newUser()
      const before = await descriptorOf(place())
      const { code, out } = await grant(account.dn, '--dry-run')
      expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining('would be added') })
      expect(out.match(/\(OA;CIIO;(CR|WP);/g)).toHaveLength(4)
      expect(await descriptorOf(place())).toEqual(before)
    })

    test('on the domain head: everybody below', async () => {
      const account = await bench.newUser()
      const onHead = ['--account', account.dn, '--on', bench.forest.baseDn, '--apply', ...road()]
      expect(await agentctl(...onHead)).toMatchObject({ code: 0 })
      const directory = asAccount(account)
      for (const person of [await bench.newUser(), await inside()]) {
        const user = await bench.find(person.immutableId, directory)
        expect(await directory.setPassword(user, secret(fresh), nothing, always)).toEqual({ kind: 'done' })
      }
      expect(await agentctl(...onHead, '--revoke')).toMatchObject({ code: 0 })
    })

    test('read on the fine-grained policies, if wished', async () => {
      const [account, person] = [await bench.newUser(), await inside()]
      const name = `CN=strict-${person.sam},CN=Password Settings Container,CN=System,${bench.forest.baseDn}`
      await (await bench.administrator()).add(name, { ...strict, 'msDS-PSOAppliesTo': person.dn })
      const policy = async () => {
        const directory = asAccount(account)
        return directory.policy(await bench.find(person.immutableId, directory))
      }
      expect(await policy()).toBeUndefined()
      expect(await grant(account.dn, '--fine-grained-policies')).toMatchObject({ code: 0, error: '' })
      expect(await policy()).toMatchObject({ minLength: 40, historyLength: 3 })
      expect((await grant(account.dn, '--fine-grained-policies')).out.match(/nothing to do/g)).toHaveLength(2)
      await grant(account.dn, '--fine-grained-policies', '--revoke')
      expect(await policy()).toBeUndefined()
    })
  })

  describe('rights, as read from the descriptor by the account itself', () => {
    test('are those that the server grants', async () => {
      const account = await bench.newUser()
      const [sids, person] = [await sidsOf(account.dn), await inside()]
      const read = async (dn: string) =>
        decodeDescriptor(await descriptorOf(dn, { dn: account.dn, password: first }, descriptorParts.ownerGroupAndDacl))
      expect(rightsOf(await read(person.dn), { sids })).toEqual(nobodyMay)
      await grant(account.dn)
      expect(rightsOf(await read(person.dn), { sids })).toEqual(mayAll)
      expect(rightsBelow(await read(place()), { sids })).toEqual(mayAll)
      expect(rightsBelow(await read(outside()), { sids })).toMatchObject({ resetPassword: false, pwdLastSet: false })
    })

    test('"user cannot change password" is a denial before everything else', async () => {
      const account = await bench.newUser()
      await grant(account.dn)
      const person = await bench.newUser({ traits: ['outOfScope', 'cannotChange'] })
      const descriptor = decodeDescriptor(await descriptorOf(person.dn))
      expect(rightsOf(descriptor, { sids: await sidsOf(account.dn) })).toEqual({ ...mayAll, changePassword: false })
    })

    test('what a person inherits is what the unit has to give', async () => {
      const [unit, person] = [await descriptorOf(place()), await descriptorOf((await inside()).dn)].map(decodeDescriptor)
      const hex = (aces: readonly Buffer[] = []) => aces.map((ace) => ace.toString('hex'))
      expect(unit && blocksInheritance(unit)).toBe(false)
      expect(hex(person?.dacl?.aces.filter(isInherited))).toEqual(hex(inheritedAces(unit?.dacl?.aces ?? [], classes.user)))
    })

    test('a descriptor decodes and encodes to its own bytes', async () => {
      for (const dn of [place(), bench.forest.baseDn, bench.forest.administrator.dn]) {
        const bytes = await descriptorOf(dn, bench.forest.administrator, descriptorParts.ownerGroupAndDacl)
        expect(encodeDescriptor(decodeDescriptor(bytes)).equals(bytes), dn).toBe(true)
      }
    })
  })

  describe('says what is wrong', () => {
    const told = (work: Promise<unknown>) =>
      work.then(
        (value) => JSON.stringify(value),
        (error: unknown) => explain(error),
      )

    test('an account or a place that is not there, or is none', async () => {
      const account = await bench.newUser()
      const on = (dn: string) => agentctl('--account', account.dn, '--on', dn, '--apply', ...road())
      const nobody = `CN=nobody,${bench.forest.baseDn}`
      for (const name of ['no.such.account', nobody, `${bench.forest.domainSid}-99999`]) {
        expect(await told(grant(name)), name).toBe('there is no account of this name or SID in the domain')
      }
      expect(await told(grant(place()))).toContain('is no account')
      expect(await told(on(`OU=nowhere,${bench.forest.baseDn}`))).toBe('there is no object of the DN that --on names')
      expect(await told(on(account.dn))).toContain('must name an organizational unit, a container or the domain head')
    })

    test('access denied, and nothing has changed', async () => {
      const account = await bench.newUser()
      const before = await descriptorOf(place())
      const { code, error } = await agentctl(
        '--account',
        account.sam,
        '--on',
        place(),
        '--apply',
        ...road({ bindDn: account.dn, password: 'person' }),
      )
      expect({ code, error }).toEqual({ code: 1, error: expect.stringContaining('not changed: access denied') })
      expect(await descriptorOf(place())).toEqual(before)
    })

    test('the wrong password, a certificate of somebody else, a port where nobody listens', async () => {
      const as = (change: Parameters<typeof road>[0], ...more: string[]) =>
        told(agentctl('--account', 'alice.adams', '--on', place(), '--apply', ...road(change), ...more))
      expect(await as({ password: 'wrong' })).toBe('the name or the password of the bind is wrong (LDAP 49, 80090308, data 52e)')
      expect(await as({ ca: 'other-ca.pem' })).toContain('not trusted: name the authority')
      const { host } = new URL(bench.subject.addresses.ldaps)
      const elsewhere = ['--server', 'ldaps://other.example.test', '--address', `other.example.test=${host}`]
      expect(await as({}, ...elsewhere)).toContain('is for another name')
      expect(await as({}, '--address', `${bench.forest.hostName}=127.0.0.1:1`)).toContain('nobody listens there')
    })
  })

  test('without --apply it looks the account up and shows the way', async () => {
    const account = await bench.newUser()
    const sid = sidText((await valuesOf(await bench.administrator(), account.dn, 'objectSid'))[0] ?? Buffer.alloc(8))
    const before = await descriptorOf(place())
    const { code, out } = await agentctl('--account', account.dn, '--on', place(), ...road())
    expect(code).toBe(0)
    expect(out).toContain(`/I:S /G "${account.upn}:CA;Reset Password;user"`)
    expect(out).toContain(`(OA;CIIO;WP;28630ebf-41d5-11d1-a9c1-0000f80367c1;bf967aba-0de6-11d0-a285-00aa003049e2;${sid})`)
    expect(await descriptorOf(place())).toEqual(before)
  })
}

const strict = {
  objectClass: 'msDS-PasswordSettings',
  'msDS-PasswordSettingsPrecedence': '10',
  'msDS-PasswordReversibleEncryptionEnabled': 'FALSE',
  'msDS-PasswordHistoryLength': '3',
  'msDS-PasswordComplexityEnabled': 'TRUE',
  'msDS-MinimumPasswordLength': '40',
  'msDS-MinimumPasswordAge': '-600000000',
  'msDS-MaximumPasswordAge': '-36288000000000',
  'msDS-LockoutThreshold': '0',
  'msDS-LockoutObservationWindow': '-18000000000',
  'msDS-LockoutDuration': '-18000000000',
}
