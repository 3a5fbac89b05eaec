/**
 * Finds the domain's PDC emulator from any configured server and connects to it: it sees every password first, and the
 * others ask it before they call a password wrong ([MS-ADTS] 3.1.1.1.11, FSMO roles).
 *
 * rootDSE -> defaultNamingContext -> fSMORoleOwner -> strip "CN=NTDS Settings," -> dNSHostName. Looked up again with every
 * new connection. A server without the policy-hints control is refused: without it a reset silently bypasses history.
 */
import type { Clock } from '../../shared/clock.ts'
import { Fault, isFault } from '../../shared/fault.ts'
import { type Connection, type ConnectionOptions, type Credentials, type Endpoint, endpointOf, openConnection } from './connection.ts'
import { allOf, type Row, readBase, required, serverTimeIn, textOf } from './rows.ts'

export interface Pdc {
  connection: Connection
  endpoint: Endpoint
  /** As the controller names itself, lower case. */
  host: string
  /** False: another writable controller in its place, which configuration has to allow. */
  isEmulator: boolean
  /** The domain head, e.g. DC=corp,DC=example,DC=test. */
  domainHead: string
  /** Object identifier of the policy-hints control as this server knows it. */
  hintsOid: string
  /** Its clock, read when the connection was opened and at every heartbeat, and what has passed here since. */
  time: ServerTime
}

export interface ServerTime {
  serverMs: number
  wallMs: number
  monotonicMs: number
}

export interface PdcOptions extends Omit<ConnectionOptions, 'openMs'> {
  /** `ldaps://host[:port]`, tried in this order. */
  servers: readonly string[]
  addresses: Readonly<Record<string, string>>
  credentials: Credentials
  /** DNS name of the domain. */
  domain: string
  /** Whom to write to while the PDC emulator cannot be reached. */
  controllers: 'pdcEmulator' | 'anyWritable'
}

/** LDAP_SERVER_POLICY_HINTS_OID and its deprecated twin ([MS-ADTS] 3.1.1.3.4.1.27), preferred first. */
export const hintsOids: readonly string[] = ['1.2.840.113556.1.4.2239', '1.2.840.113556.1.4.2066']
/** LDAP_CAP_ACTIVE_DIRECTORY_PARTIAL_SECRETS_OID ([MS-ADTS] 3.1.1.3.4.3.5): a read-only controller. */
const readOnlyOid = '1.2.840.113556.1.4.1920'
export const rootAttributes = ['defaultNamingContext', 'dnsHostName', 'supportedControl', 'supportedCapabilities', 'currentTime']

/** Throws DIRECTORY_UNAVAILABLE if no server leads to one, DIRECTORY_CONFIGURATION if one says what cannot be right. */
export async function openPdc(options: PdcOptions): Promise<Pdc> {
  // One limit for the whole search: a dead first server must leave time for the next one and for the PDC emulator itself.
  const openMs = Math.ceil(options.ldapMs / (options.servers.length + 1))
  let last = new Fault('DIRECTORY_CONFIGURATION', 'no directory server is configured', { permanent: true })
  for (const server of options.servers) {
    try {
      return await openFrom(endpointOf(server, options.addresses), { ...options, openMs })
    } catch (error) {
      // Wrong credentials are not tried on the next server: each attempt counts towards the service account's lock-out.
      if (!isFault(error) || error.code === 'DIRECTORY_CONFIGURATION') throw error
      last = error
    }
  }
  throw last
}

/** The role's owner by its name in the directory, as this controller knows it: it moves. Lower case. */
export const currentPdcHost = ({ connection, domainHead }: Pdc): Promise<string> => pdcHost(connection, domainHead)

export const timeNow = (serverMs: number, clock: Clock): ServerTime => ({ serverMs, wallMs: clock.now(), monotonicMs: clock.monotonic() })

async function openFrom(endpoint: Endpoint, options: PdcOptions & ConnectionOptions): Promise<Pdc> {
  return onConnection(endpoint, options, async (connection) => {
    const root = await readBase(connection, '', rootAttributes)
    const host = await pdcHost(connection, domainHeadOf(root, options.domain))
    if (host === textOf(root, 'dnsHostName')?.toLowerCase()) return toPdc(connection, endpoint, root, options)
    try {
      const emulator = await openEmulator(endpointOf(`ldaps://${host}`, options.addresses), options)
      connection.reset()
      return emulator
    } catch (error) {
      const mayServe = options.controllers === 'anyWritable' && isFault(error, 'DIRECTORY_UNAVAILABLE') && isWritable(root)
      if (mayServe) return { ...toPdc(connection, endpoint, root, options), isEmulator: false }
      throw error
    }
  })
}

const openEmulator = (endpoint: Endpoint, options: PdcOptions & ConnectionOptions) =>
  onConnection(endpoint, options, async (own) => toPdc(own, endpoint, await readBase(own, '', rootAttributes), options))

async function onConnection(endpoint: Endpoint, options: PdcOptions & ConnectionOptions, use: (connection: Connection) => Promise<Pdc>) {
  const connection = await openConnection(endpoint, options.credentials, options)
  try {
    return await use(connection)
  } catch (error) {
    connection.reset()
    throw error
  }
}

function toPdc(connection: Connection, endpoint: Endpoint, root: Row, { domain, clock }: PdcOptions): Pdc {
  const hintsOid = hintsOids.find((oid) => oidsIn(root, 'supportedControl').includes(oid))
  if (hintsOid === undefined) throw misconfigured('the server lacks the policy-hints control: a reset would bypass password history')
  const time = timeNow(serverTimeIn(root), clock)
  const host = (textOf(root, 'dnsHostName') ?? endpoint.host).toLowerCase()
  return { connection, endpoint, host, isEmulator: true, domainHead: domainHeadOf(root, domain), hintsOid, time }
}

export const oidsIn = (root: Row, name: string): string[] => allOf(root, name).map((oid) => oid.toString('latin1'))
const isWritable = (root: Row): boolean => !oidsIn(root, 'supportedCapabilities').includes(readOnlyOid)

export function domainHeadOf(root: Row, domain: string): string {
  const head = required(textOf(root, 'defaultNamingContext'), 'defaultNamingContext')
  const expected = domain.split('.').map((label) => `DC=${label}`)
  if (head.toLowerCase() !== expected.join(',').toLowerCase()) throw misconfigured('the server belongs to another domain than configured')
  return head
}

/** DNS name of the PDC emulator, in lower case. */
export async function pdcHost(connection: Connection, domainHead: string): Promise<string> {
  const owner = textOf(await readBase(connection, domainHead, ['fSMORoleOwner']), 'fSMORoleOwner')
  const server = /^CN=NTDS Settings,(.+)$/is.exec(owner ?? '')?.[1]
  if (server === undefined) throw misconfigured('the domain names no PDC emulator (fSMORoleOwner)')
  const host = textOf(await readBase(connection, server, ['dNSHostName']), 'dNSHostName')
  if (host === undefined || !/^[a-z0-9._-]+$/i.test(host)) throw misconfigured('the PDC emulator has no usable dNSHostName')
  return host.toLowerCase()
}

const misconfigured = (message: string) => new Fault('DIRECTORY_CONFIGURATION', message, { permanent: true })
