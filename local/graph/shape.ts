/** What the local Graph holds, and what an operation on it is. */
import type { Clock } from '../../shared/clock.ts'
import type { Json } from '../stand-in.ts'
import type { WebRequest } from '../web.ts'
import type { Applications } from './directory.ts'
import type { Groups } from './groups.ts'
import type { Refusal } from './refusals.ts'
import type { Users } from './users.ts'

export interface Graph {
  users: Users
  applications: Applications
  groups: Groups
  /** Object ids. */
  applicationAdministrators: Set<string>
  /** Hashes of what was set in the cloud, by object id. */
  passwords: Map<string, string>
  tenant: Tenant
  clock: Clock
}

/** Verified; the first one is the default. */
export type Domain = { id: string; federated?: boolean }

/** What is decided for a tenant as a whole. */
export interface Tenant {
  domains: Domain[]
  organization: { id: string; displayName: string }
  passwordHashSync: boolean
  /** Passwords of synchronized users can be written in the cloud: rare. */
  takesSynchronizedPasswords: boolean
  /** Licensed for Privileged Identity Management. */
  privilegedIdentityManagement: boolean
  pageSize: number
}

export type Result = { kind: 'done'; status: number; body?: Json } | Refusal

export interface Route {
  method: string
  /** `{key}` is an object id or a userPrincipalName. */
  path: string
  /** One of these application permissions is needed. */
  roles: readonly string[]
  run(graph: Graph, request: WebRequest, key: string): Result
}
