/** What these commands and the templates call by the same name; test/infra/names.test.ts compares both. */

/** Outputs of infra/main.bicep that are used here. */
export const outputs = {
  functionApp: 'functionAppName',
  url: 'apiUrl',
  functionsPrincipal: 'functionsPrincipalId',
  serviceBus: 'serviceBusName',
  serviceBusHost: 'serviceBusHost',
  vault: 'keyVaultName',
  vaultUrl: 'keyVaultUrl',
  agentKeyRole: 'agentKeyRoleId',
} as const

/** Parameters that are given on top of infra/params/ENV.bicepparam. */
export const parameters = {
  environment: 'environmentName',
  location: 'location',
  adminAudience: 'adminAudience',
  adminClientIds: 'adminClientIds',
} as const

/** Parameters of infra/modules/agent.bicep. */
export const agentParameters = {
  name: 'agentName',
  principal: 'principalId',
  serviceBus: 'serviceBusName',
  vault: 'keyVaultName',
  keyRole: 'agentKeyRoleId',
  sas: 'sas',
} as const

/** Of applications in the tenant: a key nobody can give twice. */
export const uniqueName = (environment: string, what: string): string => `password-writeback-${environment}-${what}`
export const deploymentName = (environment: string): string => `password-writeback-${environment}`
export const agentDeployment = (agent: string): string => `agent-${agent}`
/** Of an agent's rule on each queue. */
export const ruleName = (agent: string): string => `agent-${agent}`

/** Azure Service Bus Data Sender and Data Receiver. */
export const busRoles = {
  '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39': 'Send',
  '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0': 'Listen',
} as const
