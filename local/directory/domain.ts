/**
 * One domain and its controller as a value: what every request reads and changes.
 *
 * All handling between two awaits is synchronous, so a request sees no half of another one. `passwordWrites` is what was
 * really applied, by GUID, the oldest first: the measure for "exactly once".
 */
import type { Clock } from '../../shared/clock.ts'
import { oid } from './controls.ts'
import { type Dn, dnKey, formatDn } from './dn.ts'
import { type Entry, Tree } from './entries.ts'
import { generalizedTime } from './identifiers.ts'
import { type PasswordPolicy, policyFor } from './policy.ts'
import type { DomainNames } from './seed.ts'

/** When, and what as the account's digest of it. */
export interface PasswordWrite {
  at: number
  digest: Buffer
}

export interface Domain {
  readonly tree: Tree
  readonly clock: Clock
  readonly baseDn: Dn
  /** The forest's root domain, whose configuration all its domains share. */
  readonly rootDn: Dn
  readonly netbiosName: string
  readonly hostName: string
  /** The forest's other domains: other servers answer for them. */
  readonly siblings: readonly DomainNames[]
  readonly domainSid: string
  readonly head: Entry
  readonly passwordWrites: Map<string, readonly PasswordWrite[]>
  /** The password filter of this domain ([MS-SAMR] 3.1.1.7.2): passwords with one of these inside are refused. */
  bannedSubstrings: readonly string[]
  /** Windows does not count a bind with one of the two passwords before ("N-2"); Samba's LDAP server does the same only for NTLM. */
  forgivesRecentPasswords: boolean
  /** What rootDSE offers. A controller older than Windows Server 2008 R2 SP1 lacks the policy hints. */
  supportedControls: readonly string[]
  nextRid: number
  usn: number
}

export type Names = Pick<Domain, 'baseDn' | 'rootDn' | 'netbiosName' | 'hostName' | 'siblings'>

export const domainPolicy = (domain: Domain, user: Entry): PasswordPolicy => policyFor(domain.tree, domain.head, user)

/** `DC1`, the first label of the host name in capitals. */
export const serverName = ({ hostName }: Pick<Names, 'hostName'>): string => (hostName.split('.')[0] ?? hostName).toUpperCase()
export const dnsName = (dn: Dn): string => dn.map((rdn) => rdn.value).join('.')
export const dnsDomain = ({ baseDn }: Pick<Names, 'baseDn'>): string => dnsName(baseDn)

/** Server objects of all domains lie in one container: those of a child domain carry its name, too. */
export const serverEntryName = ({ hostName, baseDn, rootDn }: Pick<Names, 'hostName' | 'baseDn' | 'rootDn'>): string =>
  dnKey(baseDn) === dnKey(rootDn) ? serverName({ hostName }) : `${baseDn[0]?.value.toUpperCase()}-${serverName({ hostName })}`

/** Well-known places below the domain head. */
export const places = (names: Names) => {
  const base = formatDn(names.baseDn)
  const root = formatDn(names.rootDn)
  const configuration = `CN=Configuration,${root}`
  const servers = `CN=Servers,CN=Default-First-Site-Name,CN=Sites,${configuration}`
  const server = `CN=${serverEntryName(names)},${servers}`
  return {
    base,
    root,
    configuration,
    servers,
    schema: `CN=Schema,${configuration}`,
    server,
    settings: `CN=NTDS Settings,${server}`,
    users: `CN=Users,${base}`,
  }
}

/** Marks an entry as written now: every originating write gets a new update sequence number. */
export function touch(domain: Domain, entry: Entry): void {
  domain.usn += 1
  entry.attributes.set('uSNChanged', domain.usn)
  entry.attributes.set('whenChanged', generalizedTime(domain.clock.now()))
}

export const emptyDomain = (names: Names, head: Entry, domainSid: string, clock: Clock): Domain => ({
  ...names,
  tree: new Tree([places(names).configuration.toLowerCase()]),
  clock,
  domainSid,
  head,
  passwordWrites: new Map(),
  bannedSubstrings: [],
  forgivesRecentPasswords: false,
  supportedControls: Object.values(oid),
  // RIDs below 1000 belong to built-in accounts ([MS-ADTS], RID allocation).
  nextRid: 1103,
  usn: 4096,
})
