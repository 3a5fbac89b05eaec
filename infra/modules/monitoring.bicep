// Where logs go: a workspace, Application Insights on it (tokens only, nothing sampled away: heartbeats must not be missed), and a table
// with a rule by which the Azure Monitor Agent of an agent server can send the agent's log. Without that, alerts about what only
// agents see (replays, ceilings, refusals of the directory) have nothing to look at (README.md, Alerts).

@description('Name of the workspace.')
param workspaceName string

@description('Name of the Application Insights component.')
param insightsName string

@description('Name of the data collection endpoint and rule.')
param rulesName string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Days that logs are kept.')
param retentionDays int

@description('GB a day at most; -1: no bound.')
param dailyGb int

@description('Resource id of the identity of the functions: known before anything is made, so that what-if can tell the names of assignments.')
param functionsIdentityId string

@description('Object id of that identity.')
param functionsPrincipalId string

var metricsPublisherRole = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '3913510d-42f4-4e42-8a64-420c390055eb')

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionDays
    workspaceCapping: { dailyQuotaGb: dailyGb }
    features: { disableLocalAuth: true, enableLogAccessUsingOnlyResourcePermissions: true }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: insightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
    DisableIpMasking: false
    SamplingPercentage: 100
  }
}

resource functionsOnInsights 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: insights
  name: guid(insights.id, functionsIdentityId, metricsPublisherRole)
  properties: { roleDefinitionId: metricsPublisherRole, principalId: functionsPrincipalId, principalType: 'ServicePrincipal' }
}

resource agentLog 'Microsoft.OperationalInsights/workspaces/tables@2025-02-01' = {
  parent: workspace
  name: 'WritebackAgent_CL'
  properties: {
    plan: 'Analytics'
    retentionInDays: retentionDays
    schema: {
      name: 'WritebackAgent_CL'
      columns: [{ name: 'TimeGenerated', type: 'dateTime' }, { name: 'RawData', type: 'string' }]
    }
  }
}

resource endpoint 'Microsoft.Insights/dataCollectionEndpoints@2023-03-11' = {
  name: rulesName
  location: location
  tags: tags
  properties: { networkAcls: { publicNetworkAccess: 'Enabled' } }
}

resource agentLogRule 'Microsoft.Insights/dataCollectionRules@2023-03-11' = {
  name: rulesName
  location: location
  tags: tags
  properties: {
    dataCollectionEndpointId: endpoint.id
    streamDeclarations: {
      'Custom-WritebackAgent': { columns: [{ name: 'TimeGenerated', type: 'datetime' }, { name: 'RawData', type: 'string' }] }
    }
    dataSources: {
      logFiles: [
        {
          name: 'agent-log'
          streams: ['Custom-WritebackAgent']
          format: 'text'
          filePatterns: ['/var/log/password-writeback/*.log', 'C:\\ProgramData\\PasswordWriteback\\logs\\*.log']
          settings: { text: { recordStartTimestampFormat: 'ISO 8601' } }
        }
      ]
    }
    destinations: { logAnalytics: [{ name: 'workspace', workspaceResourceId: workspace.id }] }
    dataFlows: [
      {
        streams: ['Custom-WritebackAgent']
        destinations: ['workspace']
        transformKql: 'source'
        outputStream: 'Custom-WritebackAgent_CL'
      }
    ]
  }
  dependsOn: [agentLog]
}

@description('Resource id of the workspace.')
output workspaceId string = workspace.id

@description('Name of the workspace.')
output workspaceName string = workspace.name

@description('Connection string of Application Insights: an address, no secret (local authentication is off).')
output insightsConnection string = insights.properties.ConnectionString

@description('Resource id of the rule for the logs of agents.')
output agentLogRuleId string = agentLogRule.id
