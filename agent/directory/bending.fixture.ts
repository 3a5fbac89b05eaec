/**
 * For tests only: a domain controller that is not what it says. In front of the stand-in, with its certificate, and whatever
 * it answers may be changed on the way: the octets of a message, the values of an entry, the code and text of a result.
 */
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import tls from 'node:tls'
import { children, constructed, type Element, integer, octets, readElement, readInteger, universal } from '../../local/directory/ber.ts'
import type { AttributeValues } from '../../local/directory/codec.ts'
import { encodeEntry } from '../../local/directory/replies.ts'

/** Undefined: as it is. */
export interface Bending {
  octets?: (message: Buffer) => Buffer
  entry?: (attributes: AttributeValues[]) => AttributeValues[]
  result?: () => { code: number; text: string }
}

export interface BendingServer {
  /** For the replies from now on. */
  bend(how: Bending): void
  /** Sends to whoever is connected for as long as they are; resolves when they are not. */
  flood(next: () => Buffer): Promise<void>
  port: number
  close(): void
}

export async function startBending(certificate: { cert: string; key: string }, clearPort: number): Promise<BendingServer> {
  let bending: Bending = {}
  const sockets = new Set<net.Socket>()
  const agents = new Set<tls.TLSSocket>()
  const server = tls.createServer({ ...certificate, minVersion: 'TLSv1.2', noDelay: true }, (agent) => {
    const controller = net.connect({ port: clearPort, host: '127.0.0.1', noDelay: true })
    let received: Buffer = Buffer.alloc(0)
    agents.add(agent)
    agent.on('close', () => agents.delete(agent))
    for (const [one, other] of [
      [agent, controller],
      [controller, agent],
    ] as const) {
      sockets.add(one)
      one.on('error', () => undefined).on('close', () => other.destroy())
    }
    agent.on('data', (chunk) => void controller.write(chunk))
    controller.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      for (let read = readElement(received, 0); read !== undefined; read = readElement(received, 0)) {
        agent.write(bent(received.subarray(0, read.next), read.element, bending))
        received = received.subarray(read.next)
      }
    })
  })
  server.on('tlsClientError', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    bend(how) {
      bending = how
    },
    async flood(next) {
      for (const agent of agents) {
        while (!agent.destroyed) if (!agent.write(next())) await Promise.race([once(agent, 'drain'), once(agent, 'close')]).catch(() => {})
      }
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

const entryTag = 0x64
const bindTag = 0x61

function bent(message: Buffer, { content }: Element, { octets: bendOctets, entry, result }: Bending): Buffer {
  const [id, operation] = children(content)
  if (id === undefined || operation === undefined) return message
  if (bendOctets) return bendOctets(message)
  const number = readInteger(id.content)
  if (operation.tag === entryTag) return entry ? bentEntry(number, operation, entry) : message
  // A bind that was refused would end everything else.
  if (result === undefined || operation.tag === bindTag) return message
  const { code, text } = result()
  return constructed(
    universal.sequence,
    integer(number),
    constructed(operation.tag, integer(code, universal.enumerated), octets(''), octets(text)),
  )
}

function bentEntry(id: number, { content }: Element, change: (attributes: AttributeValues[]) => AttributeValues[]): Buffer {
  const [dn, list] = children(content)
  const attributes = children(list?.content ?? Buffer.alloc(0)).map((attribute): AttributeValues => {
    const [name, values] = children(attribute.content)
    return { name: String(name?.content), values: children(values?.content ?? Buffer.alloc(0)).map((value) => value.content) }
  })
  return encodeEntry(id, String(dn?.content), change(attributes))
}
