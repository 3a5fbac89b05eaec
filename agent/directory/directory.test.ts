import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Client } from 'ldapts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeAuthority } from '../../local/ca.ts'
import { type Directory as StandIn, startDirectory } from '../../local/directory/directory.ts'
import { systemClock } from '../../shared/clock.ts'
import { isFault } from '../../shared/fault.ts'
import { Secret } from '../../shared/secret.ts'
import { type Directory, domainIdOf, openDirectory, type User } from './directory.ts'
import { parseAnchor } from './locate.ts'

const host = 'dc1.corp.example.test'
const authority = await makeAuthority()
const certificate = await authority.issue({ commonName: host, dnsNames: [host], ipAddresses: ['127.0.0.1'] })
const fine = 'Quite-Different-77'
const always = () => true
const nothing = { unlock: false, mustChange: false }

let server: StandIn
let directory: Directory

beforeEach(async () => {
  server = await startDirectory({ tls: certificate })
  directory = open()
})
afterEach(async () => {
  directory.close()
  await server.close()
})

function open(baseDn = server.forest.baseDn): Directory {
  const { dn, password } = server.forest.serviceAccount
  const settings = {
    servers: [`ldaps://${host}`],
    addresses: { [host]: new URL(server.addresses.ldaps).host },
    ca: authority.ca,
    bindDn: dn,
    bindPassword: Secret.fromText(password),
    baseDn,
    ldapMs: 8000,
    domain: 'corp.example.test',
  }
  return openDirectory(settings, { clock: systemClock, log: () => undefined })
}

function sample(sam: string) {
  const user = server.forest.users.find((each) => each.sam === sam)
  if (!user) throw new Error('no such sample user')
  return user
}

async function find(sam: string): Promise<User> {
  const located = await directory.locate(server.control.user(sam).immutableId)
  if (located.kind !== 'user') throw new Error(located.kind)
  return located.user
}

const anchorOf = (dashed: string) => {
  const [a = '', b = '', c = '', d = '', e = ''] = dashed.split('-').map((part) => Buffer.from(part, 'hex').toString('hex'))
  const little = [a, b, c].map((part) => Buffer.from(part, 'hex').reverse().toString('hex'))
  return Buffer.from(little.join('') + d + e, 'hex').toString('base64')
}

describe('locate', () => {
  test('finds everybody by the source anchor, whatever the name looks like', async () => {
    for (const { sam, dn, displayName, immutableId } of server.forest.users) {
      const located = await directory.locate(immutableId)
      expect(located).toMatchObject({ kind: 'user', user: { accountName: sam, displayName, dn } })
    }
  })

  test.each([
    '',
    '*',
    'AAAA',
    ')(objectClass=*',
    'AAAAAAAAAAAAAAAAAAAA',
    `${'A'.repeat(21)}B==`,
    `${'A'.repeat(22)}`,
    ` ${'A'.repeat(22)}==`,
  ])('an anchor that is not 16 bytes in canonical base64 names nobody: %j', async (anchor) => {
    expect(parseAnchor(anchor)).toBeUndefined()
    expect(await directory.locate(anchor)).toEqual({ kind: 'userNotFound' })
  })

  test.each(['*', ')', '(', '\\', '\0'])('an anchor made of %j is 16 plain bytes to the filter', async (character) => {
    expect(await directory.locate(Buffer.alloc(16, character).toString('base64'))).toEqual({ kind: 'userNotFound' })
  })

  test('an account with a ConsistencyGuid is not found by its objectGUID', async () => {
    expect(await directory.locate(anchorOf(sample('carol.clark').objectGuid))).toEqual({ kind: 'userNotFound' })
    expect(await find('carol.clark')).toMatchObject({ accountName: 'carol.clark' })
  })

  test('a ConsistencyGuid wins over the objectGUID of an account that has another ConsistencyGuid', async () => {
    const anchor = anchorOf(sample('carol.clark').objectGuid)
    server.control.setAttributes('alice.adams', { 'mS-DS-ConsistencyGuid': anchor })
    expect(await directory.locate(anchor)).toMatchObject({ kind: 'user', user: { accountName: 'alice.adams' } })
  })

  test('two claims on one anchor are ambiguous', async () => {
    const anchor = sample('bob.brown').immutableId
    server.control.setAttributes('alice.adams', { 'mS-DS-ConsistencyGuid': anchor })
    expect(await directory.locate(anchor)).toEqual({ kind: 'ambiguousUser' })
  })

  test('only accounts of people below the base', async () => {
    const group = server.control.user(`CN=Server Team,OU=Groups,${server.forest.baseDn}`)
    expect(await directory.locate(group.immutableId)).toEqual({ kind: 'userNotFound' })
    const narrow = open(`OU=Staff,${server.forest.baseDn}`)
    expect(await narrow.locate(sample('mallory.other').immutableId)).toEqual({ kind: 'userNotFound' })
    expect(await narrow.locate(sample('alice.adams').immutableId)).toMatchObject({ kind: 'user' })
    narrow.close()
  })

  test('reads what is decided about the account', async () => {
    expect(await find('alice.adams')).toMatchObject({ lockedOut: false, adminCount: 0n, accountControl: 0x200 })
    expect(await find('frank.locked')).toMatchObject({ lockedOut: true })
    expect((await find('grace.must')).pwdLastSet).toBe(0n)
  })
})

