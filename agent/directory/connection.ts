/**
 * One bound LDAPS connection over a raw socket of our own; it lives once.
 *
 * - A time-out *resets* the raw socket: bytes not yet sent are dropped. ldapts' own time-out stays off, because it destroys
 *   the TLS socket only, and what lay in buffers was still delivered and applied later (measured behind a stalled link).
 * - ldapts opens a lost connection again silently and unauthenticated. Here it is given one socket once; when that is gone
 *   the connection is dead, every call on it fails, and the owner builds and binds a new one.
 * - Several operations may be under way at once; a reset ends them all.
 */
import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import { Client } from 'ldapts'
import type { Clock } from '../../shared/clock.ts'
import { Fault, faultWord, isFault } from '../../shared/fault.ts'
import type { Secret } from '../../shared/secret.ts'
import { type Refusal, refusalOf } from './refusal.ts'
import './whole-elements.ts'

/** `host` is what the certificate must name; `address` is where to connect. */
export interface Endpoint {
  host: string
  address: string
  port: number
}

export interface Credentials {
  dn: string
  password: Secret
}

export interface ConnectionOptions {
  clock: Clock
  /** PEM; without it the machine's trusted authorities count. */
  ca?: string | undefined
  /** TCP, TLS and bind together. */
  openMs: number
  /** Each operation. */
  ldapMs: number
}

export type WriteResult = { kind: 'done' } | ({ kind: 'refused' } & Refusal) | { kind: 'notBegun' }

export interface Connection {
  isOpen(): boolean
  /** Throws DIRECTORY_UNAVAILABLE (lost, timed out, server busy) or DIRECTORY_REFUSED; `cause` is the Refusal, if there was one. */
  read<T>(work: (client: Client) => Promise<T>): Promise<T>
  /** `work` starts synchronously. Throws DIRECTORY_UNAVAILABLE before anything is handed over, DIRECTORY_WRITE_IN_DOUBT after. */
  write(work: (client: Client) => Promise<WriteResult>): Promise<WriteResult>
  reset(): void
}

const ldapsPort = 636
/** Four times a page of a listing. ldapts keeps what has come, and copies it with each new piece, until a message is whole. */
const maxReplyBytes = 4 * 1024 * 1024
/** busy, unavailable */
const passing = [51, 52]

/** `server`: `ldaps://host[:port]`. `addresses`: host -> "ip", "ip:port" or "[ip6]:port", where DNS does not know the host. */
export function endpointOf(server: string, addresses: Readonly<Record<string, string>>): Endpoint {
  const named = parseServer(server)
  const address = Object.entries(addresses).find(([name]) => name.toLowerCase() === named.host)?.[1]
  const place = address === undefined ? named : parseServer(`ldaps://${address}`)
  return { host: named.host, address: place.host, port: Number(place.port || named.port || ldapsPort) }
}

function parseServer(server: string): { host: string; port: string } {
  const url = URL.canParse(server) ? new URL(server) : undefined
  if (url?.protocol !== 'ldaps:' || url.hostname === '') {
    throw new Fault('DIRECTORY_CONFIGURATION', 'a directory server must be given as ldaps://host[:port]', { permanent: true })
  }
  return { host: url.hostname.replace(/^\[|\]$/g, '').toLowerCase(), port: url.port }
}

/** Connects and binds. Throws DIRECTORY_UNAVAILABLE, or DIRECTORY_CONFIGURATION when the credentials are refused (`cause`: the Refusal). */
export async function openConnection(endpoint: Endpoint, credentials: Credentials, options: ConnectionOptions): Promise<Connection> {
  const socket = openSocket(endpoint, options.ca)
  const refusal = await bind(socket, credentials, options)
  if (!refusal) return overSocket(socket, options)
  socket.reset()
  const permanent = refusal.ldapCode === 49
  const message = `the bind of the service account was refused (${refusal.ldapCode} ${refusal.bindData ?? refusal.hex ?? ''})`
  throw new Fault(permanent ? 'DIRECTORY_CONFIGURATION' : 'DIRECTORY_UNAVAILABLE', message, { permanent, cause: refusal })
}

/** One bind on a connection of its own. undefined: accepted. Throws DIRECTORY_UNAVAILABLE. */
export async function tryBind(endpoint: Endpoint, credentials: Credentials, options: ConnectionOptions): Promise<Refusal | undefined> {
  const socket = openSocket(endpoint, options.ca)
  const refusal = await bind(socket, credentials, options)
  socket.reset()
  return refusal
}

