// Service Bus: three queues and the functions' rights on each (infra/topology.ts). Nobody gets a right on the namespace.
// No dead-lettering of what expires, no partitioning: nothing that holds a password may rest anywhere or be out of order.

@description('Name of the namespace.')
param name string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Whether shared access signatures work at all.')
param sasAgents bool

@description('Resource id of the identity of the functions: known before anything is made, so that what-if can tell the names of assignments.')
param functionsIdentityId string

@description('Object id of that identity.')
param functionsPrincipalId string

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

var senderRole = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39')
var receiverRole = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0')

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  // Basic has neither sessions nor duplicate detection.
  sku: { name: 'Standard', tier: 'Standard' }
  properties: { minimumTlsVersion: '1.2', disableLocalAuth: !sasAgents, publicNetworkAccess: 'Enabled' }
}

resource requests 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = {
  parent: namespace
  name: 'requests'
  properties: {
    lockDuration: 'PT10S'
    defaultMessageTimeToLive: 'PT5M'
    // The time to live always ends first, even if a request is given back every second.
    maxDeliveryCount: 100
    requiresSession: false
    requiresDuplicateDetection: true
    duplicateDetectionHistoryTimeWindow: 'PT10M'
    deadLetteringOnMessageExpiration: false
    enablePartitioning: false
    maxSizeInMegabytes: 1024
  }
}

resource replies 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = {
  parent: namespace
  name: 'replies'
  properties: {
    lockDuration: 'PT5M'
    defaultMessageTimeToLive: 'PT5M'
    maxDeliveryCount: 10
    requiresSession: true
    requiresDuplicateDetection: false
    deadLetteringOnMessageExpiration: false
    enablePartitioning: false
    maxSizeInMegabytes: 1024
  }
}

resource events 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = {
  parent: namespace
  name: 'events'
  properties: {
    lockDuration: 'PT30S'
    defaultMessageTimeToLive: 'PT5M'
    maxDeliveryCount: 10
    requiresSession: false
    requiresDuplicateDetection: false
    deadLetteringOnMessageExpiration: false
    enablePartitioning: false
    maxSizeInMegabytes: 1024
  }
}

resource functionsSendRequests 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: requests
  name: guid(requests.id, functionsIdentityId, senderRole)
  properties: { roleDefinitionId: senderRole, principalId: functionsPrincipalId, principalType: 'ServicePrincipal' }
}

resource functionsListenReplies 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: replies
  name: guid(replies.id, functionsIdentityId, receiverRole)
  properties: { roleDefinitionId: receiverRole, principalId: functionsPrincipalId, principalType: 'ServicePrincipal' }
}

resource functionsListenEvents 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: events
  name: guid(events.id, functionsIdentityId, receiverRole)
  properties: { roleDefinitionId: receiverRole, principalId: functionsPrincipalId, principalType: 'ServicePrincipal' }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: namespace
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'OperationalLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

@description('Resource id.')
output id string = namespace.id

@description('Name.')
output name string = namespace.name

@description('Host.')
output host string = parseUri(namespace.properties.serviceBusEndpoint).host
