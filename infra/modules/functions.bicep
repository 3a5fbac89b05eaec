// The function app on Flex Consumption. One user-assigned identity for all it reaches; no key and no password in a setting: the mail
// server's address is a reference into the vault. What Flex sets by itself (runtime, package, extension version) is not set here.

@description('Name of the app and of its plan.')
param name string

@description('Azure region.')
param location string

@description('Tags of every resource; azd-service-name tells azd where the package goes.')
param tags object

@description('Resource id of the identity.')
param identityId string

@description('Client id of the identity.')
param identityClientId string

@description('Address of the vault.')
param vaultUrl string

@description('Address of the secret that holds the address of the mail server.')
param mailSecretUri string

@description('Sender of the mails.')
param mailFrom string

@description('Host of the Service Bus namespace.')
param serviceBusHost string

@description('Storage account of the tables, the queue and the host.')
param dataAccountName string

@description('Address of the container of the code.')
param codeContainerUrl string

@description('Connection string of Application Insights: an address. What is sent needs a token.')
param insightsConnection string

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Origins whose pages may call.')
param publicOrigins string[]

@description('Client id and Application ID URI of the API registration.')
param adminAudience string[]

@description('Client ids of the programs of administrators.')
param adminClientIds string[]

@description('Client ids of the programs through which everybody may sign in.')
param userClientIds string[]

@description('How synchronized people sign in, or empty.')
param syncedSignIn string

@description('Authentication context of changes, or empty.')
param adminAuthContext string

@description('Whether the first start switches writeback on.')
param writebackInitially 'on' | 'off'

@description('More application settings; those below win.')
param extraSettings object

@description('Node.js.')
param nodeVersion '22' | '24'

@description('Memory of one instance.')
param instanceMemoryMB int

@description('Instances at most.')
param maximumInstanceCount int

@description('Instances kept warm for HTTP.')
param alwaysReadyInstances int

@description('Address ranges from which people may come; empty: all.')
param allowedIpRanges string[]

@description('Address ranges from which code may be deployed; empty: all.')
param deploymentIpRanges string[]

@description('Id of the Front Door through which alone people come, or empty.')
param frontDoorId string

@description('Own host name, or empty.')
param customDomain string

@description('Subnet of the app, or empty.')
param subnetId string

var host = '${name}.azurewebsites.net'
var origins = union(publicOrigins, customDomain == '' ? ['https://${host}'] : ['https://${customDomain}'])
var storageSuffix = environment().suffixes.storage

// Names: docs/operating.md, The function app. An empty value means "not set".
var appSettings = {
  TENANT_ID: tenant().tenantId
  AZURE_CLIENT_ID: identityClientId
  KEY_VAULT_URL: vaultUrl
  PUBLIC_ORIGINS: join(origins, ',')
  ADMIN_AUDIENCE: join(adminAudience, ',')
  ADMIN_CLIENT_IDS: join(adminClientIds, ',')
  ADMIN_AUTH_CONTEXT: adminAuthContext
  USER_CLIENT_IDS: join(userClientIds, ',')
  SYNCED_SIGN_IN: syncedSignIn
  MAIL_URL: '@Microsoft.KeyVault(SecretUri=${mailSecretUri})'
  MAIL_FROM: mailFrom
  WRITEBACK_INITIALLY: writebackInitially
  ServiceBus__fullyQualifiedNamespace: serviceBusHost
  ServiceBus__credential: 'managedidentity'
  ServiceBus__clientId: identityClientId
  DataStorage__tableServiceUri: 'https://${dataAccountName}.table.${storageSuffix}'
  DataStorage__queueServiceUri: 'https://${dataAccountName}.queue.${storageSuffix}'
  DataStorage__credential: 'managedidentity'
  DataStorage__clientId: identityClientId
  AzureWebJobsStorage__accountName: dataAccountName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnection
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
}

var frontDoorRule = {
  name: 'front-door'
  priority: 90
  action: 'Allow'
  tag: 'ServiceTag'
  ipAddress: 'AzureFrontDoor.Backend'
  headers: { 'x-azure-fdid': [frontDoorId] }
}
var rangeRules = [
  for (range, i) in allowedIpRanges: { name: 'range-${i}', priority: 100 + i, action: 'Allow', tag: 'Default', ipAddress: range }
]
var inboundRules = concat(frontDoorId == '' ? [] : [frontDoorRule], rangeRules)
var deploymentRules = [
  for (range, i) in deploymentIpRanges: { name: 'range-${i}', priority: 100 + i, action: 'Allow', tag: 'Default', ipAddress: range }
]

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource site 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: subnetId == '' ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: codeContainerUrl
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
      runtime: { name: 'node', version: nodeVersion }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyInstances == 0 ? [] : [{ name: 'http', instanceCount: alwaysReadyInstances }]
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      cors: { allowedOrigins: origins, supportCredentials: false }
      ipSecurityRestrictions: inboundRules
      ipSecurityRestrictionsDefaultAction: empty(inboundRules) ? 'Allow' : 'Deny'
      scmIpSecurityRestrictions: deploymentRules
      scmIpSecurityRestrictionsDefaultAction: empty(deploymentRules) ? 'Allow' : 'Deny'
      scmIpSecurityRestrictionsUseMain: false
    }
  }
}

resource settings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: site
  name: 'appsettings'
  properties: union(extraSettings, appSettings)
}

resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: site
  name: 'ftp'
  properties: { allow: false }
}

resource noScmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: site
  name: 'scm'
  properties: { allow: false }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: site
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    // No logs: those lines are in Application Insights already.
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

@description('Name.')
output name string = site.name

@description('Address of the API.')
output url string = customDomain == '' ? 'https://${site.properties.defaultHostName}' : 'https://${customDomain}'
