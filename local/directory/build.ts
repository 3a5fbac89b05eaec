/**
 * From the sample forest to a working domain: head, configuration, built-in groups, the service account's rights, users.
 *
 * Everything goes through the same `create` as an administrator's add, so the first passwords obey the policy. Policy of the
 * sample: 10 characters, complexity, history 5, no minimum age, 42 days, locked after 10 for 30 minutes (Windows' defaults otherwise).
 */
import type { Clock } from '../../shared/clock.ts'
import { denyChange } from './access.ts'
import { completed, create } from './add.ts'
import { Attributes, type Value } from './attributes.ts'
import { forgetPassword } from './credential.ts'
import { delegableRights, delegate } from './delegation.ts'
import { dnKey, formatDn, parseDn } from './dn.ts'
import { type Domain, dnsDomain, emptyDomain, places, serverEntryName } from './domain.ts'
import type { Entry } from './entries.ts'
import { filetime, guidOctets, interval, sidOctets } from './identifiers.ts'
import { accountFlag, classes } from './schema.ts'
import { parseBase, type SampleForest, type SampleUser } from './seed.ts'

type Values = Record<string, Value | readonly Value[] | undefined>

const minutes = (n: number) => n * 60_000
const days = (n: number) => n * 86_400_000

export const samplePolicy = {
  minPwdLength: 10,
  pwdHistoryLength: 5,
  pwdProperties: 1,
  minPwdAge: interval(0),
  maxPwdAge: interval(days(42)),
  lockoutThreshold: 10,
  lockOutObservationWindow: interval(minutes(30)),
  lockoutDuration: interval(minutes(30)),
} as const

export function buildDomain(forest: SampleForest, clock: Clock): Domain {
  const { netbiosName, hostName, siblings = [] } = forest
  const names = { baseDn: parseBase(forest.baseDn), rootDn: parseBase(forest.rootDn ?? forest.baseDn), netbiosName, hostName, siblings }
  const head: Entry = { dn: names.baseDn, attributes: new Attributes(), credential: undefined }
  const domain = emptyDomain(names, head, forest.domainSid, clock)
  // instanceType 5: head of a writable naming context ([MS-ADTS], instanceType).
  const own = {
    objectClass: 'domainDNS',
    instanceType: 5,
    objectSid: sidOctets(forest.domainSid),
    fSMORoleOwner: places(domain).settings,
    ...samplePolicy,
  }
  head.attributes = completed(domain, head.dn, Attributes.from(own), classes.domaindns)
  domain.tree.add(head)
  placeConfiguration(domain)
  placeContainers(domain)
  placeGroups(domain)
  placeServiceAccount(domain, forest)
  for (const user of forest.users) placeUser(domain, user)
  return domain
}

/** @throws when the entry is refused: the sample is wrong then. */
function place(domain: Domain, dn: string, values: Values, password?: string): Entry {
  const parsed = parseDn(dn) ?? []
  const result = create(domain, parsed, Attributes.from(values), password)
  const entry = domain.tree.get(parsed)
  if (result.code !== 0 || entry === undefined) throw new Error(`the sample entry was refused with result ${result.code}`)
  return entry
}

/** The same in every domain of a forest: the servers, and which domain lies where ([MS-ADTS] 6.1.1.2). */
function placeConfiguration(domain: Domain): void {
  const { configuration, servers } = places(domain)
  place(domain, configuration, { objectClass: 'configuration' })
  const sites = `CN=Sites,${configuration}`
  const site = `CN=Default-First-Site-Name,${sites}`
  for (const dn of [sites, site, servers, `CN=Partitions,${configuration}`]) place(domain, dn, { objectClass: 'container' })
  placeServer(domain, domain)
  for (const { baseDn, ...names } of domain.siblings) placeServer(domain, { ...names, baseDn: parseBase(baseDn) })
}

function placeServer(domain: Domain, names: Pick<Domain, 'baseDn' | 'netbiosName' | 'hostName'>): void {
  const { configuration, servers } = places(domain)
  const server = `CN=${serverEntryName({ ...names, rootDn: domain.rootDn })},${servers}`
  place(domain, server, { objectClass: 'server', dNSHostName: names.hostName })
  place(domain, `CN=NTDS Settings,${server}`, { objectClass: 'nTDSDSA' })
  place(domain, `CN=${names.netbiosName},CN=Partitions,${configuration}`, {
    objectClass: 'crossRef',
    nCName: formatDn(names.baseDn),
    nETBIOSName: names.netbiosName,
    dnsRoot: dnsDomain(names),
    systemFlags: 3,
  })
}

function placeContainers(domain: Domain): void {
  const { base } = places(domain)
  for (const name of ['Users', 'Builtin', 'System']) place(domain, `CN=${name},${base}`, { objectClass: 'container' })
  place(domain, `CN=Password Settings Container,CN=System,${base}`, { objectClass: 'container' })
  for (const name of ['Staff', 'Other', 'Groups', 'Service Accounts'])
    place(domain, `OU=${name},${base}`, { objectClass: 'organizationalUnit' })
}

