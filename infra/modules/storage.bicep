// Two storage accounts without shared keys. Data: the tables, the queue of challenges and what the Functions host keeps. Code: the
// deployed package alone, since whoever can write it owns the code. The functions' rights are by table and queue (infra/topology.ts).

@description('Name of the account of the tables.')
@maxLength(24)
param dataName string

@description('Name of the account of the code.')
@maxLength(24)
param codeName string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Redundancy.')
param sku 'Standard_LRS' | 'Standard_ZRS' | 'Standard_GRS' | 'Standard_GZRS'

@description('Resource id of the identity of the functions: known before anything is made, so that what-if can tell the names of assignments.')
param functionsIdentityId string

@description('Object id of that identity.')
param functionsPrincipalId string

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

var blobOwnerRole = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b')
var tableContributorRole = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3')
var queueContributorRole = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '974c5e8b-45b9-4653-ba55-5f855dd0fb88')
var hardened = {
  minimumTlsVersion: 'TLS1_2'
  supportsHttpsTrafficOnly: true
  allowSharedKeyAccess: false
  allowBlobPublicAccess: false
  allowCrossTenantReplication: false
  defaultToOAuthAuthentication: true
  publicNetworkAccess: 'Enabled'
}
var tableNames = ['flows', 'agents', 'state', 'audit', 'methods']
// The host moves to …-poison what failed five times.
var queueNames = ['challenges', 'challenges-poison']

resource data 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: dataName
  location: location
  tags: tags
  sku: { name: sku }
  kind: 'StorageV2'
  properties: hardened
}

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-06-01' = { parent: data, name: 'default' }

resource tables 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-06-01' = [
  for name in tableNames: { parent: tableService, name: name }
]

resource functionsOnTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, i) in tableNames: {
    scope: tables[i]
    name: guid(data.id, name, functionsIdentityId, tableContributorRole)
    properties: { roleDefinitionId: tableContributorRole, principalId: functionsPrincipalId, principalType: 'ServicePrincipal' }
  }
]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2025-06-01' = { parent: data, name: 'default' }

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' = [
  for name in queueNames: { parent: queueService, name: name }
]

resource functionsOnQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, i) in queueNames: {
    scope: queues[i]
    name: guid(data.id, name, functionsIdentityId, queueContributorRole)
    properties: { roleDefinitionId: queueContributorRole, principalId: functionsPrincipalId, principalType: 'ServicePrincipal' }
  }
]

resource dataBlobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = { parent: data, name: 'default' }

// The host's leases and keys, in containers that it makes itself.
resource functionsOnHostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: dataBlobs
  name: guid(dataBlobs.id, functionsIdentityId, blobOwnerRole)
  properties: { roleDefinitionId: blobOwnerRole, principalId: functionsPrincipalId, principalType: 'ServicePrincipal' }
}

resource code 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: codeName
  location: location
  tags: tags
  sku: { name: sku }
  kind: 'StorageV2'
  properties: hardened
}

resource codeBlobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = { parent: code, name: 'default' }

resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = {
  parent: codeBlobs
  name: 'packages'
  properties: { publicAccess: 'None' }
}

// The platform reads the package, and writes it at a deployment, as the identity of the app.
resource functionsOnPackages 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: packages
  name: guid(packages.id, functionsIdentityId, blobOwnerRole)
  properties: { roleDefinitionId: blobOwnerRole, principalId: functionsPrincipalId, principalType: 'ServicePrincipal' }
}

resource tableDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: tableService
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'StorageWrite', enabled: true }, { category: 'StorageDelete', enabled: true }]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

resource codeDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: codeBlobs
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'StorageWrite', enabled: true }, { category: 'StorageDelete', enabled: true }]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

@description('Name of the account of the tables.')
output dataAccountName string = data.name

@description('Name of the account of the code.')
output codeAccountName string = code.name

@description('Address of the container of the code.')
output codeContainerUrl string = '${code.properties.primaryEndpoints.blob}${packages.name}'
