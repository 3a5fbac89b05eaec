// An agent by token.
using '../../infra/modules/agent.bicep'

param agentName = 'hq-1'
param principalId = '55555555-5555-4555-8555-555555555555'
param serviceBusName = 'sb-example'
param keyVaultName = 'kv-example'
param agentKeyRoleId = '/subscriptions/00000000-0000-4000-8000-000000000001/providers/Microsoft.Authorization/roleDefinitions/66666666-6666-4666-8666-666666666666'
