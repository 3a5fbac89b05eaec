/** Trouble with the vault, on both sides: an honest end in time, and one word in the log for whoever has to do something. */
import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openKeys } from '../agent/keys.ts'
import { openVault } from '../functions/keys/vault.ts'
import { agent, functions, nobody } from '../local/entra/test-tenant.ts'
import { startTestVault, type TestVault, versionOf } from '../local/vault/test-vault.ts'
import type { Fields } from '../shared/log.ts'
import { type VirtualClock, virtualClock } from './virtual-clock.ts'

let vault: TestVault
let clock: VirtualClock
let logged: (string | undefined)[]
beforeAll(async () => {
  vault = await startTestVault()
})
afterAll(() => vault.close())
beforeEach(() => {
  clock = virtualClock(Date.now())
  logged = []
})
afterEach(() => {
  const { control } = vault.vault
  control.faults([])
  control.throttle(0)
  control.grant(functions.objectId, 'functions')
  control.grant(agent.objectId, 'agent')
})

const log = (_: string, { reason }: Fields = {}) => void logged.push(reason)
const url = () => vault.vault.addresses.url
const agentKeys = (by = agent) =>
  openKeys({ url: url(), credential: vault.tenant.credentialOf(by), localCa: vault.tenant.tls.ca }, clock, log)
const functionsVault = (timeoutMs = 8_000) =>
  openVault({ url: url(), credential: vault.tenant.managedIdentity(), timeoutMs, clock, log, local: { ca: vault.tenant.tls.ca } })
const newSecret = async () => versionOf(await vault.functions.secrets.setSecret('package-key', randomBytes(32).toString('base64url')))
const newKey = async () => versionOf(await vault.functions.keys.createRsaKey('password-key', { keySize: 2048, keyOps: ['decrypt'] }))
const raw = (version: string) => Buffer.from(version, 'hex')

/** What each side does first with a key, of a version that the vault has. */
const sides: [string, (version: string) => () => Promise<unknown>][] = [
  ['functions', (version) => () => functionsOpened.secret('package-key', version)],
  ['agent', (version) => () => agentOpened.packageKey(raw(version))],
]
let functionsOpened: ReturnType<typeof functionsVault>
let agentOpened: ReturnType<typeof agentKeys>
const openBoth = () => {
  functionsOpened = functionsVault()
  agentOpened = agentKeys()
}
const endOf = (work: Promise<unknown>) =>
  work.then(
    (value) => (value === undefined ? 'none' : 'a key'),
    (error: { code?: string }) => error.code ?? String(error),
  )
const requests = () => vault.vault.control.stats().requests

describe.each(sides)('%s', (side, keyOf) => {
  test('429: a Retry-After within the time of a call is kept to, and then there is a key', async () => {
    const get = keyOf(await newSecret())
    openBoth()
    vault.vault.control.throttle(900)
    expect([await endOf(get()), logged]).toEqual(['a key', []])
  })

  test('429: a longer one ends the call at once, and nobody asks before it is over', async () => {
    const get = keyOf(await newSecret())
    openBoth()
    vault.vault.control.throttle(30_000)
    expect(await endOf(get())).toBe('KEY_UNAVAILABLE')
    const asked = requests()
    vault.vault.control.throttle(0)
    await clock.advance(10_000)
    expect([await endOf(get()), requests() - asked]).toEqual(['KEY_UNAVAILABLE', 0])
    await clock.advance(20_000)
    expect([await endOf(get()), logged]).toEqual(['a key', ['throttled']])
  })

  test('however long it wants to be left alone, it is asked again after a minute: a day would be an outage of our own', async () => {
    const get = keyOf(await newSecret())
    openBoth()
    vault.vault.control.throttle(86_400_000)
    expect(await endOf(get())).toBe('KEY_UNAVAILABLE')
    vault.vault.control.throttle(0)
    await clock.advance(60_000)
    expect(await endOf(get())).toBe('a key')
  })

  test.each<[string, () => void, string]>([
    ['503', () => vault.vault.control.faults([{ kind: 'unavailable', count: 100 }]), 'unavailable'],
    [
      'a role that is missing',
      () => [functions, agent].forEach(({ objectId }) => void vault.vault.control.grant(objectId, null)),
      'noRight',
    ],
  ])('%s', async (_, arrange, word) => {
    const get = keyOf(await newSecret())
    openBoth()
    arrange()
    expect(await endOf(get())).toBe('KEY_UNAVAILABLE')
    if (word === 'noRight') expect(await endOf(get())).toBe('KEY_UNAVAILABLE')
    expect(logged).toEqual([word])
  })

  test('no answer', async () => {
    const get = keyOf(await newSecret())
    openBoth()
    await endOf(side === 'agent' ? agentOpened.packageKey(randomBytes(16)) : functionsOpened.secret('package-key', '0'.repeat(32)))
    const before = requests()
    vault.vault.control.faults([{ kind: 'hang', count: 1 }])
    const end = endOf(get())
    await expect.poll(requests, { interval: 5 }).toBeGreaterThan(before)
    await clock.advance(8_000)
    expect([await end, logged]).toEqual(['KEY_UNAVAILABLE', ['noAnswer']])
  })
})

test('the agent: whoever gets no token is told so', async () => {
  expect(await endOf(agentKeys({ ...agent, secret: 'wrong' }).packageKey(randomBytes(16)))).toBe('KEY_UNAVAILABLE')
  expect(await endOf(agentKeys({ ...nobody, clientId: 'c1b2c3d4-0000-4000-8000-00000000000c' }).prove())).toBe('KEY_UNAVAILABLE')
  expect(logged).toEqual(['signIn', 'signIn'])
})

describe('a version in use', () => {
  test('that was disabled or purged: the agent refuses what was sealed under it, and the log says why', async () => {
    const disabled = await newKey()
    await vault.functions.keys.updateKeyProperties('password-key', disabled, { enabled: false })
    const keys = agentKeys()
    expect([await endOf(keys.decrypt(raw(disabled), randomBytes(256))), logged]).toEqual(['none', ['retired']])
    const purged = await newKey()
    vault.vault.control.purge('keys', 'password-key')
    expect(await endOf(keys.decrypt(raw(purged), randomBytes(256)))).toBe('none')
    expect(await endOf(functionsVault().passwordPublicKey(purged))).toBe('none')
  })

  test.each([
    ['before its nbf', { notBefore: 60_000 }],
    ['after its exp', { expiresOn: -60_000 }],
  ])('%s is not sealed under, and still opens', async (_, over) => {
    const dates = Object.fromEntries(Object.entries(over).map(([name, ms]) => [name, new Date(clock.now() + ms)]))
    const [key, secret] = [await newKey(), await newSecret()]
    await vault.functions.keys.updateKeyProperties('password-key', key, dates)
    await vault.functions.secrets.updateSecretProperties('package-key', secret, dates)
    const opened = functionsVault()
    expect(await endOf(opened.passwordPublicKey(key))).toBe('KEY_UNAVAILABLE')
    expect(await endOf(opened.secret('package-key', secret, 'seal'))).toBe('KEY_UNAVAILABLE')
    expect([await endOf(opened.secret('package-key', secret)), await endOf(agentKeys().packageKey(raw(secret)))]).toEqual([
      'a key',
      'a key',
    ])
    expect(logged).toEqual(['outsideLifetime'])
  })
})
