// Everything in the cloud that password writeback runs on, but its agents: each of those is a deployment of its own
// (modules/agent.bicep), so that taking one away touches nothing else. Raw resources, no registry modules. What may be done by whom is
// infra/topology.ts; test/infra/ compares the two. Deploy with `npm run infra -- what-if`, then `deploy` (infra/README.md).
targetScope = 'resourceGroup'

@description('Short name of this environment (dev, prod): part of names, and the tag azd-env-name.')
@minLength(2)
@maxLength(12)
param environmentName string

@description('Azure region. Not every region has Flex Consumption.')
param location string = resourceGroup().location

@description('Origins whose pages may call the API, such as https://reset.example.com. Empty: only the address of the function app itself.')
param publicOrigins string[] = []

@description('Client id and Application ID URI of the API registration (npm run infra -- register-app). Empty: nobody is an administrator.')
param adminAudience string[] = []

@description('Client ids of the programs that may bring administrators (npm run infra -- register-app).')
param adminClientIds string[] = []

@description('Client ids of the programs through which everybody may sign in, to see to their own methods and change their password. Never one of adminClientIds.')
param userClientIds string[] = []

@description('How synchronized people of domains that are not federated sign in, where Graph may not be asked. Empty: it is asked.')
@allowed(['', 'passwordHash', 'passThrough'])
param syncedSignIn string = ''

@description('Authentication context (c1 to c99) that an administrator needs for a change. Empty: none.')
param adminAuthContext string = ''

@description('Where mails go out: smtps://user:password@host:465, percent-encoded. Kept in the vault. Empty: what the vault holds already is left alone.')
@secure()
param mailUrl string

@description('Sender of the mails. With communicationServices it may be empty: then the sender of its managed domain.')
param mailFrom string

@description('Whether to make Azure Communication Services Email; people get their mails from it by SMTP (docs/deploy.md says how mailUrl is made then).')
param communicationServices bool = false

@description('Where Communication Services keeps its data, such as Europe or United States. Cannot be changed later.')
param communicationDataLocation string = 'Europe'

@description('Whether the first start of a new deployment switches writeback on. Afterwards the stored state counts.')
@allowed(['on', 'off'])
param writebackInitially string = 'off'

@description('More application settings, by the names in docs/operating.md, such as the five times. Those that this template sets win.')
param extraSettings object = {}

@description('Node.js of the function app.')
@allowed(['22', '24'])
param nodeVersion string = '24'

