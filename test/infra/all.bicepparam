// Every option of main.bicep at once, for the snapshot that the policy tests read. Nothing here is anybody's.
using '../../infra/main.bicep'

param environmentName = 'all'
param location = 'westeurope'
param publicOrigins = ['https://reset.example.com']
param adminAudience = ['33333333-3333-4333-8333-333333333333', 'api://33333333-3333-4333-8333-333333333333']
param adminClientIds = ['44444444-4444-4444-8444-444444444444']
param userClientIds = ['77777777-7777-4777-8777-777777777777']
param syncedSignIn = 'passwordHash'
param adminAuthContext = 'c1'
param mailUrl = 'smtps://user:example@mail.example.com:465'
param mailFrom = 'reset@example.com'
param communicationServices = true
param writebackInitially = 'off'
param extraSettings = { ANSWER_MS: '30000', TENANT_ID: 'of somebody else' }
param allowedIpRanges = ['198.51.100.0/24']
param deploymentIpRanges = ['203.0.113.0/24']
param customDomain = 'reset.example.com'
param subnetId = '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v/subnets/s'
param sasAgents = true
param alertEmails = ['on-call@example.com']
