/**
 * The product's own connection to Service Bus, over every road it can take and with every proof it can show.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from 'vitest'
import { queues } from '../../infra/topology.ts'
import { type Bus, startBus } from '../../local/bus/bus.ts'
import { makeAuthority } from '../../local/ca.ts'
import { agent, functions, startTestTenant, type TestTenant } from '../../local/entra/test-tenant.ts'
import { type ProxyAddresses, type ProxyControl, startProxy } from '../../local/proxy.ts'
import type { StandIn } from '../../local/stand-in.ts'
import { systemClock } from '../clock.ts'
import { type FaultCode, faultWord, isFault } from '../fault.ts'
import { connectRelay, type Delivery, type Outgoing, type RelayClient, type RelaySettings } from './client.ts'

const password = 'p@ss:w%rd'
const rules = [
  { name: 'agent', keys: ['agent key'], claims: { requests: ['Listen'], replies: ['Send'], events: ['Send'] } },
  { name: 'functions', keys: ['functions key'], claims: { requests: ['Send'], replies: ['Listen'], events: ['Listen'] } },
] as const
let tenant: TestTenant
let bus: Bus
let proxy: StandIn<ProxyAddresses, ProxyControl>
const open: RelayClient[] = []

beforeAll(async () => {
  tenant = await startTestTenant()
  const principals = { [functions.objectId]: 'functions', [agent.objectId]: 'agent' } as const
  ;[bus, proxy] = await Promise.all([
    startBus({ queues, rules, tls: tenant.tls, entra: { ...tenant.trust, principals } }),
    startProxy({ credentials: { user: 'agent', password } }),
  ])
})
afterEach(async () => {
  bus.control.clearFaults()
  await Promise.all(open.splice(0).map((client) => client.close()))
})
afterAll(async () => {
  await Promise.all([bus.close(), proxy.close(), tenant.entra.close()])
})

type Side = 'functions' | 'agent'
type Road = (side: Side) => RelaySettings

const key = (side: Side) => `SharedAccessKeyName=${side};SharedAccessKey=${side} key`
const credentialOf = (side: Side) => (side === 'agent' ? tenant.credentialOf(agent) : tenant.managedIdentity())
const identity = (side: Side, port: number) =>
  ({ kind: 'identity', namespace: 'localhost', credential: credentialOf(side), endpoint: `sb://localhost:${port}` }) as const

const emulator: Road = (side) => ({
  address: {
    kind: 'connectionString',
    connectionString: `Endpoint=sb://127.0.0.1:${bus.addresses.tcp};${key(side)};UseDevelopmentEmulator=true`,
  },
  transport: 'tcp',
})
const tlsWithToken: Road = (side) => ({ address: identity(side, bus.addresses.tls), transport: 'tcp', ca: tenant.tls.ca })
const webSocketsWithKey: Road = (side) => ({
  address: { kind: 'connectionString', connectionString: `Endpoint=sb://localhost:${bus.addresses.ws};${key(side)}` },
  transport: 'websockets',
  ca: tenant.tls.ca,
})
const webSocketsWithToken: Road = (side) => ({ address: identity(side, bus.addresses.ws), transport: 'websockets', ca: tenant.tls.ca })
const proxyUrl = (as = password) => proxy.addresses.url.replace('//', `//agent:${encodeURIComponent(as)}@`)
const throughProxy: Road = (side) => ({ ...webSocketsWithToken(side), proxyUrl: proxyUrl() })

function connect(settings: RelaySettings): RelayClient {
  const client = connectRelay(settings, systemClock)
  open.push(client)
  return client
}

let sent = 0
const outgoing = (over: Partial<Outgoing> = {}): Outgoing => ({
  messageId: `m${++sent}`,
  body: Buffer.from([0, 255]),
  ttlMs: 20_000,
  ...over,
})
const failed = (lost: unknown) => Promise.reject(lost)

/** One request to the agent and its reply to the session, each completed. */
async function exchange(road: Road): Promise<unknown> {
  const [functionsClient, agentClient] = [connect(road('functions')), connect(road('agent'))]
  const arrived = Promise.withResolvers<Delivery>()
  const session = `session-${sent}`
  const answer = async (request: Delivery) => {
    await agentClient.send('replies', outgoing({ sessionId: session, correlationId: String(request.messageId), body: Buffer.from([1]) }))
    await request.complete()
  }
  const listening = await agentClient.receive('requests', 1, answer, arrived.reject)
  const waiting = await functionsClient.receiveSession('replies', session, 1, async (reply) => arrived.resolve(reply), arrived.reject)
  const request = outgoing({ replyToSessionId: session })
  await functionsClient.send('requests', request)
  const reply = await arrived.promise
  await reply.complete()
  if (!waiting) throw new Error('somebody holds a fresh session')
  await Promise.all([listening, waiting].flatMap((each) => [each.probe(), each.pulse()]))
  await Promise.all([listening.stop(), waiting.stop()])
  return reply.correlationId === request.messageId && reply.body?.equals(Buffer.from([1]))
}

