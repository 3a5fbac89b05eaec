/**
 * Who exists in the local tenant: the functions' managed identity and the agents' applications.
 *
 * Application roles come from `infra/topology.ts`, so that a Graph permission that stands nowhere in the design is in no
 * token either. Agents come and go while the tenant runs (enrol, revoke); the functions' identity does not.
 */
import { type IdentityName, identities, type optionalGraph } from '../../infra/topology.ts'
import type { Administration } from './people.ts'

export type ManagedIdentity = {
  clientId: string
  objectId: string
  identityHeader: string
  /** Optional rights of infra/topology.ts that this tenant has granted. */
  granted?: readonly (typeof optionalGraph)[number][]
}
export type Application = {
  clientId: string
  objectId: string
  /** Either or both; an application with neither gets no token. */
  secret?: string
  /** PEM. */
  certificates?: readonly string[]
}
export type Principals = { functions: ManagedIdentity; agents: Application[]; administration?: Administration }

/** How the bearer proved itself; a managed identity holds a certificate that nobody sees. */
export type Proof = 'secret' | 'certificate'

/** What a token says about its bearer. */
export interface Subject {
  clientId: string
  objectId: string
  identity: IdentityName
  provenBy: Proof
  granted?: readonly string[]
}

/** Application permissions granted to an identity at a resource; only Graph's are modelled as roles, the rest is RBAC at the resource. */
export function rolesAt(resource: string, { identity, granted = [] }: Subject): readonly string[] {
  return resource === 'https://graph.microsoft.com' ? [...identities[identity].graph, ...granted] : []
}
