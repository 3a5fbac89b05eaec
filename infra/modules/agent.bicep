// The rights of one agent, and nothing else: a deployment of its own for each (npm run infra -- enrol-agent), so that revoke-agent can
// take exactly these away. Agents listen on requests, send replies and events, decrypt, and read the package key (infra/topology.ts).

@description('Name of the agent: letters, digits, hyphens. Rules of --sas bear it.')
@minLength(1)
@maxLength(40)
param agentName string

@description('Object id of the service principal of this agent.')
param principalId string

@description('Name of the Service Bus namespace (output serviceBusName of main.bicep).')
param serviceBusName string

@description('Name of the vault (output keyVaultName of main.bicep).')
param keyVaultName string

@description('Resource id of the custom role of agents at the password key (output agentKeyRoleId of main.bicep).')
param agentKeyRoleId string

@description('Whether the agent comes to Service Bus by shared access signature: a rule on each queue instead of a role. The vault takes tokens only.')
param sas bool = false

var senderRole = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39')
var receiverRole = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0')
// Key Vault Secrets User: getSecret and readMetadata, exactly what topology.ts says.
var secretsUserRole = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = { name: serviceBusName }
resource requests 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' existing = { parent: namespace, name: 'requests' }
resource replies 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' existing = { parent: namespace, name: 'replies' }
resource events 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' existing = { parent: namespace, name: 'events' }
resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = { name: keyVaultName }
resource passwordKey 'Microsoft.KeyVault/vaults/keys@2026-02-01' existing = { parent: vault, name: 'password-key' }
resource packageKey 'Microsoft.KeyVault/vaults/secrets@2026-02-01' existing = { parent: vault, name: 'package-key' }

resource listenRequests 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!sas) {
  scope: requests
  name: guid(requests.id, principalId, receiverRole)
  properties: { roleDefinitionId: receiverRole, principalId: principalId, principalType: 'ServicePrincipal', description: 'agent ${agentName}' }
}

resource sendReplies 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!sas) {
  scope: replies
  name: guid(replies.id, principalId, senderRole)
  properties: { roleDefinitionId: senderRole, principalId: principalId, principalType: 'ServicePrincipal', description: 'agent ${agentName}' }
}

resource sendEvents 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!sas) {
  scope: events
  name: guid(events.id, principalId, senderRole)
  properties: { roleDefinitionId: senderRole, principalId: principalId, principalType: 'ServicePrincipal', description: 'agent ${agentName}' }
}

// A queue takes twelve rules at most: twelve agents by SAS. Their keys are read by `enrol-agent --sas`, never by an output.
resource listenRequestsRule 'Microsoft.ServiceBus/namespaces/queues/authorizationRules@2024-01-01' = if (sas) {
  parent: requests
  name: 'agent-${agentName}'
  properties: { rights: ['Listen'] }
}

resource sendRepliesRule 'Microsoft.ServiceBus/namespaces/queues/authorizationRules@2024-01-01' = if (sas) {
  parent: replies
  name: 'agent-${agentName}'
  properties: { rights: ['Send'] }
}

resource sendEventsRule 'Microsoft.ServiceBus/namespaces/queues/authorizationRules@2024-01-01' = if (sas) {
  parent: events
  name: 'agent-${agentName}'
  properties: { rights: ['Send'] }
}

resource decrypt 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: passwordKey
  name: guid(passwordKey.id, principalId, agentKeyRoleId)
  properties: { roleDefinitionId: agentKeyRoleId, principalId: principalId, principalType: 'ServicePrincipal', description: 'agent ${agentName}' }
}

resource readPackageKey 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: packageKey
  name: guid(packageKey.id, principalId, secretsUserRole)
  properties: { roleDefinitionId: secretsUserRole, principalId: principalId, principalType: 'ServicePrincipal', description: 'agent ${agentName}' }
}

@description('Resource ids of the role assignments: what revoke-agent takes away.')
output roleAssignmentIds string[] = concat(
  sas ? [] : [listenRequests.id, sendReplies.id, sendEvents.id],
  [decrypt.id, readPackageKey.id]
)

@description('Name of the rule on each of the three queues with sas; empty without.')
output sasRuleName string = sas ? 'agent-${agentName}' : ''
