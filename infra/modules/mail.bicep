// Azure Communication Services Email: a domain of the service and a resource that may send from it. The SMTP user is made by hand
// afterwards (docs/deploy.md): its password is the secret of an app registration, and no secret passes through a template unasked.

@description('Start of the names.')
param name string

@description('Where the service keeps its data.')
param dataLocation string

@description('Tags of every resource.')
param tags object

resource service 'Microsoft.Communication/emailServices@2023-04-01' = {
  name: '${name}-email'
  location: 'global'
  tags: tags
  properties: { dataLocation: dataLocation }
}

resource managedDomain 'Microsoft.Communication/emailServices/domains@2023-04-01' = {
  parent: service
  name: 'AzureManagedDomain'
  location: 'global'
  tags: tags
  // Mails hold codes: no link in them is rewritten, and no opening of them is watched.
  properties: { domainManagement: 'AzureManaged', userEngagementTracking: 'Disabled' }
}

resource communication 'Microsoft.Communication/communicationServices@2023-04-01' = {
  name: name
  location: 'global'
  tags: tags
  properties: { dataLocation: dataLocation, linkedDomains: [managedDomain.id] }
}

@description('Domain that mails come from.')
output domain string = managedDomain.properties.mailFromSenderDomain

@description('Sender of the mails.')
output sender string = 'DoNotReply@${managedDomain.properties.mailFromSenderDomain}'

@description('Name of the resource that the SMTP user belongs to.')
output communicationName string = communication.name
