// One page in the portal: who was heard, what came of the resets, what was refused. Numbers and ids only, as in the log.

@description('Name of the environment, shown in the title.')
param environmentName string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

var lines = 'union isfuzzy=true (AppTraces | project TimeGenerated, line = Message), (WritebackAgent_CL | project TimeGenerated, line = RawData) | where line startswith "{" | extend e = parse_json(line) | extend event = tostring(e.event)'

var charts = [
  {
    title: 'Agents: last heard'
    query: '${lines} | where event == "heartbeat" and isnotempty(tostring(e.agent)) | summarize lastHeard = max(TimeGenerated) by agent = tostring(e.agent) | order by lastHeard asc'
    visualization: 'table'
  }
  {
    title: 'Outcomes of resets (needs the log of the agents)'
    query: '${lines} | where event in ("resetDone", "resetFailed") | summarize count() by outcome = tostring(e.outcome), bin(TimeGenerated, 1h)'
    visualization: 'timechart'
  }
  {
    title: 'How long a reset takes an agent, ms (needs the log of the agents)'
    query: '${lines} | where event in ("resetDone", "resetFailed") | summarize p50 = percentile(tolong(e.elapsedMs), 50), p95 = percentile(tolong(e.elapsedMs), 95) by bin(TimeGenerated, 1h)'
    visualization: 'timechart'
  }
  {
    title: 'Warnings and errors'
    query: '${lines} | where tostring(e.level) in ("warning", "error") | summarize count() by event, source = tostring(e.source) | order by count_ desc'
    visualization: 'table'
  }
  {
    title: 'Keys and administrators'
    query: '${lines} | where event startswith "rollover" or event startswith "keyVersions" or event startswith "administrator" or event startswith "agentRe" or event == "writebackSwitched" | project TimeGenerated, event, administrator = tostring(e.administrator), rollover = tostring(e.rollover), reason = tostring(e.reason) | order by TimeGenerated desc'
    visualization: 'table'
  }
]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, environmentName, 'workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Password writeback (${environmentName})'
    category: 'workbook'
    sourceId: workspaceId
    serializedData: string({
      version: 'Notebook/1.0'
      items: map(charts, chart => {
        type: 3
        content: {
          version: 'KqlItem/1.0'
          title: chart.title
          query: chart.query
          size: 0
          timeContext: { durationMs: 86400000 }
          queryType: 0
          resourceType: 'microsoft.operationalinsights/workspaces'
          visualization: chart.visualization
        }
      })
      fallbackResourceIds: [workspaceId]
    })
  }
}