test.each([
  ['alice.adams', false],
  ['heidi.admin', true],
  ['ivan.nested', true],
  ['mallory.other', false],
])('%s is protected: %s', async (sam, expected) => {
  expect(await directory.isProtected(await find(sam))).toBe(expected)
})

test('the built-in administrator is protected by its SID alone', async () => {
  const administrator = server.control.user(server.forest.administrator.dn)
  server.control.setAttributes(server.forest.administrator.dn, { adminCount: null })
  const located = await directory.locate(administrator.immutableId)
  expect(located.kind === 'user' && (await directory.isProtected(located.user))).toBe(true)
})

describe('before the write', () => {
  test.each([
    ['alice.adams', undefined],
    ['dave.disabled', 'accountDisabled'],
    ['erin.expired', 'accountExpired'],
    ['karl.card', 'smartCardRequired'],
    ['judy.fixed', undefined],
  ])('%s: %s', async (sam, kind) => {
    expect((await directory.eligibility(await find(sam)))?.kind).toBe(kind)
  })

  test('minimum age, with the time at which it ends', async () => {
    server.control.setPolicy({ minPwdAgeMs: 3_600_000 })
    const setAtMs = server.control.user('alice.adams').pwdLastSetMs ?? Number.NaN
    expect(await directory.eligibility(await find('alice.adams'))).toEqual({ kind: 'policy.minAge', retryAt: setAtMs + 3_600_000 })
  })
})

describe('set', () => {
  test.each([fine, 'Grüße-an-Zoë-7', 'Pass"word\\"-7', '密码-Wörter-77', `Aa1-${'x'.repeat(123)}`])('%s', async (password) => {
    expect(await directory.setPassword(await find('odd.comma'), Secret.fromText(password), nothing, always)).toEqual({ kind: 'done' })
    expect(server.control.verifyPassword('odd.comma', password)).toBe(true)
  })

  test('everybody in scope, once each', async () => {
    const inScope = server.forest.users.filter(({ traits }) => !traits.includes('outOfScope') && !traits.includes('protected'))
    for (const { sam } of inScope) {
      expect(await directory.setPassword(await find(sam), Secret.fromText(fine), nothing, always), sam).toEqual({ kind: 'done' })
      expect(server.control.user(sam).passwordWrites).toBe(1)
    }
  })

  test('lifts the lock-out if asked, and only then', async () => {
    const frank = await find('frank.locked')
    await directory.setPassword(frank, Secret.fromText(fine), nothing, always)
    expect(server.control.user('frank.locked').locked).toBe(true)
    await directory.setPassword(frank, Secret.fromText(`${fine}8`), { unlock: true, mustChange: false }, always)
    expect(server.control.user('frank.locked').locked).toBe(false)
  })

  test('demands a change at the next sign-in', async () => {
    const extras = { unlock: true, mustChange: true }
    expect(await directory.setPassword(await find('frank.locked'), Secret.fromText(fine), extras, always)).toEqual({ kind: 'done' })
    expect(server.control.user('frank.locked')).toMatchObject({ locked: false, mustChange: true, passwordWrites: 1 })
  })

  test('says when the password is set and "must change" is refused', async () => {
    const { dn, scope } = server.forest.serviceAccount
    server.control.revoke(dn)
    server.control.grant(dn, scope, ['resetPassword'])
    const result = await directory.setPassword(await find('bob.brown'), Secret.fromText(fine), { unlock: false, mustChange: true }, always)
    expect(result).toEqual({ kind: 'done', extrasRefused: { ldapCode: 50, hex: '00002098' } })
    expect(server.control.verifyPassword('bob.brown', fine)).toBe(true)
  })

  test('writes nothing when it may not begin any more', async () => {
    const alice = await find('alice.adams')
    expect(await directory.setPassword(alice, Secret.fromText(fine), { unlock: true, mustChange: true }, () => false)).toEqual({
      kind: 'notBegun',
    })
    expect(await directory.finish(alice, { unlock: true, mustChange: true }, () => false)).toEqual({ kind: 'notBegun' })
    expect(server.control.user('alice.adams')).toMatchObject({ passwordWrites: 0, mustChange: false })
  })

  test('the extras alone, as often as wanted', async () => {
    const frank = await find('frank.locked')
    for (const _ of [1, 2]) expect(await directory.finish(frank, { unlock: true, mustChange: true })).toEqual({ kind: 'done' })
    expect(server.control.user('frank.locked')).toMatchObject({ locked: false, mustChange: true, passwordWrites: 0 })
    expect(await directory.finish(frank, nothing)).toEqual({ kind: 'done' })
  })
})

