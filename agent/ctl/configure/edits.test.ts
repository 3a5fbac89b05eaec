import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseSettings } from '../../settings.ts'
import { applyEdits } from './edits.ts'
import { parseFlags } from './flags.ts'
import { openAnswers, withDefaults } from './open-answers.ts'
import { forestsThere } from './page-filtering.ts'
import { type Json, namesIn } from './settings-edit.ts'

const guid = '11111111-1111-4111-8111-111111111111'
const apply = (start: Json, ...args: string[]) => applyEdits(start, parseFlags(args).edits)

const word = fc.stringMatching(/^[a-z][a-z0-9 _-]{0,12}$/)
const dnsName = fc.stringMatching(/^[a-z]{1,8}(\.[a-z]{1,5}){1,2}$/)
const headOf = (name: string) => `DC=${name.replaceAll('.', ',DC=')}`
const server = dnsName.map((host) => `ldaps://${host}`)

const forest = fc.record({
  name: word,
  domain: dnsName,
  servers: fc.uniqueArray(server, { minLength: 1, maxLength: 3 }),
  controllers: fc.constantFrom('pdcEmulator', 'anyWritable'),
  addresses: fc.dictionary(dnsName, fc.constantFrom('10.0.0.1', '10.0.0.1:636'), { maxKeys: 2, noNullPrototype: true }),
  precedence: fc.integer({ min: 0, max: 10_000 }),
  filter: fc.option(fc.constant('(!(employeeType=external))'), { nil: undefined }),
  enabled: fc.boolean(),
})
const forests = fc
  .uniqueArray(forest, { minLength: 1, maxLength: 3, selector: ({ name }) => name })
  .filter((all) => new Set(all.map(({ domain }) => domain)).size === all.length)

type Drawn = (typeof forests extends fc.Arbitrary<infer T> ? T : never)[number]

const flagsOf = (each: Drawn): string[] => [
  ...['--forest', each.name, '--domain', each.domain, ...each.servers.flatMap((url) => ['--server', url])],
  ...['--controllers', each.controllers, '--bind-dn', `svc@${each.domain}`],
  ...Object.entries(each.addresses).flatMap((pair) => ['--address', pair.join('=')]),
  ...['--rule', `of ${each.name}`, '--in-forest', each.name, '--base-dn', headOf(each.domain), '--precedence', String(each.precedence)],
  ...['--enabled', each.enabled ? 'yes' : 'no', ...(each.filter === undefined ? [] : ['--filter', each.filter])],
]

const settingsOf = (all: readonly Drawn[]): Json => ({
  tenantId: guid,
  identity: { clientId: guid },
  vault: { url: 'https://vault' },
  relay: { namespace: 'bus', transport: 'tcp' },
  times: { ldapMs: 7000 },
  forests: all.map(({ name, domain, servers, controllers, addresses }) => ({
    name,
    domains: [{ name: domain, servers }],
    controllers,
    bindDn: `svc@${domain}`,
    ...(Object.keys(addresses).length > 0 && { addresses }),
  })),
  rules: all.map(({ name, domain, precedence, filter, enabled }) => {
    const rule = { name: `of ${name}`, forest: name, baseDn: headOf(domain), precedence, enabled }
    return filter === undefined ? rule : { ...rule, filter }
  }),
})

const singles = ['--tenant-id', guid, '--client-id', guid, '--vault-url', 'https://vault', '--namespace', 'bus', '--transport', 'tcp']
const always = [...singles, '--set', 'times.ldapMs=7000']