interface Socket {
  secure: tls.TLSSocket
  /** The handshake is done. */
  secured: Promise<unknown>
  client: Client
  /** An operation begins: what comes from now on is counted. */
  begin(): void
  reset(): void
}

function openSocket({ host, address, port }: Endpoint, ca: string | undefined): Socket {
  // Windows closes a connection after 15 idle minutes (MaxConnIdleTime); the heartbeat comes sooner. Keep-alive finds a dead peer.
  const raw = net.connect({ host: address, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 })
  const secure = tls.connect({ socket: raw, host, servername: net.isIP(host) ? '' : host, minVersion: 'TLSv1.2', ...(ca && { ca }) })
  for (const each of [raw, secure]) each.on('error', () => undefined) // reported by whoever waits; never an unhandled event
  const gone = new AbortController()
  const secured = once(secure, 'secureConnect', { signal: gone.signal })
  let given = false
  const createSecureConnection = () => {
    if (given) throw new Fault('DIRECTORY_UNAVAILABLE', 'the connection is gone')
    given = true
    return secure
  }
  const reset = () => {
    if (raw.connecting) raw.destroy()
    else raw.resetAndDestroy()
    secure.destroy() // by this ldapts rejects what it waits for
    gone.abort()
  }
  let receivedBytes = 0
  secure.on('data', ({ length }: Buffer) => {
    receivedBytes += length
    if (receivedBytes > maxReplyBytes) reset()
  })
  const begin = () => {
    receivedBytes = 0
  }
  return { secure, secured, begin, reset, client: new Client({ url: 'ldaps://our-own-socket', createSecureConnection }) }
}

async function bind({ secured, client, reset }: Socket, { dn, password }: Credentials, { clock, openMs }: ConnectionOptions) {
  try {
    await within(clock, openMs, reset, async () => {
      await secured
      const text = password.use((value) => value.toString('utf8')) // ldapts takes a string, which cannot be zeroed
      await client.bind(dn, text)
    })
    return undefined
  } catch (error) {
    const refusal = refusalOf(error)
    if (refusal) return refusal
    reset()
    throw unavailable(error)
  }
}

function overSocket({ secure, client, begin, reset }: Socket, { clock, ldapMs }: ConnectionOptions): Connection {
  const isOpen = () => secure.readyState === 'open' && client.isBound
  const guard = () => {
    if (!isOpen()) throw new Fault('DIRECTORY_UNAVAILABLE', 'the connection is gone')
    begin()
  }
  return {
    isOpen,
    reset,
    async read(work) {
      guard()
      try {
        return await within(clock, ldapMs, reset, () => work(client))
      } catch (error) {
        const refusal = refusalOf(error)
        if (!refusal) throw unavailable(error)
        const code = passing.includes(refusal.ldapCode) ? 'DIRECTORY_UNAVAILABLE' : 'DIRECTORY_REFUSED'
        throw new Fault(code, `a read was refused (${refusal.ldapCode} ${refusal.hex ?? ''})`, { cause: refusal })
      }
    },
    async write(work) {
      guard()
      try {
        return await within(clock, ldapMs, reset, () => work(client))
      } catch (error) {
        if (isFault(error)) throw error // by `createSecureConnection` above: it was gone before anything was handed over
        const refusal = refusalOf(error)
        if (refusal) return { kind: 'refused', ...refusal }
        throw new Fault('DIRECTORY_WRITE_IN_DOUBT', `no answer to a write (${faultWord(error)})`)
      }
    },
  }
}

/** Runs `work`, which starts synchronously; after `ms` the socket is reset, and `work` fails by that. */
async function within<T>(clock: Clock, ms: number, reset: () => void, work: () => Promise<T>): Promise<T> {
  const finished = new AbortController()
  let late = false
  const giveUp = () => {
    late = true
    reset()
  }
  void clock.sleep(ms, { signal: finished.signal, unref: true }).then(giveUp, () => undefined)
  try {
    return await work()
  } catch (error) {
    throw late ? new DOMException(`no answer within ${ms} ms`, 'TimeoutError') : error
  } finally {
    finished.abort()
  }
}

const unavailable = (cause: unknown) =>
  isFault(cause) ? cause : new Fault('DIRECTORY_UNAVAILABLE', `the directory could not be reached (${faultWord(cause)})`, { cause })
