import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defaultTimes } from '../shared/times.ts'
import { bent, hostileText, magicNames } from '../test/hostile.ts'
import { readSecretFile, readSettings } from './settings.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'settings-'))
  for (const name of ['secret', 'bind', 'sas']) file(name, 'hidden-word\n')
})
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

const rule = { name: 'people', forest: 'corp', baseDn: 'DC=corp,DC=example,DC=test' }
const good = () => ({
  tenantId: '7a0c9a0e-3f0b-4b57-8a35-52d0a4a0c1de',
  relay: { connectionStringFile: join(folder, 'sas') },
  vault: { url: 'https://vault.example.test' },
  identity: { clientId: 'a1b2c3d4-0000-4000-8000-000000000002', secretFile: join(folder, 'secret') },
  forests: [
    {
      name: 'corp',
      domains: [{ name: 'corp.example.test', servers: ['ldaps://dc1.corp.example.test', 'ldaps://dc2.corp.example.test:3269'] }],
      bindDn: 'CN=svc,DC=corp,DC=example,DC=test',
      bindPasswordFile: join(folder, 'bind'),
    },
  ],
  rules: [rule],
})
/** With other things said of the one forest, of its domain, or of the one rule. */
const withForest = (change: object) => ({ ...good(), forests: good().forests.map((forest) => ({ ...forest, ...change })) })
const withServers = (servers: string[]) => withForest({ domains: [{ name: 'corp.example.test', servers }] })
const withRuleOf = (change: object) => ({ rules: [{ ...rule, ...change }] })

const read = (settings: unknown, environment: Record<string, string | undefined> = {}) =>
  readSettings(file('agent.json', typeof settings === 'string' ? settings : JSON.stringify(settings)), environment)

/** The problems, one a line. */
function problems(settings: unknown, environment: Record<string, string | undefined> = {}): string[] {
  try {
    read(settings, environment)
  } catch (error) {
    expect(error).toMatchObject({ code: 'SETTINGS_INVALID', permanent: true })
    const [count = '', ...lines] = (error as Error).message.split('\n')
    expect(count).toBe(`SETTINGS_INVALID: ${lines.length} problem(s):`)
    return lines.map((line) => line.trim())
  }
  return []
}

describe('good settings', () => {
  test('come with defaults, and cannot be changed any more', () => {
    const settings = read(good())
    expect(settings).toEqual({
      ...good(),
      relay: { ...good().relay, transport: 'websockets' },
      identity: { ...good().identity, authority: 'https://login.microsoftonline.com', graphUrl: 'https://graph.microsoft.com' },
      forests: withForest({ controllers: 'pdcEmulator', addresses: {} }).forests,
      rules: withRuleOf({ anchor: 'mS-DS-ConsistencyGuid', precedence: 100, enabled: true }).rules,
      linksFile: '/var/lib/password-writeback/links.sqlite',
      journalFile: '/var/lib/password-writeback/journal.sqlite',
      ceilings: { perMinute: 300, perPersonPerHour: 10, stopFile: '/etc/password-writeback/STOP' },
      concurrency: 4,
      times: defaultTimes,
    })
    expect(() => Object.assign(settings, { tenantId: 'x' })).toThrow(TypeError)
  })

  test('single times may be given', () => {
    expect(read({ ...good(), times: { ldapMs: 5_000 } }).times).toEqual({ ...defaultTimes, ldapMs: 5_000 })
  })
})

