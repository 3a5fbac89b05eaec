/**
 * The road to Service Bus: WebSockets on 443, through the company's proxy if there is one, or AMQP over TLS.
 *
 * Whom to trust beyond the system's authorities is said here once for both. The proxy's address may hold credentials:
 * it is a secret, and is never logged.
 */
import diagnostics from 'node:diagnostics_channel'
import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import { HttpsProxyAgent } from 'https-proxy-agent'
import WebSocket from 'ws'
import { Fault } from '../fault.ts'

export interface Transport {
  transport: 'websockets' | 'tcp'
  /** PEM of a certificate authority beyond the system's. */
  ca?: string | undefined
  /** `http://user:password@host:port`, both percent-encoded. WebSockets only: AMQP itself knows no proxies. */
  proxyUrl?: string | undefined
}

/** The SDK does not read HTTPS_PROXY; an agent is the way it offers (azure-sdk-for-js, samples/usingProxy). */
export function webSocketOptions({ ca, proxyUrl }: Transport) {
  const webSocketConstructorOptions = {
    ...(ca !== undefined && { ca }),
    ...(proxyUrl !== undefined && { agent: new HttpsProxyAgent(proxyUrl) }),
  }
  let last: WebSocket | undefined
  class Kept extends WebSocket {
    constructor(...given: ConstructorParameters<typeof WebSocket>) {
      super(...given)
      last = this
    }
  }
  return { options: { webSocket: Kept, webSocketConstructorOptions }, pulse: () => pulseOf(last) }
}

/** A ping, which whoever is at the other end must answer (RFC 6455 section 5.5.2) and nobody charges for. */
function pulseOf(socket: WebSocket | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (socket?.readyState !== WebSocket.OPEN) return reject(new Fault('RELAY_DOWN', 'the WebSocket is not open'))
    socket.once('pong', resolve)
    socket.ping(undefined, undefined, (error?: Error) => error && reject(error))
  })
}

export function prepareTcp({ ca }: Transport): void {
  sendSmallFramesAtOnce()
  if (ca !== undefined) trustInProcess(ca)
}

let small = false
/** rhea leaves Nagle's algorithm on, which costs 40 ms with delayed acknowledgements; the socket is its own, so by channel. */
function sendSmallFramesAtOnce(): void {
  if (small) return
  small = true
  diagnostics.subscribe('net.client.socket', (message) => void (message as { socket: Socket }).socket.setNoDelay(true))
}

const trusted = new Set<string>()
/**
 * The SDK has no TLS options for AMQP over TCP (core-amqp, ConnectionContextBase): its trust is the process's, which is
 * widened. Connections that name their own authority (LDAPS, Key Vault, Entra ID) are not touched by that.
 */
function trustInProcess(ca: string): void {
  if (trusted.has(ca)) return
  trusted.add(ca)
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), ca])
}

/**
 * A connection that the other side closes properly ends without a word from the SDK (docs/decisions/0009-recovery.md), so
 * rhea is asked, by the SDK's inner name for it. May call more than once.
 */
export function onEnd(client: object, lost: (error: unknown) => void): void {
  const { connection } = (client as { _connectionContext: { connection: Pick<EventEmitter, 'on'> } })._connectionContext
  for (const event of ['connection_close', 'disconnected'])
    connection.on(event, () => lost(new Fault('RELAY_DOWN', 'the connection ended')))
}
