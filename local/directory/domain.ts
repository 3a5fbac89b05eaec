/**
 * One domain and its controller as a value: what every request reads and changes.
 *
 * All handling between two awaits is synchronous, so a request sees no half of another one. `passwordWrites` counts what was
 * really applied, by GUID: the measure for "exactly once".
 */
import type { Clock } from '../../shared/clock.ts'
import { oid } from './controls.ts'
import { type Dn, formatDn } from './dn.ts'
import { type Entry, Tree } from './entries.ts'
import { generalizedTime } from './identifiers.ts'
import { type PasswordPolicy, policyFor } from './policy.ts'

export interface Domain {
  readonly tree: Tree
  readonly clock: Clock
  readonly baseDn: Dn
  readonly netbiosName: string
  readonly hostName: string
  readonly domainSid: string
  readonly head: Entry
  readonly passwordWrites: Map<string, number>
  /** The password filter of this domain ([MS-SAMR] 3.1.1.7.2): passwords with one of these inside are refused. */
  bannedSubstrings: readonly string[]
  /** Windows does not count a bind with one of the two passwords before ("N-2"); Samba's LDAP server does the same only for NTLM. */
  forgivesRecentPasswords: boolean
  /** What rootDSE offers. A controller older than Windows Server 2008 R2 SP1 lacks the policy hints. */
  supportedControls: readonly string[]
  nextRid: number
  usn: number
}

export type Names = Pick<Domain, 'baseDn' | 'netbiosName' | 'hostName'>

export const domainPolicy = (domain: Domain, user: Entry): PasswordPolicy => policyFor(domain.tree, domain.head, user)

/** `DC1`, the first label of the host name in capitals. */
export const serverName = ({ hostName }: Names): string => (hostName.split('.')[0] ?? hostName).toUpperCase()
export const dnsDomain = ({ baseDn }: Names): string => baseDn.map((rdn) => rdn.value).join('.')

/** Well-known places below the domain head. */
export const places = (names: Names) => {
  const base = formatDn(names.baseDn)
  const configuration = `CN=Configuration,${base}`
  const server = `CN=${serverName(names)},CN=Servers,CN=Default-First-Site-Name,CN=Sites,${configuration}`
  return {
    base,
    configuration,
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
