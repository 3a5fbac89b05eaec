/**
 * What another domain of the forest has to answer: a request that names something there gets a referral ([MS-ADTS]
 * 3.1.1.3.1.1.2, RFC 4511 §4.1.10). The names of a child lie below its parent's, so the nearest domain head decides.
 *
 * Searches that start above a child domain do not enter it; the references that Active Directory adds to them are left out.
 */
import type { Request } from './codec.ts'
import { type Dn, formatDn, isWithin, parseDn } from './dn.ts'
import { type Domain, dnsName } from './domain.ts'
import { code, type Result } from './result.ts'
import { parseBase } from './seed.ts'

const nameIn = (request: Request): string | undefined => {
  if (request.kind === 'search') return request.base
  return request.kind === 'bind' || !('dn' in request) ? undefined : request.dn
}

/** Undefined when this server answers itself. */
export function referralFor(domain: Domain, request: Request): Result | undefined {
  const dn = parseDn(nameIn(request) ?? '')
  if (dn === undefined || dn.length === 0) return undefined
  const configuration = parseBase(`CN=Configuration,${formatDn(domain.rootDn)}`)
  const here: Dn[] = [domain.baseDn, configuration]
  const nearest = (heads: readonly Dn[]): number => Math.max(0, ...heads.filter((head) => isWithin(dn, head)).map((head) => head.length))
  const elsewhere = domain.siblings.find(({ baseDn }) => nearest([parseBase(baseDn)]) > nearest(here))
  if (elsewhere === undefined) return undefined
  const host = dnsName(parseBase(elsewhere.baseDn))
  const text = `0000202B: RefErr: DSID-0310084A, data 0, 1 access points\n\tref 1: '${host}'`
  return { code: code.referral, text, referral: `ldap://${host}/${formatDn(dn)}` }
}
