/**
 * The part of Active Directory's schema that this server knows: each attribute's syntax, and who writes it.
 *
 * `system` attributes are written by the server alone, `constructed` ones are computed when asked for by name
 * ([MS-ADTS] 3.1.1.4.5) and never match a filter. An attribute that is not listed does not exist (noSuchAttribute).
 */

export type Syntax = 'text' | 'integer' | 'dn' | 'binary' | 'time'

export interface AttributeKind {
  name: string
  syntax: Syntax
  many: boolean
  owner: 'people' | 'system' | 'constructed'
}

const peopleOne: Record<Syntax, string> = {
  text: `cn ou dc name displayName givenName sn mail userPrincipalName sAMAccountName department title telephoneNumber mobile
    company employeeID employeeType msDS-ExternalDirectoryObjectId info initials uid preferredLanguage c l st userWorkstations nETBIOSName dNSHostName
    msDS-PasswordReversibleEncryptionEnabled msDS-PasswordComplexityEnabled`,
  integer: `userAccountControl accountExpires pwdLastSet lockoutTime adminCount primaryGroupID groupType codePage countryCode
    minPwdLength pwdHistoryLength pwdProperties minPwdAge maxPwdAge lockoutThreshold lockOutObservationWindow lockoutDuration
    msDS-PasswordSettingsPrecedence msDS-PasswordHistoryLength msDS-MinimumPasswordLength msDS-MinimumPasswordAge
    msDS-MaximumPasswordAge msDS-LockoutThreshold msDS-LockoutObservationWindow msDS-LockoutDuration systemFlags`,
  dn: 'manager fSMORoleOwner nCName serverReference',
  binary: 'mS-DS-ConsistencyGuid unicodePwd logonHours thumbnailPhoto nTSecurityDescriptor',
  time: '',
}
const peopleMany: Partial<Record<Syntax, string>> = {
  text: 'objectClass description proxyAddresses otherMailbox dnsRoot',
  dn: 'member msDS-PSOAppliesTo',
}
const systemOne: Partial<Record<Syntax, string>> = {
  integer: `badPwdCount badPasswordTime lastLogon lastLogonTimestamp lastLogoff logonCount sAMAccountType instanceType uSNCreated uSNChanged
    msDS-Behavior-Version`,
  dn: 'distinguishedName objectCategory',
  binary: 'objectGUID objectSid',
  time: 'whenCreated whenChanged',
}
const constructedMany = {
  binary: 'tokenGroups',
  text: 'allowedAttributesEffective',
  dn: 'msDS-ResultantPSO',
  integer: 'msDS-User-Account-Control-Computed msDS-UserPasswordExpiryTimeComputed',
}

const kinds = new Map<string, AttributeKind>()

function declare(names: Partial<Record<Syntax, string>>, many: boolean, owner: AttributeKind['owner']): void {
  for (const [syntax, list] of Object.entries(names) as [Syntax, string][]) {
    for (const name of list.split(/\s+/).filter((word) => word !== '')) kinds.set(name.toLowerCase(), { name, syntax, many, owner })
  }
}
declare(peopleOne, false, 'people')
declare(peopleMany, true, 'people')
declare(systemOne, false, 'system')
declare({ dn: 'memberOf' }, true, 'system')
declare(constructedMany, true, 'constructed')

export const attributeKind = (name: string): AttributeKind | undefined => kinds.get(name.toLowerCase())

/** What an administrator may write, as `allowedAttributesEffective` lists it. */
export const writableAttributes: readonly string[] = [...kinds.values()].filter((kind) => kind.owner === 'people').map((kind) => kind.name)

/** A structural class with all its superior classes, the short name of its category, and the type that names its objects. */
export interface ObjectClass {
  chain: readonly string[]
  category: string
  naming: string
}

export const classes = {
  user: { chain: ['top', 'person', 'organizationalPerson', 'user'], category: 'Person', naming: 'CN' },
  group: { chain: ['top', 'group'], category: 'Group', naming: 'CN' },
  organizationalunit: { chain: ['top', 'organizationalUnit'], category: 'Organizational-Unit', naming: 'OU' },
  container: { chain: ['top', 'container'], category: 'Container', naming: 'CN' },
  domaindns: { chain: ['top', 'domain', 'domainDNS'], category: 'Domain-DNS', naming: 'DC' },
  configuration: { chain: ['top', 'configuration'], category: 'Configuration', naming: 'CN' },
  server: { chain: ['top', 'server'], category: 'Server', naming: 'CN' },
  ntdsdsa: { chain: ['top', 'applicationSettings', 'nTDSDSA'], category: 'NTDS-DSA', naming: 'CN' },
  crossref: { chain: ['top', 'crossRef'], category: 'Cross-Ref', naming: 'CN' },
  'msds-passwordsettings': { chain: ['top', 'msDS-PasswordSettings'], category: 'ms-DS-Password-Settings', naming: 'CN' },
} satisfies Record<string, ObjectClass>

export const classNamed = (name: string): ObjectClass | undefined =>
  new Map<string, ObjectClass>(Object.entries(classes)).get(name.toLowerCase())

/** userAccountControl bits ([MS-ADTS] 2.2.16); `locked` and `passwordExpired` appear in the computed attribute only. */
export const accountFlag = {
  disabled: 0x2,
  locked: 0x10,
  passwordNotRequired: 0x20,
  normal: 0x200,
  passwordNeverExpires: 0x10000,
  smartCardRequired: 0x40000,
  passwordExpired: 0x800000,
} as const
