/** Each policy holds for the templates, and is broken by a copy in which one thing is changed: a policy that cannot fail is none. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it, test } from 'vitest'
import { settingsSchema } from '../../functions/settings.ts'
import { events } from '../../shared/log.ts'
import { outcomes } from '../../shared/outcome.ts'
import { policies, times } from './policies.ts'
import { ofType, type Resource, readSnapshot, type Snapshot } from './snapshots.ts'

/** The first of its type. */
function first(snapshot: Snapshot, type: string): Resource {
  const [found] = ofType(snapshot, type)
  if (!found) throw new Error(`no ${type}`)
  return found
}
const settings = (snapshot: Snapshot) => first(snapshot, 'Microsoft.Web/sites/config').properties
const role = (snapshot: Snapshot) => first(snapshot, 'Microsoft.Authorization/roleDefinitions').properties.permissions[0]
const site = (snapshot: Snapshot) => first(snapshot, 'Microsoft.Web/sites').properties
const decrypts = (snapshot: Snapshot) => String(snapshot.outputs['agentKeyRoleId'])

/** By the start of the policy's name: copies that have to break it. */
const broken: Record<string, ((snapshot: Snapshot) => unknown)[]> = {
  'roles: only those listed': [
    (s) => {
      // Owner.
      first(s, 'Microsoft.Authorization/roleAssignments').properties.roleDefinitionId = '/x/8e3af657-a8ff-443c-a75c-2fe8c4bcb635'
    },
  ],
  'roles: on one queue': [
    (s) => {
      const on = first(s, 'Microsoft.Authorization/roleAssignments')
      on.id = `${first(s, 'Microsoft.ServiceBus/namespaces').id}/providers/Microsoft.Authorization/roleAssignments/x`
    },
    (s) => {
      first(s, 'Microsoft.Authorization/roleAssignments').id =
        '/subscriptions/s/resourceGroups/rg/providers/Microsoft.Authorization/roleAssignments/x'
    },
  ],
  'roles: custom ones': [
    (s) => role(s).actions.push('Microsoft.KeyVault/vaults/read'),
    (s) => role(s).dataActions.push('Microsoft.KeyVault/vaults/keys/*'),
  ],
  'roles: the functions': [
    (s) => role(s).dataActions.push('Microsoft.KeyVault/vaults/keys/decrypt/action'),
    (s) => role(s).dataActions.push('Microsoft.KeyVault/vaults/keys/unwrap/action'),
    (s) => {
      first(s, 'Microsoft.Authorization/roleAssignments').properties.roleDefinitionId = decrypts(s)
    },
  ],
  'roles: nobody deletes': [
    (s) => role(s).dataActions.push('Microsoft.KeyVault/vaults/keys/backup/action'),
    (s) => role(s).dataActions.push('Microsoft.KeyVault/vaults/secrets/delete'),
  ],
  'Service Bus: no rule': [
    (s) =>
      s.predictedResources.push({
        id: '/n',
        name: 'n',
        type: 'Microsoft.ServiceBus/namespaces/authorizationRules',
        properties: { rights: ['Send'] },
      }),
  ],
  'Service Bus: rules of a queue': [
    (s) =>
      s.predictedResources.push({
        ...{ id: '/q', name: 'q', type: 'Microsoft.ServiceBus/namespaces/queues/authorizationRules' },
        properties: { rights: ['Manage', 'Send', 'Listen'] },
      }),
  ],
  'Service Bus: a message lives': [
    (s) => {
      first(s, 'Microsoft.ServiceBus/namespaces/queues').properties.defaultMessageTimeToLive = 'PT1H'
    },
    (s) => {
      first(s, 'Microsoft.ServiceBus/namespaces/queues').properties.defaultMessageTimeToLive = 'PT6M'
    },
    (s) => {
      first(s, 'Microsoft.ServiceBus/namespaces/queues').properties.lockDuration = 'PT5M1S'
    },
  ],
  'Service Bus: nothing is kept': [
    (s) => {
      first(s, 'Microsoft.ServiceBus/namespaces/queues').properties.enablePartitioning = true
    },
    (s) => {
      delete first(s, 'Microsoft.ServiceBus/namespaces/queues').properties.deadLetteringOnMessageExpiration
    },
    (s) => {
      first(s, 'Microsoft.ServiceBus/namespaces/queues').properties.forwardTo = 'elsewhere'
    },
  ],
  TLS: [
    (s) => {
      first(s, 'Microsoft.ServiceBus/namespaces').properties.minimumTlsVersion = '1.0'
    },
    (s) => {
      first(s, 'Microsoft.Storage/storageAccounts').properties.minimumTlsVersion = 'TLS1_1'
    },
    (s) => {
      site(s).httpsOnly = false
    },
    (s) => {
      delete site(s).siteConfig.scmMinTlsVersion
    },
  ],
  'no keys and passwords': [
    (s) => {
      first(s, 'Microsoft.Storage/storageAccounts').properties.allowSharedKeyAccess = true
    },
    (s) => {
      first(s, 'Microsoft.Insights/components').properties.DisableLocalAuth = false
    },
    (s) => {
      first(s, 'Microsoft.Web/sites/basicPublishingCredentialsPolicies').properties.allow = true
    },
  ],
  'vault: by roles': [
    (s) => {
      first(s, 'Microsoft.KeyVault/vaults').properties.enablePurgeProtection = false
    },
    (s) => {
      first(s, 'Microsoft.KeyVault/vaults').properties.accessPolicies = [{}]
    },
    (s) => first(s, 'Microsoft.KeyVault/vaults/keys').properties.keyOps.push('sign'),
    (s) => {
      first(s, 'Microsoft.KeyVault/vaults/keys').properties.attributes.exportable = true
    },
    (s) => {
      s.predictedResources = s.predictedResources.filter(
        ({ id, type }) => !(id.includes('/Microsoft.KeyVault/') && type.includes('diagnostic')),
      )
    },
  ],
  'vault: nothing but the app': [
    (s) => {
      first(s, 'Microsoft.KeyVault/vaults/keys').properties.rotationPolicy.lifetimeActions[0].action.type = 'rotate'
    },
  ],
  locks: [
    (s) => {
      first(s, 'Microsoft.Authorization/locks').id =
        '/subscriptions/s/resourceGroups/rg/providers/Microsoft.Authorization/locks/no-deletion'
    },
  ],
  code: [
    (s) => {
      site(s).functionAppConfig.deployment.storage.authentication.type = 'StorageAccountConnectionString'
    },
    (s) => {
      const container = first(s, 'Microsoft.Storage/storageAccounts/blobServices/containers')
      container.id = container.id.replace('/stcode', '/stdata')
    },
  ],
  'settings: every one': [
    (s) => {
      delete settings(s).PUBLIC_ORIGINS
    },
    (s) => {
      settings(s).PUBLIC_ORIGIN = 'https://reset.example.com'
    },
    (s) => {
      settings(s).LOCAL_CA_FILE = 'ca.pem'
    },
  ],
  'settings: none that Flex': [
    (s) => {
      settings(s).FUNCTIONS_WORKER_RUNTIME = 'node'
    },
  ],
  'settings: no secret': [
    (s) => {
      settings(s).MAIL_URL = 'smtps://user:word@mail.example.com:465'
    },
    (s) => {
      settings(s).MAIL_URL = "[parameters('mailUrl')]"
    },
    (s) => {
      settings(s).AzureWebJobsStorage = 'AccountName=a;AccountKey=b'
    },
    (s) => {
      delete settings(s).ServiceBus__credential
    },
  ],
  outputs: [
    (s) => {
      s.outputs['connection'] = "[listKeys('/x', '2024-01-01').primaryConnectionString]"
    },
  ],
  alerts: [
    (s) => {
      first(s, 'Microsoft.Insights/scheduledQueryRules').properties.actions.actionGroups = []
    },
    (s) => {
      first(s, 'Microsoft.Insights/metricAlerts').properties.enabled = false
    },
  ],
}

