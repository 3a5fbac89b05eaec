/**
 * Where clients connect: plain TCP (what `UseDevelopmentEmulator=true` asks for), TLS, and WebSockets over TLS.
 *
 * Loopback only. The WebSocket path is `/$servicebus/websocket` with subprotocol `AMQPWSB10` (MS-documented binding of
 * OASIS "AMQP WebSocket Binding" 1.0). Ports survive `close`, so that listening again is the same service come back. One bare
 * listener stands before each protocol, so that a frozen bus does not even shake hands.
 */
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer } from 'node:tls'
import { createWebSocketStream, WebSocketServer } from 'ws'

export type Ports = { tcp: number; tls: number; ws: number }
export type Accept = (stream: Duplex, socket: Socket) => void
type Tls = { cert: string; key: string }
/** Speaks one protocol on a socket that somebody has connected. */
type Serve = (socket: Socket) => void

const subprotocol = 'AMQPWSB10'
const webSocketPath = /^\/\$servicebus\/websocket\/?$/i

export class Listeners {
  readonly ports: Ports
  readonly #tls: Tls | undefined
  readonly #accept: Accept
  #servers: Server[] = []
  #state: 'open' | 'frozen' | 'refusing' = 'open'
  /** Connected while frozen. */
  readonly #held = new Map<Socket, Serve>()

  constructor(ports: Ports, tls: Tls | undefined, accept: Accept) {
    this.ports = { ...ports }
    this.#tls = tls
    this.#accept = accept
  }

  async open(): Promise<void> {
    this.ports.tcp = await this.#listen(overTcp(this.#accept), this.ports.tcp)
    if (!this.#tls) return
    this.ports.tls = await this.#listen(overTls(this.#tls, this.#accept), this.ports.tls)
    this.ports.ws = await this.#listen(overWebSockets(this.#tls, this.#accept), this.ports.ws)
  }

  freeze(): void {
    this.#state = 'frozen'
  }

  thaw(): void {
    this.#state = 'open'
    const held = [...this.#held]
    this.#held.clear()
    for (const [socket, serve] of held) serve(socket)
  }

  refuse(refused: boolean): void {
    this.#state = refused ? 'refusing' : 'open'
  }

  #connected(socket: Socket, serve: Serve) {
    if (this.#state === 'open') return serve(socket)
    if (this.#state === 'refusing') return socket.resetAndDestroy()
    this.#held.set(socket, serve)
    socket.on('error', () => socket.destroy()).on('close', () => this.#held.delete(socket))
  }

  #listen(serve: Serve, port: number): Promise<number> {
    const server = createTcpServer({ noDelay: true }, (socket) => this.#connected(socket, serve))
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
    for (const socket of this.#held.keys()) socket.destroy()
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }
}

const overTcp =
  (accept: Accept): Serve =>
  (socket) =>
    accept(socket, socket)

/** A server of Node that does not listen itself may be given its connections. */
function overTls(tls: Tls, accept: Accept): Serve {
  const server = createTlsServer(tls, (socket) => accept(socket, socket))
  return (socket) => void server.emit('connection', socket)
}

function overWebSockets(tls: Tls, accept: Accept): Serve {
  const server = createHttpsServer(tls, (_, response) => response.writeHead(404).end())
  const webSockets = new WebSocketServer({ noServer: true, handleProtocols: () => subprotocol })
  server.on('upgrade', (request, socket, head) => {
    const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '')
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
    if (!webSocketPath.test(path)) return refuse(socket, '404 Not Found')
    if (!offered.includes(subprotocol)) return refuse(socket, '400 Bad Request')
    webSockets.handleUpgrade(request, socket, head, (webSocket) => accept(createWebSocketStream(webSocket), request.socket))
  })
  return (socket) => void server.emit('connection', socket)
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
