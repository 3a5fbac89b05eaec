import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Queue, queues } from '../../infra/topology.ts'
import type { VerifyJwt } from '../bus/authorization.ts'
import { type Bus, startBus } from '../bus/bus.ts'
import { makeAuthority } from '../ca.ts'
import { nextDelivery } from './fixtures/inbox.ts'
import { type Host, startHost } from './host.ts'

const plain: Queue = queues.events
const endpointSecret = 'only this process knows'
const token = 'a token of the functions identity'
const asked: string[] = []

/** What App Service offers as IDENTITY_ENDPOINT, as far as the SDK asks. */
const identityEndpoint = http.createServer((request, response) => {
  const url = new URL(request.url ?? '', 'http://localhost')
  asked.push(`${url.searchParams.get('resource')} for ${url.searchParams.get('client_id')}`)
  if (request.headers['x-identity-header'] !== endpointSecret) return response.writeHead(401).end()
  const expiresOn = String(Math.floor(Date.now() / 1000) + 3600)
  return response.end(JSON.stringify({ access_token: token, expires_on: expiresOn, resource: 'x', token_type: 'Bearer' }))
})

const verifyJwt: VerifyJwt = async (given) =>
  given === token
    ? { kind: 'granted', claims: ['Listen'], expiresAt: Date.now() + 3_600_000 }
    : { kind: 'refused', status: 401, description: 'another token' }

let bus: Bus
let host: Host
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ca-'))
  const authority = await makeAuthority()
  const tls = await authority.issue({ commonName: 'localhost', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] })
  await writeFile(join(folder, 'ca.pem'), authority.ca)
  await new Promise<void>((resolve) => identityEndpoint.listen(0, '127.0.0.1', resolve))
  bus = await startBus({ queues: { events: plain, texts: plain }, rules: [], tls, verifyJwt })
  host = await startHost({
    entry: fileURLToPath(new URL('./fixtures/service-bus-app.ts', import.meta.url)),
    hostJson: { version: '2.0', extensionBundle: { id: 'Microsoft.Azure.Functions.ExtensionBundle', version: '[4.*, 5.0.0)' } },
    settings: {
      ServiceBus__fullyQualifiedNamespace: `localhost:${bus.addresses.ws}`,
      ServiceBus__clientId: 'the-identity',
      IDENTITY_ENDPOINT: `http://127.0.0.1:${(identityEndpoint.address() as AddressInfo).port}/msi/token`,
      IDENTITY_HEADER: endpointSecret,
    },
    serviceBus: { caFile: join(folder, 'ca.pem') },
    log: () => undefined,
  })
})
afterAll(async () => {
  await host.close()
  await bus.close()
  identityEndpoint.close()
  await rm(folder, { recursive: true })
})

test('a managed identity listens over WebSockets under a private authority', async () => {
  bus.control.send('events', { messageId: 'm-1', bodyBase64: 'AP8=' })
  const { value, metadata } = await nextDelivery()
  expect([Buffer.from(value as Buffer).toString('hex'), metadata['messageId']]).toEqual(['00ff', 'm-1'])
  await expect.poll(() => bus.control.stats()['events']?.completed).toBe(1)
  expect(new Set(asked)).toEqual(new Set(['https://servicebus.azure.net/ for the-identity']))
})
