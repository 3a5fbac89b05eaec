/**
 * Who the functions app is: its user-assigned managed identity, and nothing else.
 *
 * The same class runs everywhere: the host's IDENTITY_ENDPOINT and IDENTITY_HEADER say where tokens come from (locally
 * `local/entra` offers them). No chain of fall-backs, so the app can never act as a developer who happens to be signed in.
 * Source: learn.microsoft.com/azure/app-service/overview-managed-identity, REST endpoint reference.
 */
import { ManagedIdentityCredential, type TokenCredential } from '@azure/identity'

export type { TokenCredential } from '@azure/identity'

export interface IdentityOptions {
  /** Client id of the user-assigned identity; it must be named, for the app has no other. */
  clientId: string
}

export function openCredential({ clientId }: IdentityOptions): TokenCredential {
  return new ManagedIdentityCredential({ clientId, retryOptions: { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 1_000 } })
}
