import { describe, expect, it } from 'vitest'
import { isFault } from '../shared/fault.ts'
import { defaultTimes } from '../shared/times.ts'
import { readSettings } from './settings.ts'

const least: Record<string, string | undefined> = {
  TENANT_ID: '11111111-2222-4333-8444-555555555555',
  AZURE_CLIENT_ID: '22222222-2222-4222-8222-222222222222',
  KEY_VAULT_URL: 'https://vault.example.test',
  PUBLIC_ORIGINS: 'https://reset.example.test',
  MAIL_URL: 'smtps://mail.example.test:465',
  MAIL_FROM: 'reset@example.test',
  ServiceBus__fullyQualifiedNamespace: 'bus.example.test',
  DataStorage__tableServiceUri: 'https://tables.example.test',
  DataStorage__queueServiceUri: 'https://queues.example.test',
}

/** Every problem of these settings, without the line that counts them; the count is checked. */
function problemsOf(over: Record<string, string | undefined>): string[] {
  try {
    readSettings({ ...least, ...over })
    return []
  } catch (error) {
    if (!isFault(error, 'SETTINGS_INVALID') || !error.permanent) throw error
    const [head, ...problems] = error.message.split('\n  ')
    expect(head).toBe(`SETTINGS_INVALID: ${problems.length} problem(s):`)
    return problems
  }
}
const namesOf = (over: Record<string, string | undefined>) => problemsOf(over).map((problem) => problem.split(':')[0])

describe('the settings', () => {
  it('are read, with defaults for what is left out, and frozen', () => {
    const settings = readSettings(least)
    expect(settings).toMatchObject({
      GRAPH_URL: 'https://graph.microsoft.com',
      PUBLIC_ORIGINS: ['https://reset.example.test'],
      WRITEBACK_INITIALLY: 'off',
      RELAY_TRANSPORT: 'tcp',
      times: defaultTimes,
      localCa: undefined,
    })
    expect(settings.tenantId.toString('hex')).toBe('11111111222243338444555555555555')
    expect(Object.isFrozen(settings)).toBe(true)
  })

  it('take an empty value for one that is not set', () => {
    const empty = Object.fromEntries(['ServiceBus', 'DataStorage', 'LOCAL_CA_FILE', 'GRAPH_URL', 'ANSWER_MS'].map((name) => [name, '']))
    expect(readSettings({ ...least, ...empty })).toEqual(readSettings(least))
    expect(namesOf({ TENANT_ID: '', MAIL_FROM: '' })).toEqual(['TENANT_ID', 'MAIL_FROM'])
  })

  it('take several origins, and the rest of the environment for nothing of theirs', () => {
    const settings = readSettings({ ...least, PUBLIC_ORIGINS: 'https://a.example, http://localhost:7071', PATH: '/bin', answer_ms: 'x' })
    expect(settings.PUBLIC_ORIGINS).toEqual(['https://a.example', 'http://localhost:7071'])
    expect(settings).not.toHaveProperty('PATH')
  })
})

describe('what is wrong', () => {
  it('is said all at once, whatever kind of problem it is', () => {
    const over = {
      TENANT_ID: 'x',
      MAIL_URL: undefined,
      ServiceBus__fullyQualifiedNamespace: undefined,
      TTL_MS: '29000',
      LOCAL_CA_FILE: '/nowhere/ca',
    }
    expect(problemsOf(over)).toEqual([
      'TENANT_ID: Invalid GUID',
      'MAIL_URL: Invalid input: expected string, received undefined',
      'exactly one of ServiceBus and ServiceBus__fullyQualifiedNamespace',
      'TIMES_INVALID: these must hold: ttlMs + 3 s < answerMs',
      'LOCAL_CA_FILE: the file cannot be read',
    ])
  })

  it('is said without any value', () => {
    const names = [...Object.keys(least), 'GRAPH_URL', 'WRITEBACK_INITIALLY', 'RELAY_TRANSPORT', 'LOCAL_CA_FILE', 'ANSWER_MS', 'LOCK_MS']
    const secret = 'hunter2 hunter2'
    const problems = problemsOf({
      ...Object.fromEntries(names.map((name) => [name, secret])),
      ServiceBus: secret,
      DataStorage: secret,
      MAIL_FROM: 'a',
    })
    expect(problems.length).toBeGreaterThan(12)
    expect(problems.join('\n')).not.toContain('hunter')
  })

  it.each([
    ['TENANT_ID', 'not-a-guid'],
    ['AZURE_CLIENT_ID', '{22222222-2222-4222-8222-222222222222}'],
    ['KEY_VAULT_URL', 'http://vault.example.test'],
    ['KEY_VAULT_URL', 'https://vault.example.test/'],
    ['GRAPH_URL', 'https://graph.example.test/v1.0'],
    ['PUBLIC_ORIGINS.0', 'https://reset.example.test/'],
    ['PUBLIC_ORIGINS.0', '*'],
    ['PUBLIC_ORIGINS.0', 'null'],
    ['PUBLIC_ORIGINS.1', 'https://reset.example.test,'],
    ['MAIL_URL', 'http://mail.example.test'],
    ['MAIL_FROM', 'a'],
    ['WRITEBACK_INITIALLY', 'yes'],
    ['RELAY_TRANSPORT', 'websocket'],
    ['ANSWER_MS', '30 s'],
    ['TTL_MS', '-1'],
    ['LDAP_MS', '0.5'],
    ['LOCK_MS', 'Infinity'],
  ])('%s cannot be "%s"', (name, value) => {
    expect(namesOf({ [name.split('.')[0] ?? '']: value })).toEqual([name])
  })

  it.each<[string, Record<string, string | undefined>, number]>([
    ['both for the bus', { ServiceBus: 'Endpoint=x' }, 1],
    ['neither for the bus', { ServiceBus__fullyQualifiedNamespace: undefined }, 1],
    ['both for the storage', { DataStorage: 'x' }, 2],
    ['half an identity for the storage', { DataStorage__queueServiceUri: undefined }, 1],
    ['neither for the storage', { DataStorage__tableServiceUri: undefined, DataStorage__queueServiceUri: undefined }, 2],
  ])('%s', (_, over, count) => {
    const problems = problemsOf(over)
    expect([problems.length, problems.every((problem) => problem.startsWith('exactly one of '))]).toEqual([count, true])
  })

  it.each([
    [{ LDAP_MS: '9000' }, 'ldapMs + 1 s < lockMs'],
    [{ START_WITHIN_MS: '12000' }, 'startWithinMs > lockMs + 2 s'],
    [{ START_WITHIN_MS: '16000' }, 'startWithinMs + lockMs < ttlMs'],
    [{ ANSWER_MS: '29000' }, 'ttlMs + 3 s < answerMs'],
  ])('times that break a promise: %o', (over, rule) => {
    expect(problemsOf(over)).toEqual([`TIMES_INVALID: these must hold: ${rule}`])
  })
})
