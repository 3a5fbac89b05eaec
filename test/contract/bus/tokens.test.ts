/**
 * Entra tokens at Service Bus with the real clients: `@azure/identity` gets them, `@azure/service-bus` shows them, and every
 * right of the topology is tried, as is every right that is not in it.
 */
import { ClientCertificateCredential, type TokenCredential } from '@azure/identity'
import { ServiceBusClient } from '@azure/service-bus'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import { type Claim, identities, type QueueName, queues } from '../../../infra/topology.ts'
import { failureOf, quickRetry, receiveNow, useBus } from '../../../local/bus/bus-fixture.ts'
import { makeCertificate } from '../../../local/entra/certificate.ts'
import { agent, functions, nobody, startTestTenant, tenantId } from '../../../local/entra/test-tenant.ts'

const [tenant, certificate] = await Promise.all([startTestTenant(), makeCertificate('second agent')])
afterAll(() => tenant.entra.close())
const secondAgent = { clientId: 'd1b2c3d4-0000-4000-8000-000000000005', objectId: 'd1b2c3d4-0000-4000-8000-0000000000d1' }
tenant.entra.control.addAgent({ ...secondAgent, certificates: [certificate.certificate] })
const principals = { [functions.objectId]: 'functions', [agent.objectId]: 'agent', [secondAgent.objectId]: 'agent' } as const
/** As it reaches a bus in a process of its own. */
const entra = JSON.parse(JSON.stringify({ ...tenant.trust, principals }))
const { bus, track } = await useBus(queues, { rules: [], tls: tenant.tls, entra })

function clientOf(credential: TokenCredential, { port = bus.addresses.ws } = {}): ServiceBusClient {
  return track(
    new ServiceBusClient('localhost', credential, {
      customEndpointAddress: `sb://localhost:${port}`,
      webSocketOptions: { webSocket: WebSocket, webSocketConstructorOptions: { ca: tenant.tls.ca } },
      retryOptions: { ...quickRetry, maxRetries: 0 },
    }),
  )
}

const certificateCredential = new ClientCertificateCredential(
  tenantId,
  secondAgent.clientId,
  { certificate: `${certificate.certificate}\n${certificate.key}` },
  { authorityHost: tenant.entra.addresses.authorityHost, disableInstanceDiscovery: true, tlsOptions: { ca: tenant.tls.ca } },
)

async function tried(client: ServiceBusClient, queue: QueueName, claim: Claim): Promise<string> {
  const work = claim === 'Send' ? send(client, queue) : listen(client, queue)
  return work.then(
    () => 'allowed',
    async (error) => (await failureOf(Promise.reject(error))).code,
  )
}
const send = (client: ServiceBusClient, queue: QueueName) => client.createSender(queue).sendMessages({ body: 1, sessionId: 's' })
async function listen(client: ServiceBusClient, queue: QueueName) {
  if (queues[queue].requiresSession) await (await client.acceptSession(queue, 's')).close()
  else await client.createReceiver(queue).peekMessages(1)
}

const names = Object.keys(queues) as QueueName[]
const everyRight = names.flatMap((queue) => (['Send', 'Listen'] as const).map((claim) => ({ queue, claim })))

describe('what each identity may do is what the topology says, and no more', () => {
  it.each([
    ['functions, by managed identity', tenant.managedIdentity(), identities.functions.serviceBus],
    ['an agent, by secret', tenant.credentialOf(agent), identities.agent.serviceBus],
    ['another agent, by certificate', certificateCredential, identities.agent.serviceBus],
    ['an application without a role', tenant.credentialOf(nobody), {}],
  ])('%s', async (_name, credential, rights: Partial<Record<QueueName, readonly Claim[]>>) => {
    const client = clientOf(credential)
    const found = await Promise.all(everyRight.map(async (each) => ({ ...each, result: await tried(client, each.queue, each.claim) })))
    const expected = everyRight.map(({ queue, claim }) => ({
      queue,
      claim,
      result: rights[queue]?.includes(claim) ? 'allowed' : 'UnauthorizedAccess',
    }))
    expect(found).toEqual(expected)
  })

  it('follows role assignments: given, and taken away', async () => {
    expect(await tried(clientOf(tenant.credentialOf(nobody)), 'events', 'Send')).toBe('UnauthorizedAccess')
    bus.control.grant(nobody.objectId, 'agent')
    expect(await tried(clientOf(tenant.credentialOf(nobody)), 'events', 'Send')).toBe('allowed')
    bus.control.grant(nobody.objectId, null)
    expect(await tried(clientOf(tenant.credentialOf(nobody)), 'events', 'Send')).toBe('UnauthorizedAccess')
  })

  it('does not tell who has a token and no rights which queues exist', async () => {
    const work = clientOf(tenant.credentialOf(agent)).createSender('nope').sendMessages({ body: 1 })
    expect(await failureOf(work)).toMatchObject({ code: 'UnauthorizedAccess' })
  })
})

