/**
 * rootDSE ([MS-ADTS] 3.1.1.3.2): what the server says about itself to anybody, also without a bind.
 *
 * `currentTime` is the directory's clock: agents compare it with `pwdLastSet` and never with their own clock.
 */
import { Attributes } from './attributes.ts'
import { type Domain, dnsDomain, dnsName, places, serverName } from './domain.ts'
import { generalizedTime } from './identifiers.ts'

/** Windows Server 2016 and later ([MS-ADTS] 6.1.4.2). */
const functionalLevel = 7

export function rootDse(domain: Domain): Attributes {
  const place = places(domain)
  const dns = dnsDomain(domain)
  const root = dnsName(domain.rootDn)
  return Attributes.from({
    configurationNamingContext: place.configuration,
    defaultNamingContext: place.base,
    rootDomainNamingContext: place.root,
    schemaNamingContext: place.schema,
    namingContexts: [place.base, place.configuration, place.schema],
    // LDAP_CAP_ACTIVE_DIRECTORY, V51, V60, V61: what tells an Active Directory from other LDAP servers ([MS-ADTS] 3.1.1.3.4.3).
    supportedCapabilities: ['1.2.840.113556.1.4.800', '1.2.840.113556.1.4.1670', '1.2.840.113556.1.4.1935', '1.2.840.113556.1.4.2080'],
    supportedLDAPVersion: ['3'],
    supportedControl: domain.supportedControls,
    isSynchronized: 'TRUE',
    isGlobalCatalogReady: 'TRUE',
    dsServiceName: place.settings,
    serverName: place.server,
    dnsHostName: domain.hostName,
    ldapServiceName: `${root}:${serverName(domain).toLowerCase()}$@${dns.toUpperCase()}`,
    currentTime: generalizedTime(domain.clock.now()),
    highestCommittedUSN: domain.usn,
    domainFunctionality: functionalLevel,
    forestFunctionality: functionalLevel,
    domainControllerFunctionality: functionalLevel,
  })
}