describe('answers on the command line', () => {
  test('become the settings they say, from nothing', () => {
    fc.assert(
      fc.property(forests, (all) => {
        expect(apply({}, ...always, ...all.flatMap(flagsOf))).toEqual({ settings: settingsOf(all), problems: [] })
      }),
    )
  })

  test('said again they change nothing, and what they do not speak of stays', () => {
    fc.assert(
      fc.property(forests, (all) => {
        const before = { ...settingsOf(all), unknown: { kept: [1] }, journalFile: '/elsewhere' }
        const { settings } = apply(before, ...always, ...all.flatMap(flagsOf))
        expect(settings).toEqual(before)
      }),
    )
  })

  test('of two that exclude each other the later one stays', () => {
    const before = { identity: { clientId: guid, secretFile: '/a' }, relay: { connectionStringFile: '/b' } }
    const { settings } = apply(before, '--namespace', 'bus')
    expect(settings).toEqual({ ...before, relay: { namespace: 'bus' } })
  })

  test('a passphrase may be one of the service’s systemd credentials, which is no file here', () => {
    expect(apply({}, '--set', 'identity.passphraseFile=certificate-passphrase')).toEqual({
      settings: { identity: { passphraseFile: 'certificate-passphrase' } },
      problems: [],
    })
  })

  test('every wrong one is told, with its option and the reason of the settings themselves', () => {
    const wrong = ['--tenant-id', 'x', '--server', 'ldaps://a', '--rule', 'r', '--base-dn', 'nowhere', '--set', 'nonsense=1', '--set', 'x']
    const forest = [
      '--forest',
      'corp',
      '--server',
      'ldaps://a',
      '--domain',
      'corp.test',
      '--server',
      'ldap://a',
      '--address',
      'a',
      '--remove-rule',
      'z',
    ]
    expect(apply({}, ...wrong, ...forest, '--secret-file', '/is/not/there').problems).toEqual([
      '--tenant-id: Invalid GUID',
      '--server: belongs behind --forest NAME',
      '--base-dn: must be a distinguished name',
      '--set: no such setting',
      '--set: must be KEY=VALUE',
      '--server: belongs behind --domain NAME',
      '--server: must be ldaps://host[:port]; ldap:// is refused',
      '--address: must be HOST=IP or HOST=IP:PORT',
      '--remove-rule: there is none of this name',
      '--secret-file: the file cannot be read',
    ])
  })
})

describe('with defaults', () => {
  const open = (settings: Json) => openAnswers({ settings: withDefaults(settings, '/folder'), passwords: new Map() })

  test('everything that is missing is told at once, with the option that answers it', () => {
    expect(open({})).toEqual([
      'tenantId: is missing (--tenant-id)',
      'relay: exactly one of namespace and connectionStringFile (--namespace or --connection-string-file)',
      'vault.url: is missing (--vault-url)',
      'identity.clientId: is missing (--client-id)',
      'forests: Too small: expected array to have >=1 items (--forest)',
      'rules: Too small: expected array to have >=1 items (--rule)',
    ])
  })

  test('what is complete lacks its password alone, and nobody is left out of scope', () => {
    const { settings } = apply(
      {},
      ...singles,
      '--forest',
      'corp',
      '--domain',
      'corp.test',
      '--server',
      'ldaps://dc1',
      '--bind-dn',
      'svc@corp.test',
    )
    expect(open(settings)).toEqual(['password of corp: the file cannot be read'])
    const complete = withDefaults(settings, '/folder')
    expect(parseSettings(complete).problems).toEqual([])
    expect(complete).toMatchObject({
      forests: [{ bindPasswordFile: '/folder/corp-password' }],
      rules: [{ name: 'everybody in corp', forest: 'corp', baseDn: 'DC=corp,DC=test', precedence: 100 }],
      identity: { certificateFile: '/var/lib/password-writeback/certificate.pem' },
    })
  })

  test('a forest that was there without a rule stays out of scope: only a new one gets everybody', () => {
    const before = {
      forests: [
        { name: 'corp', domains: [{ name: 'corp.test' }] },
        { name: 'north', domains: [{ name: 'north.test' }] },
      ],
      rules: [{ name: 'people', forest: 'corp', baseDn: 'OU=p,DC=corp,DC=test' }],
    }
    const added = { ...before, forests: [...before.forests, { name: 'new', domains: [{ name: 'new.test' }] }] }
    expect(namesIn(withDefaults(added, '/folder', forestsThere(before)), 'rules')).toEqual(['people', 'everybody in new'])
    const none = { ...before, rules: [] }
    expect(namesIn(withDefaults(none, '/folder', forestsThere(before)), 'rules')).toEqual([])
    expect(namesIn(withDefaults(none, '/folder', forestsThere(none)), 'rules')).toEqual(['everybody in corp', 'everybody in north'])
  })

  test('what the schema does not know is not written over: it is told', () => {
    const { settings } = apply({ colour: 'red' }, ...singles)
    expect(open(settings)).toContain('settings: Unrecognized key: "colour"')
  })
})