describe('one exchange', () => {
  it.each([
    ['TCP, as the emulator has it, with a key', emulator],
    ['TLS with a token', tlsWithToken],
    ['WebSockets with a key', webSocketsWithKey],
    ['WebSockets with a token', webSocketsWithToken],
  ])('over %s', async (_name, road) => {
    expect(await exchange(road)).toBe(true)
    expect(bus.control.stats()['requests']).toMatchObject({ active: 0, locked: 0 })
  })

  it('over WebSockets through a proxy that asks for credentials', async () => {
    const { opened, unauthorized } = proxy.control.stats()
    expect(await exchange(throughProxy)).toBe(true)
    expect(proxy.control.stats()).toMatchObject({ opened: opened + 2, unauthorized })
    expect(new Set(proxy.control.stats().targets)).toEqual(new Set([`localhost:${bus.addresses.ws}`]))
  })
})

const codeOf = (work: Promise<unknown>): Promise<FaultCode | 'sent' | 'other'> =>
  work.then(
    () => 'sent',
    (error) => (isFault(error) ? error.code : 'other'),
  )
/** What a receiver is told first. */
const lostWord = async (client: RelayClient) => {
  const lost = Promise.withResolvers<unknown>()
  await client.receive('requests', 1, failed, lost.resolve).catch(lost.resolve)
  return faultWord(await lost.promise)
}

describe('a broker that says 401', () => {
  it.each([
    [
      'a wrong key',
      (): RelaySettings => {
        const connectionString = `Endpoint=sb://localhost:${bus.addresses.ws};SharedAccessKeyName=agent;SharedAccessKey=wrong`
        return { ...webSocketsWithKey('agent'), address: { kind: 'connectionString', connectionString } }
      },
    ],
    [
      'the token of another tenant',
      (): RelaySettings => {
        const credential = { getToken: async () => ({ token: 'a.b.c', expiresOnTimestamp: Date.now() + 3_600_000 }) }
        return { ...webSocketsWithToken('agent'), address: { ...identity('agent', bus.addresses.ws), credential } }
      },
    ],
  ])('to %s is believed after one retry', async (_name, settings) => {
    const { tokensRefused } = bus.control.totals()
    const refused = connect(settings()).send('events', outgoing())
    await expect(refused).rejects.toMatchObject({ code: 'RELAY_DOWN', permanent: true })
    expect(bus.control.totals().tokensRefused).toBe(tokensRefused + 2)
    expect(await lostWord(connect(settings()))).toBe('UnauthorizedAccess')
    expect(bus.control.totals().tokensRefused).toBe(tokensRefused + 4)
    const session = connect(settings()).receiveSession('replies', 's', 1, failed, () => {})
    expect(faultWord(await session.catch((error) => error))).toBe('UnauthorizedAccess')
  })

  it('to a right that is missing is believed too', async () => {
    expect(await codeOf(connect(tlsWithToken('agent')).send('requests', outgoing()))).toBe('RELAY_DOWN')
    expect(await lostWord(connect(tlsWithToken('functions')))).toBe('UnauthorizedAccess')
  })

  it('once, and not at all the next time, leaves in doubt what was sent then', async () => {
    const before = bus.control.stats()['events']?.sent ?? 0
    bus.control.fault({ kind: 'refuseTokens', count: 1 })
    bus.control.fault({ kind: 'sendsInDoubt', queue: 'events', count: 1 })
    const impatient = new AbortController()
    const code = codeOf(connect(emulator('agent')).send('events', outgoing(), impatient.signal))
    await expect.poll(() => bus.control.stats()['events']?.sent, { timeout: 20_000 }).toBe(before + 1)
    impatient.abort()
    expect(await code).toBe('SEND_IN_DOUBT')
  })
})