describe.each(policies)('$name', ({ name, problems }) => {
  it('holds', () => {
    expect(problems(readSnapshot('all'))).toEqual([])
  })

  it('can fail', () => {
    const copies = Object.entries(broken).find(([start]) => name.startsWith(start))?.[1] ?? []
    expect(copies.length).toBeGreaterThan(0)
    for (const change of copies) {
      const copy = readSnapshot('all')
      change(copy)
      expect(problems(copy)).not.toEqual([])
    }
  })
})

describe('the templates of agents', () => {
  const ofAgents = policies.filter(({ name }) => /^(Service Bus: (no rule|rules)|locks|outputs|roles: (on one|nobody))/.test(name))

  it.each(['agent', 'agent-sas'] as const)('%s breaks none that concerns it', (snapshot) => {
    expect(ofAgents.length).toBe(6)
    for (const { problems } of ofAgents) expect(problems(readSnapshot(snapshot))).toEqual([])
  })
})

test('a tenant’s own settings cannot overrule the template’s, and the times can be set', () => {
  const { TENANT_ID, ANSWER_MS } = settings(readSnapshot('all'))
  expect([TENANT_ID, ANSWER_MS]).toEqual(['00000000-0000-4000-8000-000000000002', '30000'])
  expect(Object.keys(settingsSchema.shape)).toEqual(expect.arrayContaining(times))
})