describe('refused', () => {
  async function refusalOf(sam: string, password: string) {
    const user = await find(sam)
    const result = await directory.setPassword(user, Secret.fromText(password), nothing, always)
    if (result.kind !== 'refused') throw new Error(result.kind)
    expect(server.control.user(sam).passwordWrites).toBe(0)
    return directory.diagnose(user, Secret.fromText(password), result)
  }

  test.each([
    ['alice.adams', 'Short-7', { kind: 'policy.length', minLength: 10 }],
    ['alice.adams', 'onlylowercase', { kind: 'policy.complexity' }],
    ['alice.adams', 'x-ALICE.adams-7', { kind: 'policy.containsName' }],
    ['bob.brown', 'My-brown-Bear-7', { kind: 'policy.containsName' }],
    ['odd.comma', "O'NEIL-rules-77", { kind: 'policy.containsName' }],
    ['mallory.other', fine, { kind: 'permissionDenied' }],
    ['heidi.admin', fine, { kind: 'permissionDenied' }],
  ])('%s, %s', async (sam, password, outcome) => {
    expect(await refusalOf(sam, password)).toEqual(outcome)
  })

  test('a password of the past', async () => {
    expect(await refusalOf('alice.adams', sample('alice.adams').password)).toEqual({ kind: 'policy.history', historyLength: 5 })
  })

  test('too young, where only the server knows', async () => {
    server.control.setPolicy({ minPwdAgeMs: 3_600_000 })
    expect((await refusalOf('alice.adams', fine)).kind).toBe('policy.minAge')
  })

  test('by a filter', async () => {
    server.control.setPolicy({ bannedSubstrings: ['different'], pwdHistoryLength: 0 })
    expect(await refusalOf('alice.adams', fine)).toEqual({ kind: 'policy.filter' })
  })

  test.each([
    ['busy', 'directoryUnavailable'],
    ['unavailable', 'directoryUnavailable'],
  ] as const)('%s', async (kind, outcome) => {
    await directory.facts()
    server.control.fault({ kind, operation: 'modify' })
    expect(await refusalOf('alice.adams', fine)).toEqual({ kind: outcome })
  })

  test('a fine-grained policy that cannot be read is not replaced by the domain policy', async () => {
    const strict = { 'msDS-MinimumPasswordLength': '40', 'msDS-PasswordComplexityEnabled': 'TRUE', 'msDS-PasswordHistoryLength': '0' }
    await addPolicyObject({ ...strict, 'msDS-MinimumPasswordAge': '0' })
    expect(await directory.policy(await find('alice.adams'))).toBeUndefined()
    expect(await refusalOf('alice.adams', fine)).toEqual({ kind: 'policy.filter' })
    expect(await directory.policy(await find('bob.brown'))).toMatchObject({ minLength: 10, historyLength: 5, complexity: true })
  })
})

