// To try it out: small, and cheap when nobody comes. MAIL_URL comes from the environment, so that it stands in no file.
using '../main.bicep'

param environmentName = 'dev'
param mailUrl = readEnvironmentVariable('MAIL_URL', '')
param mailFrom = readEnvironmentVariable('MAIL_FROM', '')
param communicationServices = true
param alwaysReadyInstances = 0
param storageSku = 'Standard_LRS'
param lockVault = false
param logRetentionDays = 30
param logDailyGb = 1