test('alerts ask for events that there are', () => {
  const asked = ofType(readSnapshot('all'), 'Microsoft.Insights/scheduledQueryRules').flatMap(({ properties }) => {
    const { query } = properties.criteria.allOf[0]
    return [...query.matchAll(/event(?:\)|,)? (?:==|in) (\([^)]*\)|"\w+")/g)].flatMap(([, names = '']) =>
      [...names.matchAll(/"(\w+)"/g)].map(([, name]) => name),
    )
  })
  expect(asked.length).toBeGreaterThan(10)
  expect(asked.filter((name) => name === undefined || !(name in events))).toEqual([])
})

test('failures that are about the person are outcomes that there are', () => {
  const failures = ofType(readSnapshot('all'), 'Microsoft.Insights/scheduledQueryRules').find(({ id }) => id.endsWith('-failures'))
    ?.properties.criteria.allOf[0].query
  const names = [...(/outcome !in \(([^)]*)\)/.exec(failures)?.[1]?.matchAll(/"(\w+)"/g) ?? [])].map(([, name]) => name)
  expect(names.length).toBeGreaterThan(5)
  expect(names.filter((name) => name === undefined || !(name in outcomes))).toEqual([])
  expect(names).not.toEqual(expect.arrayContaining(['permissionDenied']))
})

describe('the sources', () => {
  const folder = new URL('../../infra/', import.meta.url)
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.bicep'))
    .map((path) => ({ path, text: readFileSync(new URL(path, folder), 'utf8') }))

  /** Names of parameters and outputs without a description right above (other decorators may stand between). */
  const undescribed = (text: string) =>
    [...text.matchAll(/((?:^(?:@.*|\s.*|\]\)|\}\))\n)*)^(?:param|output) (\w+)/gm)]
      .filter(([, decorators = '']) => !/^@description\('.{5,}'\)$/m.test(decorators))
      .map(([, , name]) => name)

  it('describe every parameter and every output', () => {
    expect(sources.length).toBeGreaterThan(9)
    expect(sources.flatMap(({ path, text }) => undescribed(text).map((name) => `${path}: ${name}`))).toEqual([])
    expect(
      undescribed("param bare string\n\n@description('Enough.')\nparam good string\n\n@secure()\nparam other string\noutput x string = ''"),
    ).toEqual(['bare', 'other', 'x'])
  })

  it('give secret parameters no default, and hand none out', () => {
    const secure = /@secure\(\)\nparam (\w+) string(.*)/g
    for (const { text } of sources) {
      for (const [, name, rest] of text.matchAll(secure)) {
        expect([name, rest]).toEqual([name, ''])
        expect(new RegExp(`^output .*\\b${name}\\b`, 'm').test(text)).toBe(false)
      }
      expect(/^output .*\blist\w*\(/m.test(text)).toBe(false)
    }
  })

  it('make the placeholders of secrets once only: made again, one would be the newest version', () => {
    const vault = sources.find(({ path }) => path.endsWith('key-vault.bicep'))?.text ?? ''
    const placeholders = [
      ...vault.matchAll(/(.*)\nresource (\w+) 'Microsoft\.KeyVault\/vaults\/secrets@[^']+' = \{[^}]*?value: 'none yet'/g),
    ]
    expect(placeholders.map(([, decorator, name]) => [decorator, name])).toEqual([
      ['@onlyIfNotExists()', 'packageKey'],
      ['@onlyIfNotExists()', 'stateKey'],
    ])
  })

  it('say what they are', () => {
    expect(sources.filter(({ text }) => !text.startsWith('// ')).map(({ path }) => path)).toEqual([])
  })
})

describe('the Azure Developer CLI', () => {
  const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

  it('deploys the built package, not the repository', () => {
    expect([...read('azure.yaml').matchAll(/^ *project: (.*)$/gm)].map(([, path]) => path)).toEqual(['dist/functions-package'])
    expect(read('azure.yaml')).toMatch(/prepackage:[\s\S]*npm run build/)
  })

  it('is given every parameter that has no default, by names that there are', () => {
    const given = Object.keys(JSON.parse(read('infra/main.parameters.json')).parameters)
    const declared = [...read('infra/main.bicep').matchAll(/^param (\w+) \w+(?:\[\])?( =)?/gm)]
    expect(declared.length).toBeGreaterThan(20)
    expect(given.filter((name) => !declared.some(([, each]) => each === name))).toEqual([])
    expect(declared.filter(([, name = '', hasDefault]) => !hasDefault && !given.includes(name)).map(([, name]) => name)).toEqual([])
  })

  it('finds the function app by its tag', () => {
    const { tags } = first(readSnapshot('all'), 'Microsoft.Web/sites')
    expect(tags).toEqual({ 'azd-env-name': 'all', 'azd-service-name': 'functions' })
  })
})
