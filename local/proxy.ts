/**
 * The company's web proxy: HTTP CONNECT with credentials (RFC 9110 §9.3.6, Basic as of RFC 7617), and nothing else.
 *
 * Everybody is asked for credentials first (407), then whether the target may be reached: loopback only, 403 for the rest,
 * 502 where nobody listens. Bytes are passed on unseen, so TLS stays between the client and its service.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import http, { type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { StandIn } from './stand-in.ts'

export interface ProxyOptions {
  /** Without credentials it lets everybody through. */
  credentials?: { user: string; password: string }
  port?: number
}

/** `url` has no credentials in it. */
export type ProxyAddresses = { url: string; port: number }
export type ProxyStats = {
  /** Open now. */
  tunnels: number
  opened: number
  /** Without credentials, or with wrong ones. */
  unauthorized: number
  forbidden: number
  unreachable: number
  /** `host:port` as asked for, the last hundred. */
  targets: string[]
}
export type ProxyControl = {
  stats(): ProxyStats
  /** Cuts every tunnel without a word; how many there were. */
  drop(): number
}

interface Proxy {
  credentials: ProxyOptions['credentials']
  /** Every socket of either side, so that the end leaves none. */
  sockets: Set<Duplex>
  tunnels: Set<readonly [client: Duplex, service: Duplex]>
  counts: Omit<ProxyStats, 'tunnels'>
}
type Refusal = 'unauthorized' | 'forbidden' | 'unreachable'

const statusLines: Record<Refusal, string> = {
  unauthorized: '407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="local"',
  forbidden: '403 Forbidden',
  unreachable: '502 Bad Gateway',
}
const keptTargets = 100
const loopback = ['127.0.0.1', 'localhost', '[::1]']

function refuse(proxy: Proxy, client: Duplex, refusal: Refusal): void {
  proxy.counts[refusal] += 1
  client.end(`HTTP/1.1 ${statusLines[refusal]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

const digest = (text: string) => createHash('sha256').update(text).digest()

function isKnown({ credentials }: Proxy, { headers }: IncomingMessage): boolean {
  if (!credentials) return true
  const [scheme = '', encoded = ''] = (headers['proxy-authorization'] ?? '').split(' ')
  const given = Buffer.from(encoded, 'base64').toString('utf8')
  return scheme.toLowerCase() === 'basic' && timingSafeEqual(digest(given), digest(`${credentials.user}:${credentials.password}`))
}

function track(proxy: Proxy, socket: Duplex): void {
  proxy.sockets.add(socket)
  socket.once('close', () => proxy.sockets.delete(socket))
  socket.on('error', () => socket.destroy())
}

/** The port to connect to, or why not. */
function judge(proxy: Proxy, request: IncomingMessage): number | Refusal {
  if (!isKnown(proxy, request)) return 'unauthorized'
  const target = request.url ?? ''
  proxy.counts.targets = [...proxy.counts.targets, target].slice(-keptTargets)
  const [, host = '', port = ''] = /^(.+):(\d{1,5})$/.exec(target) ?? []
  return loopback.includes(host.toLowerCase()) && Number(port) <= 65_535 ? Number(port) : 'forbidden'
}

function answerConnect(proxy: Proxy, request: IncomingMessage, client: Duplex, head: Buffer) {
  track(proxy, client)
  const port = judge(proxy, request)
  if (typeof port === 'string') return refuse(proxy, client, port)
  const unreachable = () => refuse(proxy, client, 'unreachable')
  const service = connect({ host: '127.0.0.1', port, noDelay: true })
  service.once('error', unreachable)
  track(proxy, service)
  service.once('connect', () => {
    service.off('error', unreachable)
    client.write('HTTP/1.1 200 Connection established\r\n\r\n')
    service.write(head)
    join(proxy, client, service)
  })
}

function join(proxy: Proxy, client: Duplex, service: Duplex) {
  const tunnel = [client, service] as const
  proxy.counts.opened += 1
  proxy.tunnels.add(tunnel)
  const cut = () => {
    proxy.tunnels.delete(tunnel)
    for (const end of tunnel) end.destroy()
  }
  for (const end of tunnel) end.once('close', cut)
  if (client.destroyed) return cut()
  client.pipe(service)
  service.pipe(client)
}

function drop({ tunnels }: Proxy): number {
  const open = [...tunnels]
  for (const [client] of open) client.destroy()
  return open.length
}

export async function startProxy({ credentials, port = 0 }: ProxyOptions = {}): Promise<StandIn<ProxyAddresses, ProxyControl>> {
  const counts = { opened: 0, unauthorized: 0, forbidden: 0, unreachable: 0, targets: [] }
  const proxy: Proxy = { credentials, sockets: new Set(), tunnels: new Set(), counts }
  // Plain requests would have to be read by the proxy; nothing here is sent in the clear.
  const server = http.createServer((_, response) => response.writeHead(405, { allow: 'CONNECT' }).end())
  server.on('connect', (request, client, head) => answerConnect(proxy, request, client, head))
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  const listening = (server.address() as AddressInfo).port
  return {
    addresses: { url: `http://127.0.0.1:${listening}`, port: listening },
    control: {
      stats: () => ({ ...proxy.counts, tunnels: proxy.tunnels.size }),
      drop: () => drop(proxy),
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      for (const socket of proxy.sockets) socket.destroy()
      await closed
    },
  }
}