const issuer = 'https://sts.windows.net/test/'
const pair = await generateKeyPair('RS256')
const jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k', alg: 'RS256' }] }
const own = await useBus(queues, { rules: [], tls: tenant.tls, entra: { issuer, jwks, principals: { o: 'agent' } } })
const nowS = () => Math.floor(own.clock.now() / 1000)

/** Presents these tokens one after the other; the client asks for the next `renewInMs` from now (the SDK: two minutes before the end). */
function presenting(claims: object[], { key = pair.privateKey, renewInMs = 3_600_000 } = {}): TokenCredential {
  const good = { oid: 'o', appid: 'a', tid: 't', iss: issuer, aud: 'https://servicebus.azure.net', nbf: nowS() - 300, exp: nowS() + 3_600 }
  let shown = 0
  return {
    async getToken() {
      const token = await new SignJWT({ ...good, ...claims[Math.min(shown++, claims.length - 1)] })
        .setProtectedHeader({ alg: 'RS256', kid: 'k' })
        .sign(key)
      return { token, expiresOnTimestamp: Date.now() + 120_000 + (shown < claims.length ? renewInMs : 3_600_000) }
    },
  }
}
const ownClient = (credential: TokenCredential) => clientOf(credential, { port: own.bus.addresses.ws })

describe('a token', () => {
  it.each([
    ['of another tenant', { iss: 'https://sts.windows.net/other/' }, 'InvalidIssuer'],
    ['for another resource', { aud: 'https://vault.azure.net' }, 'InvalidAudience'],
    ['that has just expired', { exp: nowS() - 1 }, 'ExpiredToken'],
    ['that expired long ago', { exp: nowS() - 3_600 }, 'ExpiredToken'],
    ['of tomorrow', { nbf: nowS() + 86_400, exp: nowS() + 90_000 }, 'InvalidToken'],
    ['of nobody', { oid: undefined }, 'MalformedToken'],
  ])('%s is refused with 401', async (_name, claims, description) => {
    const failure = await failureOf(
      ownClient(presenting([claims]))
        .createSender('events')
        .sendMessages({ body: 1 }),
    )
    expect(failure).toMatchObject({ code: 'UnauthorizedAccess', message: expect.stringContaining(description) })
  })

  it('signed by somebody else is refused', async () => {
    const { privateKey } = await generateKeyPair('RS256')
    const failure = await failureOf(
      ownClient(presenting([{}], { key: privateKey }))
        .createSender('events')
        .sendMessages({ body: 1 }),
    )
    expect(failure).toMatchObject({ code: 'UnauthorizedAccess', message: expect.stringContaining('InvalidSignature') })
  })

  it('for the resource with a slash at the end is as good', async () => {
    const client = ownClient(presenting([{ aud: 'https://servicebus.azure.net/' }]))
    await client.createSender('events').sendMessages({ body: 1 })
    expect(own.bus.control.stats()['events']?.sent).toBe(1)
  })

  const receivers = () => own.bus.control.stats()['requests']?.receivers

  it('closes its links when it ends', async () => {
    await receiveNow(ownClient(presenting([{ exp: nowS() + 60 }])).createReceiver('requests'))
    expect(receivers()).toBe(1)
    await own.clock.advance(59_000)
    expect(receivers()).toBe(1)
    await own.clock.advance(2_000)
    expect(receivers()).toBe(0)
  })

  it('that is renewed keeps them', async () => {
    const tokens = [{ exp: nowS() + 60 }, { exp: nowS() + 3_600 }]
    const { tokensAccepted } = own.bus.control.totals()
    await receiveNow(ownClient(presenting(tokens, { renewInMs: 100 })).createReceiver('requests'))
    await expect.poll(() => own.bus.control.totals().tokensAccepted, { timeout: 20_000 }).toBe(tokensAccepted + 2)
    await own.clock.advance(61_000)
    expect(receivers()).toBe(1)
    await own.clock.advance(3_600_000)
    expect(receivers()).toBe(0)
  })
})
