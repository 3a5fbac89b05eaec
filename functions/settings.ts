/**
 * What the function app is told: application settings, parsed once at start, every problem at once, then frozen.
 *
 * The names are those of local.settings.sample.json (a test holds the two together). `ServiceBus` and `DataStorage` follow
 * the Functions host's own convention for connections, because its triggers read them too: a connection string, or an
 * identity by `__fullyQualifiedNamespace`, `__tableServiceUri`, `__queueServiceUri`.
 */
import { readFileSync } from 'node:fs'
import * as z from 'zod'
import { Fault, isFault } from '../shared/fault.ts'
import { checkTimes, defaultTimes, type Times } from '../shared/times.ts'
import { syncedSignIns } from './entra/sign-in-type.ts'

const ms = z.coerce.number().int().positive()
const https = z.string().regex(/^https:\/\/[^/]+$/, 'must be https://host, nothing after it')
const origin = z.string().regex(/^https?:\/\/[^/\s]+$/, 'must be an origin such as https://reset.example.com')
const optional = z.string().min(1).optional()
const list = <T extends z.ZodType<unknown, string>>(one: T) =>
  z
    .string()
    .transform((text) => text.split(',').map((each) => each.trim()))
    .pipe(z.array(one).min(1))

export const settingsSchema = z.object({
  TENANT_ID: z.guid(),
  /** Client id of the user-assigned identity this app runs as. */
  AZURE_CLIENT_ID: z.guid(),
  KEY_VAULT_URL: https,
  GRAPH_URL: https.default('https://graph.microsoft.com'),
  /** How synchronized people of domains that are not federated sign in; asked of Graph where absent, which not every tenant lets applications ask. */
  SYNCED_SIGN_IN: z.enum(syncedSignIns).optional(),
  /** Origins whose pages may call, separated by commas. */
  PUBLIC_ORIGINS: list(origin),
  /** Where administrators sign in. */
  AUTHORITY_URL: https.default('https://login.microsoftonline.com'),
  /** Client id of the API's registration, and its App ID URI, separated by commas. Without both of these two nobody is an administrator. */
  ADMIN_AUDIENCE: list(z.string().min(1)).optional(),
  /** Client ids of the programs that may bring administrators, separated by commas. */
  ADMIN_CLIENT_IDS: list(z.guid()).optional(),
  /** Client ids of the programs through which everybody may sign in, to see to their own methods; with ADMIN_AUDIENCE. */
  USER_CLIENT_IDS: list(z.guid()).optional(),
  /** Authentication context that a change needs, if any. */
  ADMIN_AUTH_CONTEXT: z
    .string()
    .regex(/^c[1-9][0-9]?$/, 'must be c1 to c99')
    .optional(),
  /** Whom to ask about breached passwords, where the tenant's policy wants it; without it nobody is. */
  BREACH_URL: https.optional(),
  MAIL_URL: z.string().regex(/^smtps?:\/\//, 'must be smtps:// or smtp://'),
  MAIL_FROM: z.string().min(3),
  /** Whether a new deployment starts switched on; afterwards the stored state counts. */
  WRITEBACK_INITIALLY: z.enum(['on', 'off']).default('off'),
  RELAY_TRANSPORT: z.enum(['websockets', 'tcp']).default('tcp'),
  ServiceBus: optional,
  ServiceBus__fullyQualifiedNamespace: optional,
  DataStorage: optional,
  DataStorage__tableServiceUri: optional,
  DataStorage__queueServiceUri: optional,
  /** PEM file of an authority to trust for vault, Graph and mail on loopback. Never set in Azure. */
  LOCAL_CA_FILE: optional,
  ANSWER_MS: ms.default(defaultTimes.answerMs),
  TTL_MS: ms.default(defaultTimes.ttlMs),
  START_WITHIN_MS: ms.default(defaultTimes.startWithinMs),
  LDAP_MS: ms.default(defaultTimes.ldapMs),
  LOCK_MS: ms.default(defaultTimes.lockMs),
  /** Refusals of a change are told at multiples of this after the call. */
  CHANGE_REFUSAL_MS: ms.default(2_000),
})

export type FunctionsSettings = ReturnType<typeof readSettings>
type Environment = Record<string, string | undefined>

/** One Fault SETTINGS_INVALID with every problem; values are never part of it. */
export function readSettings(environment: Environment) {
  // An empty value in the settings means "not set": the portal cannot remove one.
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const problems: string[] = []
  const parsed = settingsSchema.safeParse(given)
  if (!parsed.success) problems.push(...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`))
  for (const [one, other] of alternatives) {
    if ((given[one] === undefined) === (given[other] === undefined)) problems.push(`exactly one of ${one} and ${other}`)
  }
  if ((given['ADMIN_AUDIENCE'] === undefined) !== (given['ADMIN_CLIENT_IDS'] === undefined))
    problems.push('both of ADMIN_AUDIENCE and ADMIN_CLIENT_IDS, or neither')
  if (given['USER_CLIENT_IDS'] !== undefined && given['ADMIN_AUDIENCE'] === undefined) problems.push('ADMIN_AUDIENCE with USER_CLIENT_IDS')
  const times = readTimes(given, problems)
  const localCa = readLocalCa(given, problems)
  if (problems.length > 0 || !parsed.success || !times) throw invalid(problems)
  const { data } = parsed
  return Object.freeze({ ...data, tenantId: Buffer.from(data.TENANT_ID.replaceAll('-', ''), 'hex'), times, localCa })
}

const alternatives = [
  ['ServiceBus', 'ServiceBus__fullyQualifiedNamespace'],
  ['DataStorage', 'DataStorage__tableServiceUri'],
  ['DataStorage', 'DataStorage__queueServiceUri'],
] as const

const timesSchema = settingsSchema.pick({ ANSWER_MS: true, TTL_MS: true, START_WITHIN_MS: true, LDAP_MS: true, LOCK_MS: true })

/** Undefined when one of them is no duration, which is a problem already. */
function readTimes(given: Environment, problems: string[]): Times | undefined {
  const { data } = timesSchema.safeParse(given)
  if (!data) return undefined
  const { ANSWER_MS, TTL_MS, START_WITHIN_MS, LDAP_MS, LOCK_MS } = data
  try {
    return checkTimes({ answerMs: ANSWER_MS, ttlMs: TTL_MS, startWithinMs: START_WITHIN_MS, ldapMs: LDAP_MS, lockMs: LOCK_MS })
  } catch (error) {
    if (!isFault(error, 'TIMES_INVALID')) throw error
    problems.push(error.message)
    return undefined
  }
}

function readLocalCa({ LOCAL_CA_FILE: path }: { LOCAL_CA_FILE?: string }, problems: string[]): string | undefined {
  try {
    return path === undefined ? undefined : readFileSync(path, 'utf8')
  } catch {
    problems.push('LOCAL_CA_FILE: the file cannot be read')
    return undefined
  }
}

const invalid = (problems: readonly string[]) =>
  new Fault('SETTINGS_INVALID', `${problems.length} problem(s):\n  ${problems.join('\n  ')}`, { permanent: true })