/** RIDs of the groups AdminSDHolder protects ([MS-ADTS] 3.1.1.6.1), and of those it does not. */
const builtin = {
  Administrators: 544,
  'Account Operators': 548,
  'Server Operators': 549,
  'Print Operators': 550,
  'Backup Operators': 551,
  Replicator: 552,
}
const ofDomain = {
  'Domain Admins': 512,
  'Schema Admins': 518,
  'Enterprise Admins': 519,
  'Domain Controllers': 516,
  'Read-only Domain Controllers': 521,
}
const unprotected = { 'Domain Users': 513, 'Domain Guests': 514, 'Protected Users': 525 }

function placeGroups(domain: Domain): void {
  const { base, users } = places(domain)
  const group = (dn: string, sid: string, more: Values) => place(domain, dn, { objectClass: 'group', objectSid: sidOctets(sid), ...more })
  for (const [name, rid] of Object.entries(ofDomain)) group(`CN=${name},${users}`, `${domain.domainSid}-${rid}`, { adminCount: 1 })
  for (const [name, rid] of Object.entries(unprotected)) group(`CN=${name},${users}`, `${domain.domainSid}-${rid}`, {})
  const nested: Record<string, string[]> = {
    Administrators: [`CN=Domain Admins,${users}`, `CN=Enterprise Admins,${users}`],
    'Backup Operators': [`CN=Server Team,OU=Groups,${base}`],
  }
  for (const [name, rid] of Object.entries(builtin)) {
    group(`CN=${name},CN=Builtin,${base}`, `S-1-5-32-${rid}`, { adminCount: 1, member: nested[name] })
  }
  group(`CN=Users,CN=Builtin,${base}`, 'S-1-5-32-545', { member: `CN=Domain Users,${users}` })
  place(domain, `CN=Server Team,OU=Groups,${base}`, { objectClass: 'group' })
}

function placeServiceAccount(domain: Domain, { administrator, serviceAccount }: SampleForest): void {
  const enabled = { objectClass: 'user', userAccountControl: accountFlag.normal | accountFlag.passwordNeverExpires }
  const rid = { objectSid: sidOctets(`${domain.domainSid}-500`), adminCount: 1 }
  place(domain, administrator.dn, { ...enabled, ...rid }, administrator.password)
  join(domain, `CN=Domain Admins,${places(domain).users}`, administrator.dn)
  const trustee = place(domain, serviceAccount.dn, { ...enabled, userPrincipalName: serviceAccount.upn }, serviceAccount.password)
  const scope = domain.tree.get(parseDn(serviceAccount.scope) ?? [])
  if (scope === undefined) throw new Error('the sample has no such unit')
  delegate(domain, trustee, scope, delegableRights)
}

function join(domain: Domain, groupDn: string, memberDn: string): void {
  const group = domain.tree.get(parseDn(groupDn) ?? [])
  if (group === undefined) throw new Error('the sample has no such group')
  const others = group.attributes.texts('member').filter((name) => name.toLowerCase() !== dnKey(parseDn(memberDn) ?? []))
  group.attributes.set('member', ...others, memberDn)
}

/** Long past: 2001-01-01. */
const expiredAtMs = 978_307_200_000

export function placeUser(domain: Domain, user: SampleUser): Entry {
  const is = (trait: SampleUser['traits'][number]) => user.traits.includes(trait)
  const flags = accountFlag.normal | (is('disabled') ? accountFlag.disabled : 0) | (is('smartCard') ? accountFlag.smartCardRequired : 0)
  const now = filetime(domain.clock.now())
  const values: Values = {
    objectClass: 'user',
    sAMAccountName: user.sam,
    userPrincipalName: user.upn,
    displayName: user.displayName,
    mail: user.mail,
    objectGUID: guidOctets(user.objectGuid),
    userAccountControl: flags,
    ...(is('consistencyGuid') ? { 'mS-DS-ConsistencyGuid': Buffer.from(user.immutableId, 'base64') } : {}),
    ...(is('expired') ? { accountExpires: filetime(expiredAtMs) } : {}),
    ...(is('locked') ? { lockoutTime: now, badPasswordTime: now, badPwdCount: domain.head.attributes.number('lockoutThreshold') } : {}),
    ...(is('protected') ? { adminCount: 1 } : {}),
  }
  const entry = place(domain, user.dn, values, user.password)
  if (is('mustChange')) entry.attributes.set('pwdLastSet', 0)
  if (is('cannotChange')) denyChange(entry)
  if (is('smartCard')) forgetPassword(entry)
  if (is('protected')) join(domain, `CN=Domain Admins,${places(domain).users}`, user.dn)
  if (is('nestedProtected')) join(domain, `CN=Server Team,OU=Groups,${places(domain).base}`, user.dn)
  return entry
}
