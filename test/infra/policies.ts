/**
 * What no template may do, whatever it is changed to: each policy tells what breaks it, in the snapshot (what Azure would be asked for,
 * evaluated by the compiler).
 */
import { settingsSchema } from '../../functions/settings.ts'
import { assignments, builtIn, customRoles, last, ofType, queuesOf, type Resource, type Snapshot } from './snapshots.ts'

export interface Policy {
  name: string
  /** What breaks it; none: it holds. */
  problems(snapshot: Snapshot): string[]
}

const breaking = (resources: readonly Resource[], breaks: (each: Resource) => boolean) => resources.filter(breaks).map(({ id }) => id)
const inVault = 'Microsoft.KeyVault/vaults/'
const forbidden = ['delete', 'purge', 'backup', 'restore', 'recover', 'export', 'release', 'rotate', 'unwrap', 'import', 'sign']
const actionsOf = (snapshot: Snapshot) =>
  [...customRoles(snapshot)].flatMap(([role, actions]) => actions.map((action) => ({ role, action })))
const settingsOf = (snapshot: Snapshot): Record<string, string> =>
  Object.assign({}, ...ofType(snapshot, 'Microsoft.Web/sites/config').map(({ properties }) => properties))

/** Left to their defaults: they are the same everywhere, or of other clouds, of a laptop, or wanted by few (`extraSettings`). */
export const leftAlone = ['GRAPH_URL', 'AUTHORITY_URL', 'RELAY_TRANSPORT', 'LOCAL_CA_FILE', 'BREACH_URL', 'ServiceBus', 'DataStorage']
export const times = ['ANSWER_MS', 'TTL_MS', 'START_WITHIN_MS', 'LDAP_MS', 'LOCK_MS', 'CHANGE_REFUSAL_MS']
/** Flex Consumption sets them by itself, and refuses or misreads them from elsewhere. */
const notOnFlex =
  /^(FUNCTIONS_WORKER_RUNTIME|FUNCTIONS_EXTENSION_VERSION|WEBSITE_RUN_FROM_PACKAGE|WEBSITE_NODE_DEFAULT_VERSION|WEBSITE_CONTENT.*|SCM_DO_BUILD_DURING_DEPLOYMENT|ENABLE_ORYX_BUILD|WEBSITE_TIME_ZONE)$/
const ofTheHost = /^(AzureWebJobsStorage__|ServiceBus__|DataStorage__)(accountName|credential|clientId)$|^APPLICATIONINSIGHTS_/

