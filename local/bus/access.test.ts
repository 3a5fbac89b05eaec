/**
 * Rights, with the real client: keys, rules on entities and on the namespace, expiry, and tokens of Entra ID.
 */
import { createHmac } from 'node:crypto'
import { ServiceBusClient } from '@azure/service-bus'
import { expect, it } from 'vitest'
import WebSocket from 'ws'
import { makeAuthority } from '../ca.ts'
import type { Grant } from './authorization.ts'
import { failureOf, plainQueue, quickRetry, receiveNow, receiveOne, rootRule, useBus } from './bus-fixture.ts'
import { entityPath, ruledEntity } from './wire.ts'

const authority = await makeAuthority()
const tls = await authority.issue({ commonName: 'localhost', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] })
const verifyJwt = async (token: string, audience: string) => {
  const granted: Grant = {
    kind: 'granted',
    claims: ruledEntity(entityPath(audience)) === 'requests' ? ['Send'] : [],
    expiresAt: clock.now() + 60_000,
  }
  return token === 'a real token' ? granted : ({ kind: 'refused', status: 401, description: 'InvalidToken' } as const)
}
const { bus, clock, client, track } = await useBus(
  { requests: plainQueue, Events: plainQueue },
  {
    tls,
    verifyJwt,
    rules: [
      rootRule,
      { name: 'agent', keys: ['first', 'second ключ'], claims: { requests: ['Listen'], events: ['Send'] } },
      { name: 'functions', keys: ['functions key'], claims: { requests: ['Send'] } },
    ],
  },
)
const once = { retryOptions: { ...quickRetry, maxRetries: 0 } }
const send = (azure: ServiceBusClient, queue: string) => azure.createSender(queue).sendMessages({ body: 1, timeToLive: 50 })

it('refuses a wrong key, an unknown rule, and a rule of another entity, all alike', async () => {
  for (const { rule, key } of [
    { rule: 'agent', key: 'wrong' },
    { rule: 'nobody', key: 'first' },
  ]) {
    const failure = await failureOf(send(client({ rule, key, ...once }), 'requests'))
    expect(failure).toMatchObject({ code: 'UnauthorizedAccess', message: expect.stringContaining('InvalidSignature') })
  }
  const failure = await failureOf(send(client({ rule: 'functions', key: 'functions key', ...once }), 'events'))
  expect(failure).toMatchObject({ code: 'UnauthorizedAccess', message: expect.stringContaining('InvalidSignature') })
})

it('gives one connection string different rights on each entity, under either key', async () => {
  for (const key of ['first', 'second ключ']) {
    const agent = client({ rule: 'agent', key, ...once })
    await send(agent, 'events')
    expect(await receiveNow(agent.createReceiver('requests'))).toEqual([])
    expect(await failureOf(send(agent, 'requests'))).toMatchObject({
      code: 'UnauthorizedAccess',
      message: expect.stringContaining("'Send'"),
    })
    const listening = failureOf(receiveOne(agent.createReceiver('events')))
    expect(await listening).toMatchObject({ code: 'UnauthorizedAccess', message: expect.stringContaining("'Listen'") })
  }
})

it('lets a sender neither peek nor look into dead letters', async () => {
  const functions = client({ rule: 'functions', key: 'functions key', ...once })
  expect(await failureOf(functions.createReceiver('requests').peekMessages(1))).toMatchObject({ code: 'UnauthorizedAccess' })
  const letters = functions.createReceiver('requests', { subQueueType: 'deadLetter' })
  expect(await failureOf(receiveOne(letters))).toMatchObject({ code: 'UnauthorizedAccess' })
})

it('does not tell who has no rights which queues exist', async () => {
  const agent = client({ rule: 'agent', key: 'first', ...once })
  expect(await failureOf(send(agent, 'nope'))).toMatchObject({ code: 'UnauthorizedAccess' })
  expect(await failureOf(send(client(once), 'nope'))).toMatchObject({ code: 'MessagingEntityNotFound' })
})

it('takes no notice of the case of entity names', async () => {
  await send(client(), 'EVENTS')
  expect(bus.control.recent('events')).not.toEqual([])
})

function signatureFor(queue: string, expiresAt: number): string {
  const resource = encodeURIComponent(`sb://127.0.0.1:${bus.addresses.tcp}/${queue}`)
  const expiry = Math.ceil(expiresAt / 1000)
  const signature = createHmac('sha256', 'root key').update(`${resource}\n${expiry}`).digest('base64')
  return `SharedAccessSignature=SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=root`
}

it('closes links when their token expires, and takes no expired token', async () => {
  const connectionString = signatureFor('requests', clock.now() + 30_000)
  const azure = client({ connectionString, ...once })
  await receiveNow(azure.createReceiver('requests'))
  expect(bus.control.stats()['requests']).toMatchObject({ receivers: expect.any(Number) })
  const before = bus.control.stats()['requests']?.receivers ?? 0
  await clock.advance(32_000)
  expect(bus.control.stats()['requests']?.receivers).toBe(before - 1)
  const failure = await failureOf(send(client({ connectionString, ...once }), 'requests'))
  expect(failure).toMatchObject({ code: 'UnauthorizedAccess', message: expect.stringContaining('ExpiredToken') })
})

it('holds a token to the entity it was made for', async () => {
  const azure = client({ connectionString: signatureFor('requests', clock.now() + 30_000), ...once })
  expect(await failureOf(send(azure, 'events'))).toMatchObject({
    code: 'UnauthorizedAccess',
    message: expect.stringContaining('InvalidAudience'),
  })
})

function entraClient(token: string): ServiceBusClient {
  const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) }
  const webSocketOptions = { webSocket: WebSocket, webSocketConstructorOptions: { ca: authority.ca } }
  const customEndpointAddress = `sb://127.0.0.1:${bus.addresses.ws}`
  return track(new ServiceBusClient('127.0.0.1', credential, { customEndpointAddress, webSocketOptions, ...once }))
}

it('hands an Entra token to whoever knows how to judge it', async () => {
  const entra = entraClient('a real token')
  await send(entra, 'requests')
  expect(await failureOf(send(entra, 'events'))).toMatchObject({ code: 'UnauthorizedAccess', message: expect.stringContaining("'Send'") })
  expect(await failureOf(send(entraClient('another'), 'requests'))).toMatchObject({ code: 'UnauthorizedAccess' })
})
