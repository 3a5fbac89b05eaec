/**
 * A TCP forwarder in front of a server that cannot be told to fail: it cuts, stalls or half-closes what goes through it.
 *
 * Octets are passed on as they are, so TLS is between the two ends. What is stalled is kept, and delivered when it resumes:
 * to a server that was only slow, as with real buffers.
 */
import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'

export interface Forwarder {
  /** `host:port` */
  address: string
  /** How many connections go through it now. */
  size(): number
  /** Ends every connection with a reset; new ones are taken as before. */
  cut(): void
  /** From now on nothing is passed on, on old connections and new ones: to the server, to the client, or both. */
  stall(direction?: Direction): void
  /** Passes on what was kept. */
  resume(): void
  /** Says to every client that the server will send no more, and goes on listening to them. */
  halfClose(): void
  /** New connections are reset at once. */
  refuse(refused?: boolean): void
  close(): Promise<void>
}

export type Direction = 'toServer' | 'toClient' | 'both'

interface Pair {
  client: Socket
  server: Socket
}

/** @param to `host:port`, or a URL with both. */
export async function startForwarder(to: string): Promise<Forwarder> {
  const { hostname, port } = new URL(to.includes('://') ? to : `tcp://${to}`)
  const pairs = new Set<Pair>()
  let stalled: Direction | undefined
  let refusing = false
  const hold = ({ client, server }: Pair) => {
    if (stalled === 'toServer' || stalled === 'both') client.pause()
    if (stalled === 'toClient' || stalled === 'both') server.pause()
  }
  const cut = () => {
    for (const { client, server } of pairs) for (const socket of [client, server]) socket.resetAndDestroy()
  }
  const listener = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    if (refusing) return void client.resetAndDestroy()
    const server = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true })
    const pair = { client, server }
    pairs.add(pair)
    join(pair, () => pairs.delete(pair))
    hold(pair)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    address: `127.0.0.1:${(listener.address() as AddressInfo).port}`,
    size: () => pairs.size,
    cut,
    stall(direction = 'both') {
      stalled = direction
      for (const pair of pairs) hold(pair)
    },
    resume() {
      stalled = undefined
      for (const { client, server } of pairs) for (const socket of [client, server]) socket.resume()
    },
    halfClose() {
      for (const { client } of pairs) client.end()
    },
    refuse(refused = true) {
      refusing = refused
    },
    async close() {
      const closed = once(listener, 'close')
      listener.close()
      cut()
      await closed
    },
  }
}

/** Passes on data and ends, each way; when one side breaks, so does the other. */
function join({ client, server }: Pair, ended: () => void): void {
  for (const [from, into] of [
    [client, server],
    [server, client],
  ] as const) {
    from.on('data', (chunk) => {
      if (into.writable) into.write(chunk)
    })
    from.on('end', () => into.end())
    from.on('error', () => into.resetAndDestroy())
    from.on('close', () => {
      into.destroy()
      ended()
    })
  }
}
