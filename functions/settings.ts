/**
 * What the function app is told: application settings, parsed once at start, every problem at once, then frozen.
 *
 * The names are those of local.settings.sample.json (a test holds the two together). `ServiceBus` and `DataStorage` follow
 * the Functions host's own convention for connections, because its triggers read them too: a connection string, or an
 * identity by `__fullyQualifiedNamespace`, `__tableServiceUri`, `__queueServiceUri`.
 */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { Fault } from '../shared/fault.ts'
import { checkTimes, defaultTimes } from '../shared/times.ts'

const ms = z.coerce.number().int().positive()
const https = z.string().regex(/^https:\/\/[^/]+$/, 'must be https://host, nothing after it')
const origin = z.string().regex(/^https?:\/\/[^/\s]+$/, 'must be an origin such as https://reset.example.com')
const optional = z.string().min(1).optional()

export const settingsSchema = z.object({
  TENANT_ID: z.guid(),
  /** Client id of the user-assigned identity this app runs as. */
  AZURE_CLIENT_ID: z.guid(),
  KEY_VAULT_URL: https,
  GRAPH_URL: https.default('https://graph.microsoft.com'),
  /** Origins whose pages may call, separated by commas. */
  PUBLIC_ORIGINS: z
    .string()
    .transform((text) => text.split(',').map((one) => one.trim()))
    .pipe(z.array(origin).min(1)),
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
})

export type FunctionsSettings = ReturnType<typeof readSettings>

/** One Fault SETTINGS_INVALID with every problem; values are never part of it. */
export function readSettings(environment: Record<string, string | undefined>) {
  // An empty value in the settings means "not set": the portal cannot remove one.
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const parsed = settingsSchema.safeParse(given)
  if (!parsed.success) throw invalid(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`))
  const s = parsed.data
  const problems = [
    one(s.ServiceBus, s.ServiceBus__fullyQualifiedNamespace, 'exactly one of ServiceBus and ServiceBus__fullyQualifiedNamespace'),
    one(s.DataStorage, s.DataStorage__tableServiceUri, 'exactly one of DataStorage and DataStorage__tableServiceUri'),
    one(s.DataStorage, s.DataStorage__queueServiceUri, 'exactly one of DataStorage and DataStorage__queueServiceUri'),
  ].filter((problem) => problem !== undefined)
  if (problems.length > 0) throw invalid(problems)
  const times = checkTimes({
    answerMs: s.ANSWER_MS,
    ttlMs: s.TTL_MS,
    startWithinMs: s.START_WITHIN_MS,
    ldapMs: s.LDAP_MS,
    lockMs: s.LOCK_MS,
  })
  const localCa = s.LOCAL_CA_FILE === undefined ? undefined : readFileSync(s.LOCAL_CA_FILE, 'utf8')
  return Object.freeze({ ...s, tenantId: Buffer.from(s.TENANT_ID.replaceAll('-', ''), 'hex'), times, localCa })
}

const one = (a: string | undefined, b: string | undefined, rule: string) => ((a === undefined) === (b === undefined) ? rule : undefined)

const invalid = (problems: readonly string[]) =>
  new Fault('SETTINGS_INVALID', `${problems.length} problem(s):\n  ${problems.join('\n  ')}`, { permanent: true })
