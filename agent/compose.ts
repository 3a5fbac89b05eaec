/**
 * From settings to what the parts are opened with: the files that settings name are read here. The agent and `agentctl doctor`
 * use the same, so what the one proves is what the other will do.
 */
import { readFileSync } from 'node:fs'
import { ClientCertificateCredential, ClientSecretCredential, type TokenCredential } from '@azure/identity'
import type { RelaySettings } from '../shared/relay/client.ts'
import type { Secret } from '../shared/secret.ts'
import type { DirectorySettings, ForestSettings } from './directory/directory.ts'
import type { Forest } from './directory-settings.ts'
import { type AgentSettings, readSecretFile } from './settings.ts'

export const localAuthority = ({ localCaFile }: Pick<AgentSettings, 'localCaFile'>): string | undefined =>
  localCaFile === undefined ? undefined : readFileSync(localCaFile, 'utf8')

export function openCredential(
  { tenantId, identity }: Pick<AgentSettings, 'tenantId' | 'identity'>,
  localCa: string | undefined,
): TokenCredential {
  const local = localCa === undefined ? {} : { disableInstanceDiscovery: true, tlsOptions: { ca: localCa } }
  const options = { authorityHost: identity.authority, ...local }
  const { clientId, certificateFile, secretFile } = identity
  if (certificateFile !== undefined)
    return new ClientCertificateCredential(tenantId, clientId, { certificatePath: certificateFile }, options)
  return new ClientSecretCredential(tenantId, clientId, textOf(secretFile ?? ''), options)
}

export function relaySettings({ relay }: Pick<AgentSettings, 'relay'>, credential: TokenCredential, ca: string | undefined): RelaySettings {
  const { namespace, endpoint, connectionStringFile, proxyUrlFile, transport } = relay
  const road = { transport, ca, proxyUrl: proxyUrlFile === undefined ? undefined : textOf(proxyUrlFile) }
  if (namespace !== undefined) return { ...road, address: { kind: 'identity', namespace, endpoint, credential } }
  return { ...road, address: { kind: 'connectionString', connectionString: textOf(connectionStringFile ?? '') } }
}

const textOf = (path: string) => readSecretFile(path).use((value) => value.toString('utf8'))

export function directorySettings({ forests, rules, times }: AgentSettings): DirectorySettings {
  return { forests: forests.map((forest) => forestSettings(forest)), rules, ldapMs: times.ldapMs }
}

/** `password`: if it is in no file yet. */
export function forestSettings({ bindPasswordFile, caFile, ...forest }: Forest, password?: Secret): ForestSettings {
  const ca = caFile === undefined ? undefined : readFileSync(caFile, 'utf8')
  return { ...forest, bindPassword: password ?? readSecretFile(bindPasswordFile), ca }
}
