/**
 * The cloud side as data: queues, tables, keys, and who may do what with them.
 *
 * `local/` is built from this file and the Bicep templates are compared with it, so a right that stands here and
 * nowhere else (or the other way round) fails a test. Durations are milliseconds.
 * Sources: Service Bus queue properties (Microsoft.ServiceBus/namespaces/queues), Key Vault data actions
 * (Microsoft.KeyVault/vaults/keys|secrets), Microsoft Graph application permissions.
 */

const seconds = (n: number) => n * 1000
const minutes = (n: number) => n * 60_000

export interface Queue {
  /** How long one receiver owns a delivered message (peek-lock), or a session. */
  lockMs: number
  /** Upper bound of a message's time to live; a sender may ask for less. */
  ttlMs: number
  /** After this many deliveries the broker dead-letters. High on `requests`, so that the time to live always ends first. */
  maxDeliveryCount: number
  requiresSession: boolean
  /** Window in which a second message with the same messageId is dropped; 0 = off. */
  duplicateDetectionMs: number
  /** False everywhere: dead-letter queues never expire, and nothing that holds a password may rest in one. */
  deadLetterOnExpiry: boolean
}

export const queues = {
  requests: {
    lockMs: seconds(10),
    ttlMs: minutes(5),
    maxDeliveryCount: 100,
    requiresSession: false,
    duplicateDetectionMs: minutes(10),
    deadLetterOnExpiry: false,
  },
  replies: {
    lockMs: minutes(5),
    ttlMs: minutes(5),
    maxDeliveryCount: 10,
    requiresSession: true,
    duplicateDetectionMs: 0,
    deadLetterOnExpiry: false,
  },
  events: {
    lockMs: seconds(30),
    ttlMs: minutes(5),
    maxDeliveryCount: 10,
    requiresSession: false,
    duplicateDetectionMs: 0,
    deadLetterOnExpiry: false,
  },
} as const satisfies Record<string, Queue>

export type QueueName = keyof typeof queues
export type Claim = 'Send' | 'Listen'

/** Data actions, without the `Microsoft.KeyVault/vaults/` prefix. */
export type KeyAction = 'keys/read' | 'keys/create/action' | 'keys/update/action' | 'keys/decrypt/action'
export type SecretAction = 'secrets/getSecret/action' | 'secrets/setSecret/action' | 'secrets/update/action' | 'secrets/readMetadata/action'

/** Names inside the vault. The password key is RSA-2048 and may only decrypt; the two secrets hold 32 random bytes as base64url. */
export const vault = {
  keys: { password: 'password-key' },
  secrets: { package: 'package-key', state: 'state-key' },
  /** Holds an application setting; read by the platform alone, as the functions (a reference in MAIL_URL). */
  settings: { mail: 'mail-url' },
} as const

export const tables = ['flows', 'agents', 'state', 'audit', 'methods'] as const
export type TableName = (typeof tables)[number]

export const storageQueues = ['challenges'] as const
export type StorageQueueName = (typeof storageQueues)[number]

export interface Identity {
  serviceBus: Partial<Record<QueueName, readonly Claim[]>>
  keys: Record<string, readonly KeyAction[]>
  secrets: Record<string, readonly SecretAction[]>
  tables: readonly TableName[]
  storageQueues: readonly StorageQueueName[]
  graph: readonly string[]
}

/** Two principals, and not one right more than each needs. Functions cannot decrypt; agents cannot see the state key, the tables or a user. */
export const identities = {
  functions: {
    serviceBus: { requests: ['Send'], replies: ['Listen'], events: ['Listen'] },
    keys: { [vault.keys.password]: ['keys/read', 'keys/create/action', 'keys/update/action'] },
    secrets: {
      [vault.secrets.package]: [
        'secrets/getSecret/action',
        'secrets/setSecret/action',
        'secrets/update/action',
        'secrets/readMetadata/action',
      ],
      [vault.secrets.state]: [
        'secrets/getSecret/action',
        'secrets/setSecret/action',
        'secrets/update/action',
        'secrets/readMetadata/action',
      ],
      [vault.settings.mail]: ['secrets/getSecret/action', 'secrets/readMetadata/action'],
    },
    tables,
    storageQueues,
    graph: [
      'User.Read.All',
      'GroupMember.Read.All',
      'Domain.Read.All',
      'OnPremDirectorySynchronization.Read.All',
      'RoleManagement.Read.Directory',
      'PrivilegedEligibilitySchedule.Read.AzureADGroup',
    ],
  },
  agent: {
    serviceBus: { requests: ['Listen'], replies: ['Send'], events: ['Send'] },
    keys: { [vault.keys.password]: ['keys/read', 'keys/decrypt/action'] },
    secrets: { [vault.secrets.package]: ['secrets/getSecret/action', 'secrets/readMetadata/action'] },
    tables: [],
    storageQueues: [],
    // An application reads itself and rolls its own keys without any permission (docs/keys.md).
    graph: [],
  },
} as const satisfies Record<string, Identity>

/** Rights of the functions at Graph that a tenant may add: with the first, they also set passwords in the cloud directory (docs/operations.md). */
export const optionalGraph = ['User-PasswordProfile.ReadWrite.All'] as const

export type IdentityName = keyof typeof identities
