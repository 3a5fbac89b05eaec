/**
 * One domain controller from outside, before anything is said to it: name, port, certificate.
 *
 * The handshake is made without trust, so that chain, name and dates are told apart; nothing is sent over it. The bind goes over
 * a connection of its own that checks everything again (agent/directory/connection.ts).
 */
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import type { Clock } from '../../../shared/clock.ts'
import { faultWord } from '../../../shared/fault.ts'
import type { Endpoint } from '../../directory/connection.ts'
import { type CheckId, type Finding, failed, isFailed, passed, skipped, warned } from './checks.ts'

export interface ServerDeps {
  clock: Clock
  ca: string | undefined
  /** For the connection and the handshake. */
  limitMs: number
}

/** Whoever reads this first shall have time to renew. */
const soonMs = 30 * 86_400_000

export async function checkServer(endpoint: Endpoint, deps: ServerDeps): Promise<Finding[]> {
  const { host } = endpoint
  const name = await checkName(endpoint)
  if (isFailed(name)) return [name, skipped('port', host, 'dns failed'), ...without(host, 'dns')]
  const met = await meet(endpoint, deps)
  if (met.kind === 'failed') return [name, failed('port', host, met.text), ...without(host, 'port')]
  return [name, passed('port', host, `${endpoint.port} answers, ${met.protocol}`), ...checkCertificate(host, met, deps.clock)]
}

const certificateChecks: readonly CheckId[] = ['certificate-chain', 'certificate-name', 'certificate-expiry']
const without = (host: string, because: CheckId) => certificateChecks.map((check) => skipped(check, host, `${because} failed`))

async function checkName({ host, address }: Endpoint): Promise<Finding> {
  if (net.isIP(address)) return passed('dns', host, address === host ? 'given as an address' : `${address}, by the settings`)
  try {
    return passed('dns', host, (await lookup(address)).address)
  } catch (error) {
    return failed('dns', host, `the name does not resolve (${faultWord(error)})`)
  }
}

type Met =
  | { kind: 'met'; certificate: tls.PeerCertificate; notTrusted: string | undefined; protocol: string }
  | { kind: 'failed'; text: string }

async function meet({ host, address, port }: Endpoint, { ca, clock, limitMs }: ServerDeps): Promise<Met> {
  const signal = clock.deadline(limitMs)
  const raw = net.connect({ host: address, port })
  raw.on('error', () => undefined) // reported by whoever waits
  try {
    await once(raw, 'connect', { signal })
    const options = { rejectUnauthorized: false, checkServerIdentity: () => undefined, minVersion: 'TLSv1.2' } as const
    const secure = tls.connect({ socket: raw, host, servername: net.isIP(host) ? '' : host, ...options, ...(ca && { ca }) })
    secure.on('error', () => undefined)
    await once(secure, 'secureConnect', { signal })
    const notTrusted = secure.authorized ? undefined : String(secure.authorizationError)
    return { kind: 'met', certificate: secure.getPeerCertificate(), notTrusted, protocol: secure.getProtocol() ?? 'TLS' }
  } catch (error) {
    const reason = signal.aborted ? `no answer within ${limitMs} ms` : faultWord(error)
    return { kind: 'failed', text: `${port} cannot be reached, or speaks no TLS (${reason})` }
  } finally {
    raw.destroy()
  }
}

/** Node's names for what OpenSSL says of dates (X509_V_ERR_*). */
const aboutDates = ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']

function checkCertificate(host: string, { certificate, notTrusted }: Met & { kind: 'met' }, clock: Clock): Finding[] {
  const expiry = checkDates(host, certificate, clock)
  const datesAlone = notTrusted !== undefined && aboutDates.includes(notTrusted) && isFailed(expiry)
  const wrongName = tls.checkServerIdentity(host, certificate)
  return [
    notTrusted === undefined || datesAlone
      ? passed('certificate-chain', host, 'issued by an authority that is trusted')
      : failed('certificate-chain', host, `the certificate is not trusted (${notTrusted})`),
    wrongName === undefined
      ? passed('certificate-name', host, 'for this name')
      : failed('certificate-name', host, 'the certificate is for another name'),
    expiry,
  ]
}

function checkDates(host: string, { valid_from, valid_to }: tls.PeerCertificate, clock: Clock): Finding {
  const [from, to] = [Date.parse(valid_from), Date.parse(valid_to)]
  const until = new Date(to).toISOString().slice(0, 10)
  const left = to - clock.now()
  if (clock.now() < from) return failed('certificate-expiry', host, `valid only from ${new Date(from).toISOString()} on`)
  if (left <= 0) return failed('certificate-expiry', host, `expired on ${until}`)
  const text = `valid until ${until}, ${Math.floor(left / 86_400_000)} days`
  return left < soonMs ? warned('certificate-expiry', host, text) : passed('certificate-expiry', host, text)
}
