/**
 * What asks in the function app's place for the bench `sdks`: HTTP, two conditional writes to the table, one message out, one in, and
 * nothing of the product. No Functions host is in between, which the product cannot do without.
 */
import { constants, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { TableClient } from '@azure/data-tables'
import { ServiceBusClient } from '@azure/service-bus'
import { prepareTcp } from '../shared/relay/transport.ts'

const { DataStorage = '', ServiceBus = '', PASSWORD_KEY = '' } = process.env
const [flows, leases] = ['flows', 'state'].map((table) =>
  TableClient.fromConnectionString(DataStorage, table, { allowInsecureConnection: true }),
)
if (!flows || !leases) throw new Error('unreachable: two tables')
await Promise.all([flows.createTable(), leases.createTable()])
const key = createPublicKey({ key: JSON.parse(PASSWORD_KEY), format: 'jwk' })
const row = { v: '0'.repeat(32), d: 'x'.repeat(700), w: '0'.repeat(22), m: '0'.repeat(43) }

prepareTcp({ transport: 'tcp' })
const bus = new ServiceBusClient(ServiceBus)
const sessionId = randomBytes(16).toString('base64url')
const session = await bus.acceptSession('replies', sessionId)
const requests = bus.createSender('requests')
const waiting = new Map<unknown, () => void>()
session.subscribe(
  {
    async processMessage(message) {
      waiting.get(message.correlationId)?.()
      await session.completeMessage(message)
    },
    processError: async ({ error }) => void process.stderr.write(`${error}\n`),
  },
  { autoCompleteMessages: false, maxConcurrentCalls: 64 },
)

const server = http.createServer(async (request, response) => {
  const { id, dn, newPassword } = JSON.parse((await request.toArray()).join(''))
  const flow = { partitionKey: id, rowKey: 'flow', ...row }
  // Before anything is measured, a flow is written for each.
  if (request.url === '/flow') {
    await flows.createEntity(flow)
    response.end()
    return
  }
  const writes = [flows.updateEntity(flow, 'Replace', { etag: '*' }), leases.createEntity({ partitionKey: 'bench', rowKey: id, ...row })]
  await Promise.all(writes)
  const padding = { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
  const blob = publicEncrypt(padding, Buffer.from(newPassword))
  const answered = new Promise<void>((resolve) => void waiting.set(id, resolve))
  const body = Buffer.concat([blob, Buffer.from(dn)])
  void requests.sendMessages({ body, messageId: id, timeToLive: 26_000, replyToSessionId: sessionId })
  await answered
  waiting.delete(id)
  response.end('{"code":"done"}')
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