describe('the environment', () => {
  test('overrides what the file says, and adds what it does not', () => {
    const settings = read(good(), {
      AGENT_RELAY_TRANSPORT: 'tcp',
      AGENT_CONCURRENCY: '2',
      AGENT_TIMES_LDAP_MS: '5000',
      AGENT_IDENTITY_AUTHORITY: 'https://login.example.test',
      AGENT_SETTINGS: 'anything',
      AGENT_JOURNAL_FILE: undefined,
      PATH: 'anything',
      agent_concurrency: '3',
    })
    expect(settings).toMatchObject({
      relay: { transport: 'tcp' },
      concurrency: 2,
      times: { ...defaultTimes, ldapMs: 5_000 },
      identity: { authority: 'https://login.example.test' },
    })
  })

  test.each([
    'AGENT_RELAY_TRANSPORTS',
    'AGENT_FORESTS',
    'AGENT_RULES_0_BASE_DN',
    'AGENT_',
    'AGENT_RELAY',
    'AGENT_SETTINGS_FILE',
    'AGENT_relay_transport',
  ])('a misspelt variable is a problem: %s', (name) => {
    expect(problems(good(), { [name]: 'hidden-word' })).toEqual([`${name}: no such setting`])
  })

  test('a bad value is named by its setting', () => {
    expect(problems(good(), { AGENT_CONCURRENCY: '', AGENT_TIMES_LOCK_MS: 'long', AGENT_VAULT_URL: 'hidden-word' }).sort()).toEqual([
      'concurrency: Too small: expected number to be >=1',
      'times.lockMs: Invalid input: expected number, received NaN',
      'vault.url: must be an https:// address',
    ])
  })
})

describe('every problem at once', () => {
  test('of the file, the environment, the secret files, the times and the debug log', () => {
    const settings = { ...good(), times: { ldapMs: 20_000 }, identity: { ...good().identity, secretFile: join(folder, 'missing') } }
    expect(problems(settings, { AGENT_NONSENSE: '1', NODE_DEBUG: 'ldapts' })).toEqual([
      'AGENT_NONSENSE: no such setting',
      'identity.secretFile: the file cannot be read',
      'times: ldapMs + 1 s < lockMs must hold',
      'NODE_DEBUG: would print passwords; remove it',
    ])
  })

  test('everything that is missing, unknown or wrong', () => {
    const lines = problems({ relay: { transport: 'pigeon', speed: 1 }, vault: { url: 'http://vault' }, colour: 'red', concurrency: 17 })
    for (const start of ['tenantId', 'relay.transport', 'relay:', 'vault.url', 'identity', 'forests', 'rules', 'concurrency', 'settings:'])
      expect(
        lines.some((line) => line.startsWith(start)),
        start,
      ).toBe(true)
    expect(lines.join()).toContain('"colour"')
    expect(lines.join()).toContain('"speed"')
  })

  test.each<[string, object]>([
    ['neither', {}],
    ['both', { namespace: 'x', connectionStringFile: 'y' }],
  ])('the relay is named exactly once: %s', (_, relay) => {
    expect(problems({ ...good(), relay })).toEqual(['relay: exactly one of namespace and connectionStringFile'])
  })
})

describe('the file', () => {
  test.each([
    ['{ "tenantId": hidden-word', 'the settings file is not valid JSON'],
    ['', 'the settings file is not valid JSON'],
    ['null', 'the settings file holds no JSON object'],
    ['"hidden-word"', 'the settings file holds no JSON object'],
    ['["hidden-word"]', 'the settings file holds no JSON object'],
  ])('%s', (text, problem) => {
    const lines = problems(text, { AGENT_CONCURRENCY: '3' })
    expect(lines[0]).toBe(problem)
    expect(lines.join()).not.toContain('hidden-word')
  })

  test('that is not there', () => {
    expect(() => readSettings(join(folder, 'missing.json'), {})).toThrow('the settings file cannot be read')
  })
})

