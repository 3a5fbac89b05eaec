// The vault: the password key (RSA, only decrypts, not exportable), the package key, the state key and the mail server's address.
// Roles by object, never on the vault (infra/topology.ts): the functions make versions and cannot decrypt; agents decrypt.
// Nobody deletes, purges, backs up or exports. `keys/update` lets the functions enable an old version again (SECURITY.md).

@description('Name of the vault; stays reserved for 90 days after a deletion.')
@maxLength(24)
param name string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Whether a lock keeps the vault from being deleted.')
param lock bool

@description('Address of the mail server with its password; empty: the secret stays as it is.')
@secure()
param mailUrl string

@description('Resource id of the identity of the functions: known before anything is made, so that what-if can tell the names of assignments.')
param functionsIdentityId string

@description('Object id of that identity.')
param functionsPrincipalId string

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

var secretsUserRole = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')
var suffix = uniqueString(resourceGroup().id, name)

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    enabledForDeployment: false
    enabledForDiskEncryption: false
    enabledForTemplateDeployment: false
    publicNetworkAccess: 'Enabled'
  }
}

// These three are here for rights to be given on them. The functions make the versions that are used, at their first start and at
// every rollover: what stands here is disabled, and only made where there is nothing yet.
resource passwordKey 'Microsoft.KeyVault/vaults/keys@2026-02-01' = {
  parent: vault
  name: 'password-key'
  properties: {
    kty: 'RSA'
    keySize: 2048
    keyOps: ['decrypt']
    attributes: { enabled: false, exportable: false }
    // Notifies and never rotates: a version that no agent has proved must not be used. The functions roll.
    rotationPolicy: {
      attributes: { expiryTime: 'P2Y' }
      lifetimeActions: [{ action: { type: 'notify' }, trigger: { timeBeforeExpiry: 'P30D' } }]
    }
  }
}

@onlyIfNotExists()
resource packageKey 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = {
  parent: vault
  name: 'package-key'
  properties: { value: 'none yet', attributes: { enabled: false } }
}

@onlyIfNotExists()
resource stateKey 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = {
  parent: vault
  name: 'state-key'
  properties: { value: 'none yet', attributes: { enabled: false } }
}

resource mailSecret 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = if (mailUrl != '') {
  parent: vault
  name: 'mail-url'
  properties: { value: mailUrl, contentType: 'smtps://user:password@host:465' }
}

resource functionsKeyRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, name, 'functions-key')
  properties: {
    roleName: 'Password writeback functions, key (${suffix})'
    description: 'Makes, reads and disables versions of the password key. Cannot decrypt.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.KeyVault/vaults/keys/read'
          'Microsoft.KeyVault/vaults/keys/create/action'
          'Microsoft.KeyVault/vaults/keys/update/action'
        ]
        notDataActions: []
      }
    ]
  }
}

resource functionsSecretRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, name, 'functions-secret')
  properties: {
    roleName: 'Password writeback functions, secret (${suffix})'
    description: 'Makes, reads and disables versions of a secret. Deletes none.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.KeyVault/vaults/secrets/getSecret/action'
          'Microsoft.KeyVault/vaults/secrets/setSecret/action'
          'Microsoft.KeyVault/vaults/secrets/update/action'
          'Microsoft.KeyVault/vaults/secrets/readMetadata/action'
        ]
        notDataActions: []
      }
    ]
  }
}

resource agentKeyRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, name, 'agent-key')
  properties: {
    roleName: 'Password writeback agent, key (${suffix})'
    description: 'Decrypts with the password key. Changes nothing.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: ['Microsoft.KeyVault/vaults/keys/read', 'Microsoft.KeyVault/vaults/keys/decrypt/action']
        notDataActions: []
      }
    ]
  }
}

resource functionsOnPasswordKey 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: passwordKey
  name: guid(passwordKey.id, functionsIdentityId, functionsKeyRole.id)
  properties: { roleDefinitionId: functionsKeyRole.id, principalId: functionsPrincipalId, principalType: 'ServicePrincipal' }
}

resource functionsOnPackageKey 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: packageKey
  name: guid(packageKey.id, functionsIdentityId, functionsSecretRole.id)
  properties: { roleDefinitionId: functionsSecretRole.id, principalId: functionsPrincipalId, principalType: 'ServicePrincipal' }
}

resource functionsOnStateKey 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: stateKey
  name: guid(stateKey.id, functionsIdentityId, functionsSecretRole.id)
  properties: { roleDefinitionId: functionsSecretRole.id, principalId: functionsPrincipalId, principalType: 'ServicePrincipal' }
}

// Read by the platform for the setting MAIL_URL, as this identity. Not made before the secret is.
resource functionsOnMailSecret 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (mailUrl != '') {
  scope: mailSecret
  name: guid(mailSecret.id, functionsIdentityId, secretsUserRole)
  properties: { roleDefinitionId: secretsUserRole, principalId: functionsPrincipalId, principalType: 'ServicePrincipal' }
}

// On the vault alone: a lock is inherited, and further up it would keep rights from being taken away.
resource vaultLock 'Microsoft.Authorization/locks@2020-05-01' = if (lock) {
  scope: vault
  name: 'no-deletion'
  properties: { level: 'CanNotDelete', notes: 'Without its keys nothing under way can be opened, and no row of the tables is believed.' }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'audit', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

@description('Name.')
output name string = vault.name

@description('Address without a slash at its end.')
output url string = 'https://${vault.name}${environment().suffixes.keyvaultDns}'

@description('Address of the secret that holds the address of the mail server: a name, no secret.')
output mailSecretUri string = 'https://${vault.name}${environment().suffixes.keyvaultDns}/secrets/mail-url'

@description('Resource id of the custom role of agents.')
output agentKeyRoleId string = agentKeyRole.id
