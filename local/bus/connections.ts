/**
 * The open connections: makes an AMQP peer of every accepted stream, and ends them in the ways a test may ask for.
 *
 * SASL identifies nobody here (rights come through `$cbs`), and the SDK leaves it out when its connection string holds a
 * signature instead of a key. rhea does not notice a destroyed socket by itself: `close` of the socket is what ends a peer.
 */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import rhea, { type Connection, type ConnectionOptions, type EventContext } from 'rhea'
import type { Broker } from './broker.ts'
import { serveLinks } from './links.ts'
import { Peer } from './peer.ts'
import { connectionLost } from './rhea-internals.ts'

/** How to end all connections: with an AMQP error condition, or without any word. */
export type Ending =
  | { condition?: string; description?: string }
  /** `close`: AMQP close without an error. `destroy`: the socket goes. `freeze`: it stays, and nothing passes any more. */
  | { silent: 'close' | 'destroy' | 'freeze' }

interface Open {
  connection: Connection
  peer: Peer
  stream: Duplex
  /** What the bytes run over: the stream itself, or the socket below a WebSocket. */
  socket: Socket
  frozen: boolean
}

const restarting = 'The service is restarting and the connection is closed.'
const connectionOptions = {
  container_id: 'local-service-bus',
  idle_time_out: 240_000,
  max_frame_size: 65_536,
  channel_max: 4_999,
  session_buffer_size: 65_536, // the default of 2,048 overflows when many locks are held at once
  sender_options: { autosettle: false, treat_modified_as_released: false },
  receiver_options: { autoaccept: false, credit_window: 500 },
}

/** rhea takes an error that nobody listens for, also one a peer detaches with, for a crash of its user. */
const peersOwnAffair = [
  'connection_error',
  'session_error',
  'sender_error',
  'receiver_error',
  'sender_close',
  'receiver_close',
  'disconnected',
]

function makeContainer() {
  const container = rhea.create_container({ id: 'local-service-bus' })
  const anyone = () => ({ outcome: true, username: 'anonymous', start() {} })
  for (const name of ['MSSBCBS', 'ANONYMOUS', 'EXTERNAL']) container.sasl_server_mechanisms[name] = anyone
  return container
}

export class Connections {
  readonly #broker: Broker
  readonly #container = makeContainer()
  readonly #open = new Set<Open>()
  #frozen = false
  #closedBytes = { in: 0, out: 0 }

  constructor(broker: Broker) {
    this.#broker = broker
  }

  get size(): number {
    return this.#open.size
  }

  peers(): Peer[] {
    return [...this.#open].map(({ peer }) => peer)
  }

  accept(stream: Duplex, socket: Socket): void {
    const connection = this.#container.create_connection(connectionOptions as unknown as ConnectionOptions)
    const peer = new Peer(connection, this.#broker)
    const open: Open = { connection, peer, stream, socket, frozen: false }
    this.#open.add(open)
    this.#broker.totals.connectionsOpened += 1
    this.#listen(connection, peer)
    serveLinks(connection, peer, this.#broker)
    socket.on('close', () => this.#lost(open))
    ;(connection as Connection & { accept(stream: Duplex): void }).accept(stream)
    if (this.#frozen) freeze(open)
  }

  freeze(): void {
    this.#frozen = true
    for (const open of this.#open) freeze(open)
  }

  thaw(): void {
    this.#frozen = false
    for (const open of this.#open) thaw(open)
  }

  #listen(connection: Connection, peer: Peer): void {
    const { totals } = this.#broker
    connection.on('connection_close', () => peer.lost())
    connection.on('session_close', ({ session }: EventContext) => peer.lost(session))
    for (const event of peersOwnAffair) connection.on(event, () => {})
    const failed = () => {
      totals.protocolErrors += 1
    }
    connection.on('protocol_error', failed)
    connection.on('error', failed)
  }

  #lost(open: Open): void {
    if (!this.#open.delete(open)) return
    this.#closedBytes.in += open.socket.bytesRead
    this.#closedBytes.out += open.socket.bytesWritten
    open.peer.lost()
    connectionLost(open.connection)
  }

  bytes(): { in: number; out: number } {
    const total = { ...this.#closedBytes }
    for (const { socket } of this.#open) {
      total.in += socket.bytesRead
      total.out += socket.bytesWritten
    }
    return total
  }

  /** How many there were. */
  end(ending: Ending): number {
    const open = [...this.#open]
    for (const each of open) this.#endOne(each, ending)
    return open.length
  }

  #endOne(open: Open, ending: Ending) {
    const { connection, socket } = open
    if (!('silent' in ending)) {
      const { condition = 'amqp:connection:forced', description = restarting } = ending
      return connection.close({ condition, description })
    }
    switch (ending.silent) {
      case 'close':
        return connection.close()
      case 'destroy':
        this.#lost(open)
        return socket.destroy()
      case 'freeze':
        return freeze(open)
    }
  }
}

function freeze(open: Open): void {
  if (open.frozen) return
  open.frozen = true
  open.stream.pause()
  open.socket.cork()
}

function thaw(open: Open): void {
  if (!open.frozen) return
  open.frozen = false
  open.socket.uncork()
  open.stream.resume()
}
