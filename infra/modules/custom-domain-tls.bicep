// The last step of custom-domain.bicep: one template cannot hold the same binding twice.

@description('Name of the function app.')
param siteName string

@description('Host name.')
param host string

@description('Thumbprint of the certificate.')
param thumbprint string

resource site 'Microsoft.Web/sites@2025-03-01' existing = { name: siteName }

resource binding 'Microsoft.Web/sites/hostNameBindings@2025-03-01' = {
  parent: site
  name: host
  properties: { siteName: siteName, sslState: 'SniEnabled', thumbprint: thumbprint }
}
