/**
 * Who and what a grant is about, as the administrator named them: an account by DN, sAMAccountName (with or without DOMAIN\\)
 * or SID, a place by DN. Looked up where there is a connection, else taken as they are.
 */
import { Fault } from '../../shared/fault.ts'
import type { Connection } from '../directory/connection.ts'
import { allOf, bytesOf, type Row, readBase, textOf } from '../directory/rows.ts'
import { findAccounts } from '../directory/security.ts'
import { isNoSuchObject } from './explain.ts'
import { isSid, sidBytes } from './identifiers.ts'

/** `sid` and `accountName`: as far as they are known. */
export interface Account {
  given: string
  sid?: Buffer
  accountName?: string
}

export interface FoundAccount extends Account {
  sid: Buffer
  accountName: string
}

export interface Place {
  dn: string
  /** The domain's head, by the DN's end. */
  domainHead: string
}

const attributes = ['objectSid', 'sAMAccountName', 'distinguishedName']
/** Where people live: units, the domain itself, and containers (CN=Users). */
const placeClasses = ['domaindns', 'organizationalunit', 'container']

export function accountAsGiven(given: string): Account {
  const sid = sidBytes(given)
  if (sid !== undefined) return { given, sid }
  return given.includes('=') ? { given } : { given, accountName: given }
}

export async function findAccount(connection: Connection, given: string): Promise<FoundAccount> {
  const rows = await rowsFor(connection, given)
  const [row] = rows
  if (row === undefined) throw new Fault('INPUT_REFUSED', 'there is no account of this name or SID in the domain', { permanent: true })
  const sid = bytesOf(row, 'objectSid')
  const accountName = textOf(row, 'sAMAccountName')
  if (rows.length > 1 || sid === undefined || !isSid(sid) || accountName === undefined) {
    throw new Fault('INPUT_REFUSED', 'what --account names is no account: it has no SID or no sAMAccountName', { permanent: true })
  }
  return { given, sid, accountName }
}

async function rowsFor(connection: Connection, given: string): Promise<Row[]> {
  const base = sidBytes(given) !== undefined ? `<SID=${given}>` : given.includes('=') ? given : undefined
  try {
    if (base !== undefined) return [await readBase(connection, base, attributes)]
    const head = textOf(await readBase(connection, '', ['defaultNamingContext']), 'defaultNamingContext') ?? ''
    return await findAccounts(connection, head, given.replace(/^[^\\]*\\/, ''), attributes)
  } catch (error) {
    if (isNoSuchObject(error)) return []
    throw error
  }
}

export async function findPlace(connection: Connection, dn: string): Promise<Place> {
  const row = await readBase(connection, dn, ['objectClass', 'distinguishedName']).catch((error: unknown) => {
    if (!isNoSuchObject(error)) throw error
    throw new Fault('INPUT_REFUSED', 'there is no object of the DN that --on names', { permanent: true })
  })
  const known = allOf(row, 'objectClass').map((name) => name.toString('utf8').toLowerCase())
  if (!known.some((name) => placeClasses.includes(name))) {
    throw new Fault('INPUT_REFUSED', '--on must name an organizational unit, a container or the domain head', { permanent: true })
  }
  return placeAsGiven(textOf(row, 'distinguishedName') ?? dn)
}

export const placeAsGiven = (dn: string): Place => ({ dn, domainHead: /(?:^|,)\s*(DC=[^,]+(?:,\s*DC=[^,]+)*)\s*$/i.exec(dn)?.[1] ?? '' })

/** Where fine-grained password policies lie ([MS-ADTS] 6.1.1.4.11.1). */
export const policyContainer = ({ domainHead }: Place): string => `CN=Password Settings Container,CN=System,${domainHead}`