describe('passwords in clear', () => {
  test.each(['ldap://dc1', 'LDAPS://dc1', 'ldaps://', 'dc1:636', 'ldaps://dc1/', 'ldaps://dc1/x', 'https://dc1', ' ldaps://dc1'])(
    'a directory server must be ldaps://: %s is refused',
    (server) => {
      const why = 'must be ldaps://host[:port]; ldap:// is refused'
      expect(problems(withServers(['ldaps://dc1', server]))).toEqual([`forests.0.domains.0.servers.1: ${why}`])
    },
  )

  test('no server at all is refused', () => {
    expect(problems(withServers([]))).toHaveLength(1)
  })

  test.each(['http://vault', 'vault', 'ftp://vault', 'HTTPS://vault'])('the vault must be https://: %s', (url) => {
    expect(problems({ ...good(), vault: { url } })).toEqual(['vault.url: must be an https:// address'])
  })

  test.each(['ldapts', 'net,ldapts', 'LDAPTS', '*', 'ldap*', 'http,*,net'])('NODE_DEBUG=%s would print them', (value) => {
    expect(problems(good(), { NODE_DEBUG: value })).toEqual(['NODE_DEBUG: would print passwords; remove it'])
  })

  test.each(['', 'net', 'http,tls'])('NODE_DEBUG=%s would not', (value) => {
    expect(problems(good(), { NODE_DEBUG: value })).toEqual([])
  })
})

describe('secret files', () => {
  test.each([0o604, 0o640, 0o660, 0o666, 0o601, 0o610])('open to others (%o) they are a problem, each', (mode) => {
    const path = file('open', 'hidden-word', mode)
    const settings = {
      ...withForest({ bindPasswordFile: path }),
      relay: { connectionStringFile: path },
      identity: { ...good().identity, secretFile: path },
    }
    const why = "the file must be readable by the agent's account alone (chmod 600)"
    expect(problems(settings)).toEqual(
      ['relay.connectionStringFile', 'identity.secretFile', 'forests.0.bindPasswordFile'].map((name) => `${name}: ${why}`),
    )
  })

  test.each([0o600, 0o400])('the account’s alone (%o) they are fine', (mode) => {
    const path = file('own', 'hidden-word', mode)
    expect(problems({ ...good(), identity: { ...good().identity, secretFile: path } })).toEqual([])
  })

  test.each([
    ['hidden\n', 'hidden'],
    ['hidden\r\n', 'hidden'],
    ['hidden', 'hidden'],
    [' hid den \n\n', ' hid den \n'],
  ])('%j holds %j: one line end belongs to the editor, nothing else', (text, value) => {
    expect(readSecretFile(file('text', text)).use((bytes) => bytes.toString('utf8'))).toBe(value)
  })
})

test('no value appears in a message, whatever stands in the file', () => {
  const value = fc.oneof(
    fc.constant('hidden-word'),
    // New ones each time: a value shared by two places could end up inside itself.
    fc.constant(0).map(() => ['hidden-word']),
    fc.constant(0).map(() => ({ key: 'hidden-word' })),
    fc.integer(),
    fc.boolean(),
  )
  const leaf = fc.constantFrom(
    'tenantId',
    'concurrency',
    'journalFile',
    'localCaFile',
    'relay.transport',
    'relay.namespace',
    'vault.url',
    'identity.clientId',
    'identity.secretFile',
    'identity.authority',
    'forests.0',
    'forests',
    'rules.0',
    'rules',
    'times.lockMs',
    'times',
    'relay',
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(leaf, value), { minLength: 1, maxLength: 5 }), (changes) => {
      const settings: Record<string, unknown> = structuredClone(good())
      for (const [path, each] of changes) {
        const [group = '', name] = path.split('.')
        const inner = settings[group]
        if (name === undefined) settings[group] = each
        else if (typeof inner === 'object' && inner !== null) Object.assign(inner, { [name]: each })
      }
      expect(problems(settings).join('\n')).not.toContain('hidden-word')
    }),
    { numRuns: 200 },
  )
})

