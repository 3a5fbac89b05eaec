// What carries a company: an instance kept warm, three zones, the vault locked, a year of logs. Fill in the four empty lists.
using '../main.bicep'

param environmentName = 'prod'
param publicOrigins = []
param adminAudience = []
param adminClientIds = []
param alertEmails = []
param mailUrl = readEnvironmentVariable('MAIL_URL', '')
param mailFrom = readEnvironmentVariable('MAIL_FROM', '')
param alwaysReadyInstances = 2
param maximumInstanceCount = 100
param storageSku = 'Standard_ZRS'
param lockVault = true
param logRetentionDays = 365
param logDailyGb = 20