async function addPolicyObject(values: Record<string, string>): Promise<void> {
  const { baseDn, administrator } = server.forest
  const client = new Client({ url: server.addresses.ldaps, tlsOptions: { ca: authority.ca } })
  await client.bind(administrator.dn, administrator.password)
  await client.add(`CN=strict,CN=Password Settings Container,CN=System,${baseDn}`, {
    objectClass: 'msDS-PasswordSettings',
    'msDS-PasswordSettingsPrecedence': '10',
    'msDS-PasswordReversibleEncryptionEnabled': 'FALSE',
    'msDS-MaximumPasswordAge': '-9223372036854775808',
    'msDS-LockoutThreshold': '0',
    'msDS-LockoutObservationWindow': '-18000000000',
    'msDS-LockoutDuration': '-18000000000',
    'msDS-PSOAppliesTo': sample('alice.adams').dn,
    ...values,
  })
  await client.unbind()
}

describe('proof', () => {
  test.each([
    ['alice.adams', 'right'],
    ['dave.disabled', 'right'],
    ['erin.expired', 'right'],
    ['grace.must', 'right'],
    ['odd.comma', 'right'],
    ['odd.lead', 'right'],
    ['odd.wild', 'right'],
    ['frank.locked', 'unsure'],
  ])('%s with the password: %s', async (sam, proof) => {
    expect(await directory.provePassword(await find(sam), Secret.fromText(sample(sam).password))).toBe(proof)
  })

  test('another password is wrong and counts once', async () => {
    expect(await directory.provePassword(await find('alice.adams'), Secret.fromText(fine))).toBe('wrong')
    expect(server.control.user('alice.adams').badPwdCount).toBe(1)
  })

  test('no password proves nothing', async () => {
    expect(await directory.provePassword(await find('alice.adams'), Secret.fromText(''))).toBe('unsure')
  })

  test('a server that cannot be reached proves nothing', async () => {
    const alice = await find('alice.adams')
    server.control.fault({ kind: 'dropBeforeWrite', operation: 'bind' })
    expect(await directory.provePassword(alice, Secret.fromText(sample('alice.adams').password))).toBe('unsure')
  })

  test('the proof leaves no connection behind and the warm one bound', async () => {
    await directory.provePassword(await find('alice.adams'), Secret.fromText(sample('alice.adams').password))
    expect(await find('bob.brown')).toMatchObject({ accountName: 'bob.brown' })
  })

  test('when the password was set, by the clock of the server', async () => {
    const user = await find('alice.adams')
    const before = await directory.passwordState(user)
    expect(before.pwdLastSet).toBe(user.pwdLastSet)
    await directory.setPassword(user, Secret.fromText(fine), nothing, always)
    const after = await directory.passwordState(user)
    expect(after.pwdLastSet).toBeGreaterThan(before.pwdLastSet)
    expect(Math.abs(after.serverNow - (after.pwdLastSetMs ?? Number.NaN))).toBeLessThan(60_000)
    expect(await directory.passwordState(await find('grace.must'))).toMatchObject({ pwdLastSet: 0n, pwdLastSetMs: undefined })
  })
})

test('facts for the heartbeat', async () => {
  const policy = { minLength: 10, historyLength: 5, complexity: true, minAgeMinutes: 0 }
  const domainId = domainIdOf('CORP.example.test')
  expect(domainId).toHaveLength(8)
  expect(await directory.facts()).toMatchObject({ domainId, reachable: true, policy })
  server.control.fault({ kind: 'unavailable', operation: 'search' })
  expect(await directory.facts()).toMatchObject({ domainId, reachable: false, policy })
})

test('refuses to start where ldapts would print its messages', async () => {
  const script = `import { openDirectory } from './agent/directory/directory.ts'; openDirectory({ servers: [] }, {})`
  const run = promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    env: { ...process.env, NODE_DEBUG: 'ldapts' },
  })
  await expect(run).rejects.toThrow('SETTINGS_INVALID')
})

test('settings are checked before anything is asked', () => {
  const bad = { servers: ['ldap://dc1'], addresses: {}, bindDn: '', bindPassword: Secret.fromText('x'), baseDn: '', ldapMs: 1, domain: 'a' }
  const opening = () => openDirectory(bad, { clock: systemClock, log: () => undefined })
  expect(opening).toThrow(expect.toSatisfy((error) => isFault(error, 'DIRECTORY_CONFIGURATION') && error.permanent))
})