describe('a way that is closed', () => {
  it('by a proxy that wants other credentials: a receiver is told', async () => {
    const { unauthorized } = proxy.control.stats()
    // ws has no code for it: "Unexpected server response: 407".
    expect(await lostWord(connect({ ...throughProxy('agent'), proxyUrl: proxyUrl('wrong') }))).toBe('Error')
    expect(proxy.control.stats().unauthorized).toBeGreaterThan(unauthorized)
  })

  it('by a certificate of an authority that nobody named: no token is shown', async () => {
    const stranger = await makeAuthority()
    const tls = await stranger.issue({ commonName: 'localhost', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] })
    const strange = await startBus({ queues, rules, tls })
    for (const transport of ['tcp', 'websockets'] as const) {
      const address = identity('agent', transport === 'tcp' ? strange.addresses.tls : strange.addresses.ws)
      expect(await lostWord(connect({ address, transport, ca: tenant.tls.ca }))).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE')
    }
    expect(strange.control.totals().putTokens).toBe(0)
    await strange.close()
  })

  it('is noticed when the proxy cuts it', async () => {
    const client = connect(throughProxy('functions'))
    const lost = Promise.withResolvers<unknown>()
    await client.receiveSession('replies', 'cut', 1, failed, lost.resolve)
    expect(proxy.control.drop()).toBe(1)
    expect(faultWord(await lost.promise)).toBe('RELAY_DOWN')
  })
})

describe('a connection that ends or goes dead without a word', () => {
  const roads = [
    ['TCP', emulator],
    ['WebSockets', webSocketsWithKey],
  ] as const

  it.each(roads)('closed properly, over %s: both sides are told', async (_name, road) => {
    const lost = [Promise.withResolvers<unknown>(), Promise.withResolvers<unknown>()] as const
    await connect(road('agent')).receive('requests', 1, failed, lost[0].resolve)
    await connect(road('functions')).receiveSession('replies', 'closed', 1, failed, lost[1].resolve)
    bus.control.dropConnections({ silent: 'close' })
    for (const { promise } of lost) expect(faultWord(await promise)).toBe('RELAY_DOWN')
    open.splice(0) // their close would never return
  })

  it('a session that is detached without a reason has no pulse any more', async () => {
    const client = connect(emulator('functions'))
    const session = await client.receiveSession('replies', 'detached', 1, failed, () => {})
    await session?.pulse()
    bus.control.detachSilently('replies')
    const beats = async () => (await session?.pulse().catch(faultWord)) ?? 'yes'
    await expect.poll(beats, { timeout: 5_000 }).toBe('RELAY_DOWN')
  })

  it('frozen, over WebSockets: there is no pulse until it thaws', async () => {
    const client = connect(webSocketsWithKey('agent'))
    const link = await client.receive('requests', 1, failed, () => {})
    await link.pulse()
    bus.control.freeze()
    let beats = false
    const pulse = link.pulse().then(() => {
      beats = true
    })
    // Somebody else's answer, over the same machine and later: this one would be here by now.
    const [other] = await Promise.all([tenant.credentialOf(agent).getToken('https://vault.azure.net/.default'), systemClock.turn()])
    expect(other.token).not.toBe('')
    expect(beats).toBe(false)
    bus.control.thaw()
    await pulse
    expect(beats).toBe(true)
  })

  it('what is not up yet is given up with its reason, and takes nothing later', async () => {
    bus.control.refuse()
    const lost = Promise.withResolvers<unknown>()
    const given = connect(emulator('agent')).receive('requests', 1, failed, lost.resolve)
    await expect(given).rejects.toThrow()
    await lost.promise
    bus.control.refuse(false)
    const again = await connect(emulator('agent')).receive('requests', 1, failed, () => {})
    await again.probe()
    expect(bus.control.stats()['requests']?.receivers).toBe(1)
  })
})

test('a connection closed without a word between two tries, and a token that is not answered, harm nobody', async () => {
  bus.control.fault({ kind: 'rejectSends', queue: 'events', count: 1 })
  const client = connect(emulator('agent'))
  const impatient = new AbortController()
  const code = codeOf(client.send('events', outgoing(), impatient.signal))
  // Which of its steps the SDK has come to, no event tells: rejected by now, and half a second from its second try.
  await systemClock.sleep(200)
  bus.control.fault({ kind: 'ignoreTokens' })
  expect(bus.control.dropConnections({ silent: 'close' })).toBe(1)
  await systemClock.sleep(500)
  // What it throws in its listener, or seconds later in its timer, would end this run.
  impatient.abort()
  expect(await code).toBe('SEND_IN_DOUBT')
  // Its close would not return.
  open.pop()?.drop()
})