export const policies: Policy[] = [
  {
    name: 'roles: only those listed, and custom ones made here',
    problems: (snapshot) => {
      const allowed: string[] = [...Object.values(builtIn), ...customRoles(snapshot).keys()]
      return assignments(snapshot)
        .filter(({ role }) => !allowed.includes(role))
        .map(({ role, scope }) => `${role} on ${scope}`)
    },
  },
  {
    name: 'roles: on one queue, key, secret, table or container, never on a namespace, a vault, an account or the group',
    problems: (snapshot) =>
      assignments(snapshot)
        .filter(
          ({ scope }) =>
            !/\/(queues|keys|secrets|tables|containers)\/[^/]+$|\/blobServices\/default$|\/Microsoft\.Insights\/components\//.test(scope),
        )
        .map(({ scope }) => scope),
  },
  {
    name: 'roles: custom ones have data actions by name, and nothing on the control plane',
    problems: (snapshot) =>
      breaking(ofType(snapshot, 'Microsoft.Authorization/roleDefinitions'), ({ properties }) =>
        properties.permissions.some(
          ({ actions, dataActions }: Record<string, string[]>) =>
            (actions?.length ?? 0) > 0 || dataActions?.some((each) => each.includes('*')),
        ),
      ),
  },
  {
    name: 'roles: the functions have none that decrypts',
    problems: (snapshot) => {
      const deciphers = actionsOf(snapshot).filter(({ action }) => /\/(decrypt|unwrap)\//.test(action))
      const given = assignments(snapshot).map(({ role }) => role)
      return deciphers.map(({ role }) => role).filter((role) => given.includes(role))
    },
  },
  {
    name: 'roles: nobody deletes, purges, backs up, exports, rotates, imports or signs',
    problems: (snapshot) =>
      actionsOf(snapshot)
        .filter(({ action }) => forbidden.some((word) => action.replace(inVault, '').split('/').includes(word)))
        .map(({ action }) => action),
  },
  {
    name: 'Service Bus: no rule on the namespace',
    problems: (snapshot) => ofType(snapshot, 'Microsoft.ServiceBus/namespaces/authorizationRules').map(({ id }) => id),
  },
  {
    name: 'Service Bus: rules of a queue send or listen, and do not manage',
    problems: (snapshot) =>
      breaking(
        ofType(snapshot, 'Microsoft.ServiceBus/namespaces/queues/authorizationRules'),
        ({ properties }) => properties.rights.length !== 1 || !['Send', 'Listen'].includes(properties.rights[0]),
      ),
  },
  {
    name: 'Service Bus: a message lives for five minutes at most, and is locked for as long at most',
    problems: (snapshot) =>
      Object.entries(queuesOf(snapshot)).flatMap(([queue, { ttlMs, lockMs }]) =>
        ttlMs > 0 && ttlMs <= 300_000 && lockMs > 0 && lockMs <= 300_000 ? [] : [queue],
      ),
  },
  {
    name: 'Service Bus: nothing is kept beyond its time, forwarded or partitioned',
    problems: (snapshot) =>
      breaking(
        ofType(snapshot, 'Microsoft.ServiceBus/namespaces/queues'),
        ({ properties: p }) =>
          p.deadLetteringOnMessageExpiration !== false || p.enablePartitioning !== false || p.forwardTo || p.forwardDeadLetteredMessagesTo,
      ),
  },
  {
    name: 'TLS 1.2 everywhere, and no plain HTTP',
    problems: (snapshot) => [
      ...breaking(ofType(snapshot, 'Microsoft.ServiceBus/namespaces'), ({ properties }) => properties.minimumTlsVersion !== '1.2'),
      ...breaking(
        ofType(snapshot, 'Microsoft.Storage/storageAccounts'),
        ({ properties: p }) => p.minimumTlsVersion !== 'TLS1_2' || p.supportsHttpsTrafficOnly !== true,
      ),
      ...breaking(
        ofType(snapshot, 'Microsoft.Web/sites'),
        ({ properties: { httpsOnly, siteConfig: s } }) =>
          httpsOnly !== true || s.minTlsVersion !== '1.2' || s.scmMinTlsVersion !== '1.2' || s.ftpsState !== 'Disabled',
      ),
    ],
  },
  {
    name: 'no keys and passwords of accounts: storage, logs, publishing',
    problems: (snapshot) => [
      ...breaking(
        ofType(snapshot, 'Microsoft.Storage/storageAccounts'),
        ({ properties: p }) => p.allowSharedKeyAccess !== false || p.allowBlobPublicAccess !== false,
      ),
      ...breaking(ofType(snapshot, 'Microsoft.Insights/components'), ({ properties }) => properties.DisableLocalAuth !== true),
      ...['ftp', 'scm'].filter(
        (name) =>
          !ofType(snapshot, 'Microsoft.Web/sites/basicPublishingCredentialsPolicies').some(
            ({ id, properties }) => last(id) === name && properties.allow === false,
          ),
      ),
    ],
  },
  {
    name: 'vault: by roles, 90 days of soft delete, protected from purging, audited; its key only decrypts and is not exportable',
    problems: (snapshot) => [
      ...breaking(
        ofType(snapshot, 'Microsoft.KeyVault/vaults'),
        ({ properties: p }) =>
          p.enableRbacAuthorization !== true || p.enablePurgeProtection !== true || p.softDeleteRetentionInDays !== 90 || p.accessPolicies,
      ),
      ...breaking(
        ofType(snapshot, 'Microsoft.KeyVault/vaults/keys'),
        ({ properties: p }) => p.keySize !== 2048 || p.attributes.exportable !== false || String(p.keyOps) !== 'decrypt',
      ),
      ...(ofType(snapshot, 'Microsoft.Insights/diagnosticSettings').some(
        ({ id, properties }) =>
          id.includes('/Microsoft.KeyVault/') && properties.logs.some((log: { categoryGroup?: string }) => log.categoryGroup === 'audit'),
      )
        ? []
        : ['no audit']),
    ],
  },
  {
    name: 'vault: nothing but the app rolls its keys',
    problems: (snapshot) =>
      breaking(ofType(snapshot, 'Microsoft.KeyVault/vaults/keys'), ({ properties }) =>
        properties.rotationPolicy.lifetimeActions.some(({ action }: { action: { type: string } }) => action.type !== 'notify'),
      ),
  },
  {
    name: 'locks: on the vault alone, since further up they keep rights from being taken away',
    problems: (snapshot) =>
      breaking(
        ofType(snapshot, 'Microsoft.Authorization/locks'),
        ({ id }) => !/\/vaults\/[^/]+\/providers\/Microsoft\.Authorization\//.test(id),
      ),
  },
  {
    name: 'code: in a storage account of its own, read as the user-assigned identity',
    problems: (snapshot) => {
      const accountOf = (type: string) => ofType(snapshot, type).map(({ id }) => /storageAccounts\/([^/]+)/.exec(id)?.[1])
      const code = accountOf('Microsoft.Storage/storageAccounts/blobServices/containers')
      const shared = accountOf('Microsoft.Storage/storageAccounts/tableServices/tables').filter((account) => code.includes(account))
      return [
        ...shared.map(String),
        ...breaking(
          ofType(snapshot, 'Microsoft.Web/sites'),
          ({ identity, properties }) =>
            identity.type !== 'UserAssigned' ||
            properties.functionAppConfig.deployment.storage.authentication.type !== 'UserAssignedIdentity' ||
            !JSON.stringify(properties.functionAppConfig.deployment.storage.value).includes(String(code[0])),
        ),
      ]
    },
  },
  {
    name: 'settings: every one of functions/settings.ts is set or left alone on purpose, and none that nobody reads',
    problems: (snapshot) => {
      const set = Object.keys(settingsOf(snapshot))
      const known = Object.keys(settingsSchema.shape)
      return [
        ...known
          .filter((name) => !set.includes(name) && !leftAlone.includes(name) && !times.includes(name))
          .map((name) => `${name} is not set`),
        ...set.filter((name) => !known.includes(name) && !ofTheHost.test(name)).map((name) => `nobody reads ${name}`),
        ...leftAlone.filter((name) => set.includes(name)).map((name) => `${name} is set`),
      ]
    },
  },
  {
    name: 'settings: none that Flex Consumption sets by itself',
    problems: (snapshot) => Object.keys(settingsOf(snapshot)).filter((name) => notOnFlex.test(name)),
  },
  {
    name: 'settings: no secret, and what is reached is reached by identity',
    problems: (snapshot) => {
      const settings = settingsOf(snapshot)
      return [
        ...Object.entries(settings)
          .filter(([, value]) => /AccountKey=|SharedAccessKey|Password=|smtps?:|parameters\('mailUrl'\)|listKeys/i.test(value))
          .map(([name]) => name),
        ...(settings['MAIL_URL']?.includes('@Microsoft.KeyVault(') ? [] : ['MAIL_URL']),
        ...['ServiceBus', 'DataStorage', 'AzureWebJobsStorage'].filter((name) => settings[`${name}__credential`] !== 'managedidentity'),
      ]
    },
  },
  {
    name: 'outputs: no secret',
    problems: ({ outputs }) =>
      Object.entries(outputs)
        .filter(([, value]) =>
          /list\w*\(|AccountKey|SharedAccessKey|InstrumentationKey|ConnectionString|mailUrl|\.value\b.*secrets/i.test(
            JSON.stringify(value),
          ),
        )
        .map(([name]) => name),
  },
  {
    name: 'alerts: every one tells the people',
    problems: (snapshot) => [
      ...breaking(
        ofType(snapshot, 'Microsoft.Insights/scheduledQueryRules'),
        ({ properties: p }) => !p.enabled || p.actions.actionGroups.length !== 1,
      ),
      ...breaking(ofType(snapshot, 'Microsoft.Insights/metricAlerts'), ({ properties: p }) => !p.enabled || p.actions.length !== 1),
    ],
  },
]
