/**
 * Accounts whose passwords are never set from the cloud: those AdminSDHolder protects, and every member of a protected group.
 *
 * `adminCount` = 1 tells of those the directory has marked; a fresh member is marked only within the hour (SDProp), and Samba
 * marks none, so tokenGroups (nested and primary groups, computed by the server) decides as well.
 * Sources: [MS-ADTS] 3.1.1.6.1 Protected Objects; "Appendix C: Protected Accounts and Groups in Active Directory";
 * RIDs: [MS-DTYP] 2.4.2.4.
 */
import { Fault } from '../../shared/fault.ts'

/** `domain`: the last number of S-1-5-21-<three numbers>-RID, in whichever domain; `builtin`: of S-1-5-32-RID. */
export const protectedRids = {
  domain: {
    500: 'Administrator',
    502: 'krbtgt',
    512: 'Domain Admins',
    516: 'Domain Controllers',
    518: 'Schema Admins',
    519: 'Enterprise Admins',
    521: 'Read-only Domain Controllers',
    526: 'Key Admins',
    527: 'Enterprise Key Admins',
  },
  builtin: {
    544: 'Administrators',
    548: 'Account Operators',
    549: 'Server Operators',
    550: 'Print Operators',
    551: 'Backup Operators',
    552: 'Replicator',
  },
} as const

const ntAuthority = 5
const domainSids = 21
const builtinSids = 32

/**
 * SID: revision 1, count, 48-bit authority (big-endian), then `count` 32-bit numbers (little-endian), 15 at most; [MS-DTYP] 2.4.2.2.
 * What is none says nothing about who is protected: DIRECTORY_CONFIGURATION, never "not protected".
 */
export function isProtectedSid(sid: Buffer): boolean {
  const count = sid[1] ?? 0
  if (sid[0] !== 1 || count < 1 || count > 15 || sid.length !== 8 + 4 * count)
    throw new Fault('DIRECTORY_CONFIGURATION', `a SID of ${sid.length} bytes is none`, { permanent: true })
  if (sid.readUIntBE(2, 6) !== ntAuthority) return false
  const first = sid.readUInt32LE(8)
  const rid = sid.readUInt32LE(sid.length - 4)
  if (first === domainSids && count === 5) return Object.hasOwn(protectedRids.domain, rid)
  return first === builtinSids && count === 2 && Object.hasOwn(protectedRids.builtin, rid)
}
