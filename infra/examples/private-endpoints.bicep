// An example, deployed by itself: vault and tables over private endpoints, and a subnet for the function app (its output is subnetId of
// main.bicep). Afterwards set publicNetworkAccess of vault and storage accounts to Disabled yourself. Agents reach the vault too: without a
// way into this network (VPN, ExpressRoute, DNS forwarding) they are cut off. Service Bus has private endpoints in Premium only.
// Not tried against Azure.
targetScope = 'resourceGroup'

@description('Azure region.')
param location string = resourceGroup().location

@description('Name of the vault (output keyVaultName of main.bicep).')
param keyVaultName string

@description('Storage account of the tables (output dataAccountName of main.bicep).')
param dataAccountName string

@description('Addresses of the network: /24 or larger.')
param addressPrefix string = '10.90.0.0/24'

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = { name: keyVaultName }
resource data 'Microsoft.Storage/storageAccounts@2025-06-01' existing = { name: dataAccountName }

var targets = [
  { name: 'vault', group: 'vault', zone: 'privatelink.vaultcore.azure.net' }
  { name: 'table', group: 'table', zone: 'privatelink.table.${environment().suffixes.storage}' }
  { name: 'queue', group: 'queue', zone: 'privatelink.queue.${environment().suffixes.storage}' }
  { name: 'blob', group: 'blob', zone: 'privatelink.blob.${environment().suffixes.storage}' }
]

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: 'vnet-writeback'
  location: location
  properties: { addressSpace: { addressPrefixes: [addressPrefix] } }
}

resource appSubnet 'Microsoft.Network/virtualNetworks/subnets@2025-05-01' = {
  parent: network
  name: 'functions'
  properties: {
    addressPrefix: cidrSubnet(addressPrefix, 26, 0)
    delegations: [{ name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }]
  }
}

resource endpointSubnet 'Microsoft.Network/virtualNetworks/subnets@2025-05-01' = {
  parent: network
  name: 'endpoints'
  properties: { addressPrefix: cidrSubnet(addressPrefix, 26, 1) }
  // Two subnets of one network at once are refused.
  dependsOn: [appSubnet]
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for target in targets: { name: target.zone, location: 'global' }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (target, i) in targets: {
    parent: zones[i]
    name: 'to-vnet'
    location: 'global'
    properties: { registrationEnabled: false, virtualNetwork: { id: network.id } }
  }
]

resource endpoints 'Microsoft.Network/privateEndpoints@2025-05-01' = [
  for target in targets: {
    name: 'pe-${target.name}'
    location: location
    properties: {
      subnet: { id: endpointSubnet.id }
      privateLinkServiceConnections: [
        { name: target.name, properties: { privateLinkServiceId: target.name == 'vault' ? vault.id : data.id, groupIds: [target.group] } }
      ]
    }
  }
]

resource records 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = [
  for (target, i) in targets: {
    parent: endpoints[i]
    name: 'default'
    properties: { privateDnsZoneConfigs: [{ name: target.name, properties: { privateDnsZoneId: zones[i].id } }] }
  }
]

@description('Subnet of the function app: subnetId of main.bicep.')
output subnetId string = appSubnet.id
