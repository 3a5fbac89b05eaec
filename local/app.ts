/** The function app as it runs here: its sources or its bundle, and its application settings. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Times } from '../shared/times.ts'
import { connectionString } from './azurite.ts'
import type { Shipped } from './bundle.ts'
import { busConnectionString, type Credentials } from './credentials.ts'
import type { Parts, System } from './what-runs.ts'

export async function appOf(shipped: Shipped | undefined) {
  if (shipped) return { appFolder: shipped.functionsPackage }
  const hostJson = JSON.parse(await readFile(new URL('../host.json', import.meta.url), 'utf8'))
  return { entry: fileURLToPath(new URL('../functions/main.ts', import.meta.url)), hostJson }
}

export function settingsFor(
  { entra, vault, graph, mail, azurite, bus }: Omit<Parts, 'host'>,
  credentials: Credentials,
  times: Times,
): Record<string, string> {
  const storage = connectionString(azurite.addresses)
  const { administration } = credentials
  const programsWith = (scope: string) =>
    administration.programs.flatMap(({ clientId, scopes }) => (scopes.includes(scope) ? [clientId] : [])).join(',')
  return {
    AzureWebJobsStorage: storage,
    DataStorage: storage,
    ServiceBus: busConnectionString(bus.addresses, 'functions', credentials, 'tcp'),
    RELAY_TRANSPORT: 'tcp',
    TENANT_ID: credentials.tenantId,
    AZURE_CLIENT_ID: credentials.functions.clientId,
    KEY_VAULT_URL: vault.addresses.url,
    GRAPH_URL: graph.addresses.url,
    AUTHORITY_URL: entra.addresses.authorityHost,
    ADMIN_AUDIENCE: [administration.api.clientId, administration.api.uri].join(','),
    ADMIN_CLIENT_IDS: programsWith('manage'),
    USER_CLIENT_IDS: programsWith('me'),
    MAIL_URL: `smtp://${mail.addresses.smtpHost}:${mail.addresses.smtpPort}`,
    MAIL_FROM: 'reset@corp.example.test',
    WRITEBACK_INITIALLY: 'on',
    ANSWER_MS: String(times.answerMs),
    TTL_MS: String(times.ttlMs),
    START_WITHIN_MS: String(times.startWithinMs),
    LDAP_MS: String(times.ldapMs),
    LOCK_MS: String(times.lockMs),
  }
}

/** What `npm run admin` needs to know of this system, as environment variables. */
export const adminEnvironment = ({ url, tenantId, administration, parts, folder }: System) => ({
  WRITEBACK_URL: url,
  WRITEBACK_TENANT: tenantId,
  WRITEBACK_CLIENT_ID: administration.programs[0]?.clientId ?? '',
  WRITEBACK_API: administration.api.uri,
  WRITEBACK_AUTHORITY: parts.entra.addresses.authorityHost,
  WRITEBACK_CA_FILE: join(folder, 'ca.pem'),
})
