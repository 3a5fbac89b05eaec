/**
 * Where clients connect: plain TCP (what `UseDevelopmentEmulator=true` asks for), TLS, and WebSockets over TLS.
 *
 * Loopback only. The WebSocket path is `/$servicebus/websocket` with subprotocol `AMQPWSB10` (MS-documented binding of
 * OASIS "AMQP WebSocket Binding" 1.0). Ports survive `close`, so that listening again is the same service come back.
 */
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer } from 'node:tls'
import { createWebSocketStream, WebSocketServer } from 'ws'

export type Ports = { tcp: number; tls: number; ws: number }
export type Accept = (stream: Duplex, socket: Socket) => void
type Tls = { cert: string; key: string }

const subprotocol = 'AMQPWSB10'
const webSocketPath = /^\/\$servicebus\/websocket\/?$/i

export class Listeners {
  readonly ports: Ports
  readonly #tls: Tls | undefined
  readonly #accept: Accept
  #servers: Server[] = []

  constructor(ports: Ports, tls: Tls | undefined, accept: Accept) {
    this.ports = { ...ports }
    this.#tls = tls
    this.#accept = accept
  }

  async open(): Promise<void> {
    this.ports.tcp = await this.#listen(tcpServer(this.#accept), this.ports.tcp)
    if (!this.#tls) return
    this.ports.tls = await this.#listen(tlsServer(this.#tls, this.#accept), this.ports.tls)
    this.ports.ws = await this.#listen(webSocketServer(this.#tls, this.#accept), this.ports.ws)
  }

  #listen(server: Server, port: number): Promise<number> {
    this.#servers.push(server)
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', () => {
        server.off('error', reject)
        resolve((server.address() as AddressInfo).port)
      })
    })
  }

  /** Stops listening; resolves when the last accepted socket has gone too. */
  async close(): Promise<void> {
    const servers = this.#servers
    this.#servers = []
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }
}

function tcpServer(accept: Accept): Server {
  return createTcpServer((socket) => {
    socket.setNoDelay(true)
    accept(socket, socket)
  })
}

function tlsServer(tls: Tls, accept: Accept): Server {
  return createTlsServer(tls, (socket) => {
    socket.setNoDelay(true)
    accept(socket, socket)
  })
}

function webSocketServer(tls: Tls, accept: Accept): HttpsServer {
  const server = createHttpsServer(tls, (_, response) => response.writeHead(404).end())
  const webSockets = new WebSocketServer({ noServer: true, handleProtocols: () => subprotocol })
  server.on('upgrade', (request, socket, head) => {
    const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '')
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
    if (!webSocketPath.test(path)) return refuse(socket, '404 Not Found')
    if (!offered.includes(subprotocol)) return refuse(socket, '400 Bad Request')
    webSockets.handleUpgrade(request, socket, head, (webSocket) => accept(createWebSocketStream(webSocket), request.socket))
  })
  return server
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
