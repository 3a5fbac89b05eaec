/**
 * What a binding's `connection` means: the name of an application setting, or the prefix of several.
 *
 * `NAME` (or `AzureWebJobsNAME`) holds a connection string; `NAME__fullyQualifiedNamespace` or `NAME__queueServiceUri`
 * names the place and leaves the proof to a managed identity (learn.microsoft.com/azure/azure-functions/
 * functions-reference#configure-an-identity-based-connection).
 * Invariant: no credential is looked for anywhere but at the identity endpoint the settings name.
 */
import { ManagedIdentityCredential } from '@azure/identity'
import type { Settings } from './host-json.ts'

export type Connection =
  | { kind: 'connectionString'; value: string }
  | { kind: 'identity'; address: string; credential: ManagedIdentityCredential }

function credentialOf(name: string, settings: Settings): ManagedIdentityCredential {
  // Without an endpoint the credential would try the metadata address of a virtual machine, which is not loopback.
  if (!settings['IDENTITY_ENDPOINT'])
    throw new Error(`The connection '${name}' needs a managed identity, but IDENTITY_ENDPOINT is not set.`)
  const clientId = settings[`${name}__clientId`]
  return clientId === undefined ? new ManagedIdentityCredential() : new ManagedIdentityCredential({ clientId })
}

/** `address` is the suffix of the setting that names the service, e.g. `fullyQualifiedNamespace`. Throws when there is neither. */
export function readConnection(name: string, address: string, settings: Settings): Connection {
  const value = settings[name] ?? settings[`AzureWebJobs${name}`]
  if (value !== undefined) return { kind: 'connectionString', value }
  const named = settings[`${name}__${address}`]
  if (named !== undefined) return { kind: 'identity', address: named, credential: credentialOf(name, settings) }
  throw new Error(`The connection '${name}' is not configured: neither the setting '${name}' nor '${name}__${address}' is there.`)
}