@description('Memory of one instance.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('How many instances there may be at most.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances kept warm for HTTP. With 0 the first person of a quiet hour waits for a cold start.')
@minValue(0)
@maxValue(20)
param alwaysReadyInstances int = 1

@description('Address ranges (CIDR) from which people may come. Empty: from everywhere.')
param allowedIpRanges string[] = []

@description('Address ranges (CIDR) from which code may be deployed. Empty: from everywhere, by who has the rights.')
param deploymentIpRanges string[] = []

@description('Id of an Azure Front Door with its WAF: then people come only through it, and allowedIpRanges stays empty. Empty: none.')
param frontDoorId string = ''

@description('Own host name of the API, such as reset.example.com, whose CNAME and asuid TXT record exist. Empty: none, or it ends at the Front Door.')
param customDomain string = ''

@description('Subnet delegated to Microsoft.App/environments, for private endpoints (examples/private-endpoints.bicep). Empty: none.')
param subnetId string = ''

@description('Whether a lock keeps the vault from being deleted. Only the vault: a lock on the group would block taking rights away.')
param lockVault bool = true

@description('Whether agents may come to Service Bus by shared access signature. Off: only by token of Entra ID.')
param sasAgents bool = false

@description('Redundancy of the tables and of the code.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageSku string = 'Standard_ZRS'

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 90

@description('Upper bound of logs taken in a day, in GB; -1: none. Beyond it alerts are blind for the rest of the day.')
param logDailyGb int = 5

@description('Mail addresses of who is told when something is wrong. Empty: alerts are only seen in the portal.')
param alertEmails string[] = []

@description('Resets that may fail for another reason than the password policy within 15 minutes before somebody is told.')
@minValue(1)
param failuresPer15Minutes int = 20

var token = uniqueString(resourceGroup().id, environmentName)
var functionAppName = 'func-writeback-${environmentName}-${token}'
var tags = { 'azd-env-name': environmentName }

// User-assigned: it outlives the app, and its rights with it.
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-writeback-${environmentName}-${token}'
  location: location
  tags: tags
}

module monitoring 'modules/monitoring.bicep' = {
  params: {
    workspaceName: 'log-writeback-${environmentName}-${token}'
    insightsName: 'appi-writeback-${environmentName}-${token}'
    rulesName: 'dcr-writeback-${environmentName}-${token}'
    location: location
    tags: tags
    retentionDays: logRetentionDays
    dailyGb: logDailyGb
    functionsIdentityId: identity.id
    functionsPrincipalId: identity.properties.principalId
  }
}

module bus 'modules/service-bus.bicep' = {
  params: {
    name: 'sb-writeback-${environmentName}-${token}'
    location: location
    tags: tags
    sasAgents: sasAgents
    functionsIdentityId: identity.id
    functionsPrincipalId: identity.properties.principalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module vault 'modules/key-vault.bicep' = {
  params: {
    name: 'kv-${take(environmentName, 6)}-${token}'
    location: location
    tags: tags
    lock: lockVault
    mailUrl: mailUrl
    functionsIdentityId: identity.id
    functionsPrincipalId: identity.properties.principalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module storage 'modules/storage.bicep' = {
  params: {
    dataName: 'stdata${token}'
    codeName: 'stcode${token}'
    location: location
    tags: tags
    sku: storageSku
    functionsIdentityId: identity.id
    functionsPrincipalId: identity.properties.principalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module mail 'modules/mail.bicep' = if (communicationServices) {
  params: { name: 'mail-writeback-${environmentName}-${token}', dataLocation: communicationDataLocation, tags: tags }
}

module functions 'modules/functions.bicep' = {
  params: {
    name: functionAppName
    location: location
    tags: union(tags, { 'azd-service-name': 'functions' })
    identityId: identity.id
    identityClientId: identity.properties.clientId
    vaultUrl: vault.outputs.url
    mailSecretUri: vault.outputs.mailSecretUri
    mailFrom: mailFrom != '' ? mailFrom : (mail.?outputs.sender ?? '')
    serviceBusHost: bus.outputs.host
    dataAccountName: storage.outputs.dataAccountName
    codeContainerUrl: storage.outputs.codeContainerUrl
    insightsConnection: monitoring.outputs.insightsConnection
    workspaceId: monitoring.outputs.workspaceId
    publicOrigins: publicOrigins
    adminAudience: adminAudience
    adminClientIds: adminClientIds
    userClientIds: userClientIds
    syncedSignIn: syncedSignIn
    adminAuthContext: adminAuthContext
    writebackInitially: writebackInitially
    extraSettings: extraSettings
    nodeVersion: nodeVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyInstances: alwaysReadyInstances
    allowedIpRanges: allowedIpRanges
    deploymentIpRanges: deploymentIpRanges
    frontDoorId: frontDoorId
    customDomain: customDomain
    subnetId: subnetId
  }
}

module customDomainBinding 'modules/custom-domain.bicep' = if (customDomain != '' && frontDoorId == '') {
  params: { siteName: functionAppName, host: customDomain, location: location, tags: tags }
  dependsOn: [functions]
}

module alerts 'modules/alerts.bicep' = {
  params: {
    prefix: 'alert-writeback-${environmentName}'
    location: location
    tags: tags
    emails: alertEmails
    workspaceId: monitoring.outputs.workspaceId
    namespaceId: bus.outputs.id
    failuresPer15Minutes: failuresPer15Minutes
  }
}

module workbook 'modules/workbook.bicep' = {
  params: { environmentName: environmentName, location: location, tags: tags, workspaceId: monitoring.outputs.workspaceId }
}

@description('Name of the function app: what code is deployed to.')
output functionAppName string = functionAppName

@description('Address of the API.')
output apiUrl string = functions.outputs.url

@description('Name of the identity the functions run as.')
output functionsIdentityName string = identity.name

@description('Object id of that identity: it gets the permissions in Microsoft Graph (npm run infra -- grant-graph).')
output functionsPrincipalId string = identity.properties.principalId

@description('Name of the vault: a parameter of modules/agent.bicep.')
output keyVaultName string = vault.outputs.name

@description('Address of the vault: keyVaultUrl in the settings of an agent.')
output keyVaultUrl string = vault.outputs.url

@description('Name of the Service Bus namespace: a parameter of modules/agent.bicep.')
output serviceBusName string = bus.outputs.name

@description('Host of the Service Bus namespace: serviceBusNamespace in the settings of an agent.')
output serviceBusHost string = bus.outputs.host

@description('Resource id of the custom role of agents at the password key: a parameter of modules/agent.bicep.')
output agentKeyRoleId string = vault.outputs.agentKeyRoleId

@description('Name of the Log Analytics workspace.')
output workspaceName string = monitoring.outputs.workspaceName

@description('Resource id of the rule by which the Azure Monitor Agent on an agent server sends the log of the agent here.')
output agentLogRuleId string = monitoring.outputs.agentLogRuleId

@description('Storage account of the deployed code. Whoever can write here owns the code.')
output codeAccountName string = storage.outputs.codeAccountName

@description('Storage account of the tables.')
output dataAccountName string = storage.outputs.dataAccountName

@description('Sender domain of Communication Services; empty without it.')
output mailSenderDomain string = mail.?outputs.domain ?? ''
