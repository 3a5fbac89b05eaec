/**
 * The road to Service Bus: WebSockets on 443, through the company's proxy if there is one, or AMQP over TLS.
 *
 * Whom to trust beyond the system's authorities is said here once for both. The proxy's address may hold credentials:
 * it is a secret, and is never logged.
 */
import diagnostics from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import { HttpsProxyAgent } from 'https-proxy-agent'
import WebSocket from 'ws'

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
  return { webSocket: WebSocket, webSocketConstructorOptions }
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
