// Who is told what. Each is a row: docs/outcomes.md has the events, docs/operating.md what to do. `lines` reads both logs, whose lines
// are JSON; the agents' part is empty until agent servers send it (monitoring.bicep).

@description('Start of the name of every alert.')
param prefix string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Mail addresses that are told.')
param emails string[]

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Resource id of the Service Bus namespace.')
param namespaceId string

@description('Failures other than policy within 15 minutes before somebody is told.')
param failuresPer15Minutes int

var lines = 'union isfuzzy=true (AppTraces | project TimeGenerated, line = Message), (WritebackAgent_CL | project TimeGenerated, line = RawData) | where line startswith "{" | extend e = parse_json(line) | extend event = tostring(e.event), outcome = tostring(e.outcome)'

// Who was heard within a day, and not within 12 minutes: two heartbeats and two minutes. An agent that is taken away on purpose is
// told about for a day at most, or revoked first.
var silent = 'let heard = AppTraces | where TimeGenerated > ago(1d) | extend e = parse_json(Message) | where tostring(e.source) == "functions" and tostring(e.event) in ("heartbeat", "agentRevoked") | project TimeGenerated, event = tostring(e.event), agent = tostring(e.agent); heard | summarize last = maxif(TimeGenerated, event == "heartbeat"), revoked = maxif(TimeGenerated, event == "agentRevoked") by agent | where last < ago(12m) and (isnull(revoked) or revoked < last)'

// Endings that are about the password or the person, and nobody's fault.
var aboutThePerson = '"wrongPassword", "accountLocked", "accountDisabled", "accountExpired", "cannotChange", "smartCardRequired", "notEligible", "superseded"'

var rules = [
  {
    name: 'no-heartbeat'
    severity: 1
    threshold: 0
    frequency: 'PT5M'
    window: 'P1D'
    query: silent
    description: 'An agent was not heard for 12 minutes.'
  }
  {
    name: 'nobody-heard'
    severity: 0
    threshold: 0
    frequency: 'PT5M'
    window: 'PT15M'
    query: 'AppTraces | extend e = parse_json(Message) | summarize beats = countif(tostring(e.event) == "heartbeat") | where beats == 0'
    description: 'No agent at all was heard for 15 minutes, or no log arrives: nobody can reset a password, or nobody would know.'
  }
  {
    name: 'failures'
    severity: 2
    threshold: failuresPer15Minutes
    frequency: 'PT5M'
    window: 'PT15M'
    query: '${lines} | where event endswith "Failed" and isnotempty(outcome) and not(outcome startswith "policy.") and outcome !in (${aboutThePerson})'
    description: 'Resets fail for another reason than the password policy or the person.'
  }
  {
    name: 'unknown-outcomes'
    severity: 2
    threshold: 0
    frequency: 'PT15M'
    window: 'PT15M'
    query: '${lines} | where event == "outcomeUnknown"'
    description: 'A person was told that nobody knows yet whether the password was changed.'
  }
  {
    name: 'keys-overdue'
    severity: 1
    threshold: 0
    frequency: 'PT1H'
    window: 'PT1H'
    query: '${lines} | where event == "keysOverdue"'
    description: 'A key is older than 190 days: the rollover that is due at 182 does not succeed.'
  }
  {
    name: 'keys-trouble'
    severity: 1
    threshold: 0
    frequency: 'PT15M'
    window: 'PT15M'
    query: '${lines} | where event in ("rolloverFailed", "rolloverAbandoned", "rolloverUnproved", "keysUnavailable")'
    description: 'A rollover failed, was abandoned or not proved, or the vault does not answer.'
  }
  {
    name: 'replays'
    severity: 2
    threshold: 0
    frequency: 'PT15M'
    window: 'PT15M'
    query: '${lines} | where event in ("replayRefused", "envelopeRejected", "replyRejected")'
    description: 'A message was refused that was sent before, or that nobody who has the keys has sent.'
  }
  {
    name: 'ceilings'
    severity: 1
    threshold: 0
    frequency: 'PT5M'
    window: 'PT15M'
    query: '${lines} | where event == "ceilingReached"'
    description: 'An agent reached one of its ceilings: an attack, or more people than it is set up for.'
  }
  {
    name: 'tampering'
    severity: 0
    threshold: 0
    frequency: 'PT5M'
    window: 'PT15M'
    query: '${lines} | where event in ("rowRejected", "evidenceBroken", "linkChanged")'
    description: 'A row, the chain of evidence or the link of a person was not made by us.'
  }
  {
    name: 'errors'
    severity: 2
    threshold: 0
    frequency: 'PT15M'
    window: 'PT15M'
    query: '${lines} | where tostring(e.level) == "error"'
    description: 'A line of level error, whatever it is about.'
  }
  {
    name: 'certificate'
    severity: 2
    threshold: 0
    frequency: 'PT1H'
    window: 'P1D'
    query: '${lines} | where event in ("certificateExpiring", "certificateExpired")'
    description: 'The certificate of an agent ends within 30 days, or has ended, and was not renewed.'
  }
]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: '${prefix}-people'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'writeback'
    enabled: true
    emailReceivers: [
      for (email, i) in emails: { name: 'person-${i}', emailAddress: email, useCommonAlertSchema: true }
    ]
  }
}

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules: {
    name: '${prefix}-${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Password writeback: ${rule.name}'
      description: rule.description
      severity: rule.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: rule.frequency
      windowSize: rule.window
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: rule.threshold
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      // Closes by itself once the query finds nothing; excludes muteActionsDuration.
      autoMitigate: true
      // The tables of a new workspace appear with their first lines.
      skipQueryValidation: true
      actions: { actionGroups: [people.id] }
    }
  }
]

// Nothing is dead-lettered on expiry: a dead letter is a message that was given back too often, or by hand. They never expire.
resource deadLetters 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${prefix}-dead-letters'
  location: 'global'
  tags: tags
  properties: {
    description: 'A message lies in a dead-letter queue, where it never expires.'
    severity: 2
    enabled: true
    scopes: [namespaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT5M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'dead-letters'
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: 'DeadletteredMessages'
          timeAggregation: 'Maximum'
          operator: 'GreaterThan'
          threshold: 0
          dimensions: [{ name: 'EntityName', operator: 'Include', values: ['*'] }]
        }
      ]
    }
    autoMitigate: true
    actions: [{ actionGroupId: people.id }]
  }
}
