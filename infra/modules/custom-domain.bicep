// An own host name at the function app, in the three steps that the platform wants: the name, a certificate for it, the two together.
// Not tried against Azure. Where a region's Flex Consumption gives no managed certificate, let the name end at a Front Door instead.

@description('Name of the function app.')
param siteName string

@description('Host name. Its CNAME and its asuid TXT record have to exist.')
param host string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags object

resource site 'Microsoft.Web/sites@2025-03-01' existing = { name: siteName }

resource binding 'Microsoft.Web/sites/hostNameBindings@2025-03-01' = {
  parent: site
  name: host
  properties: { siteName: siteName, hostNameType: 'Verified', customHostNameDnsRecordType: 'CName' }
}

resource certificate 'Microsoft.Web/certificates@2025-03-01' = {
  name: 'cert-${host}'
  location: location
  tags: tags
  properties: { serverFarmId: site.properties.serverFarmId, canonicalName: host }
  dependsOn: [binding]
}

module secured 'custom-domain-tls.bicep' = {
  params: { siteName: siteName, host: host, thumbprint: certificate.properties.thumbprint }
}