test('any file and any variables: settings, or one fault that lists problems', () => {
  const value = fc.oneof(hostileText(300), fc.jsonValue(), fc.constantFrom(null, [], {}, '(', `CN=${'\\41'.repeat(100)}\\`))
  const name = fc.constantFrom('tenantId', 'relay', 'vault', 'identity', 'forests', 'rules', 'times', 'ceilings', ...magicNames)
  const members = fc.array(fc.tuple(name, value), { maxLength: 4 })
  const changed = members.map((some) => {
    const entries = [...Object.entries(good()).filter(([each]) => !some.some(([other]) => other === each)), ...some]
    return `{${entries.map(([each, put]) => `${JSON.stringify(each)}:${JSON.stringify(put)}`).join()}}`
  })
  const inside = fc
    .tuple(fc.constantFrom('relay', 'vault', 'identity', 'times', 'ceilings'), name, value)
    .map(([group, each, put]) =>
      JSON.stringify(good()).replace(`"${group}":{`, `"${group}":{${JSON.stringify(each)}:${JSON.stringify(put)},`),
    )
  const rules = fc
    .tuple(fc.constantFrom('baseDn', 'filter', 'anchor', 'name'), value)
    .map(([each, put]) => JSON.stringify({ ...good(), ...withRuleOf({ [each]: put }) }))
  const text = fc.oneof(
    changed,
    inside,
    rules,
    bent(Buffer.from(JSON.stringify(good()))).map(String),
    fc.nat(50_000).map((depth) => '['.repeat(depth)),
  )
  const variable = fc.tuple(
    fc.constantFrom('AGENT_TENANT_ID', 'AGENT_TIMES_LDAP_MS', 'AGENT_CONCURRENCY', 'AGENT___PROTO__', 'AGENT_RELAY_NAMESPACE'),
    hostileText(50),
  )
  fc.assert(
    fc.property(text, fc.array(variable, { maxLength: 2 }), (settings, variables) => {
      try {
        expect(Object.isFrozen(read(settings, Object.fromEntries(variables)))).toBe(true)
      } catch (error) {
        expect(error).toMatchObject({ code: 'SETTINGS_INVALID', permanent: true })
      }
      expect(Object.keys(Object.getPrototypeOf({}))).toEqual([])
    }),
    { numRuns: 300 },
  )
})

test.each([
  ['localCaFile', () => ({ ...good(), localCaFile: '/nowhere/ca.pem' })],
  ['forests.0.caFile', () => withForest({ caFile: '/nowhere/ca.pem' })],
])('%s that is not there is a problem of the settings, not a crash', (key, settings) => {
  expect(problems(settings())).toEqual([`${key}: the file cannot be read`])
})

describe('forests and rules', () => {
  test.each<[string, object, string]>([
    ['a rule of no forest', withRuleOf({ forest: 'other' }), 'rules.0.forest: no such forest'],
    ['a base in no domain', withRuleOf({ baseDn: 'OU=X,DC=other,DC=test' }), 'rules.0.baseDn: not in a domain of its forest'],
    ['a base that is no name', withRuleOf({ baseDn: 'corp.example.test' }), 'rules.0.baseDn: must be a distinguished name'],
    ['a filter that is none', withRuleOf({ filter: '(cn=hidden-word' }), 'rules.0.filter: must be an LDAP filter'],
    ['an anchor that is no attribute', withRuleOf({ anchor: 'a)(b' }), 'rules.0.anchor: must be the name of an attribute'],
    ['two rules of one name', { rules: [rule, rule] }, 'rules: no two may have the same name'],
    ['no rules', { rules: [] }, 'rules: Too small: expected array to have >=1 items'],
  ])('%s', (_, change, problem) => {
    expect(problems({ ...good(), ...change })).toEqual([problem])
  })

  test('a domain is there once, in one forest', () => {
    const [forest] = good().forests
    expect(problems({ ...good(), forests: [forest, { ...forest, name: 'again' }] })).toEqual([
      'domains of all forests: no two may have the same name',
    ])
  })

  test('a heartbeat has room for five domains', () => {
    const domains = ['corp', 'b', 'c', 'd', 'e', 'f'].map((name) => ({ name: `${name}.example.test`, servers: ['ldaps://dc1'] }))
    expect(problems(withForest({ domains: domains.slice(0, 5) }))).toEqual([])
    expect(problems(withForest({ domains }))).toEqual(['forests: at most 5 domains'])
  })
})
