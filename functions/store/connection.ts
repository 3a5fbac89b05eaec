/**
 * How Table and Queue Storage are reached: in Azure by service URL and managed identity (shared keys are off there),
 * locally by a connection string.
 */
import type { TokenCredential } from '../entra/credential.ts'

export type StorageConnection =
  | { kind: 'identity'; url: string; credential: TokenCredential }
  /** A connection string may name a plain http endpoint: it is for loopback only. */
  | { kind: 'connectionString'; connectionString: string }
