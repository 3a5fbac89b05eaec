/**
 * The attacker who holds the queues: reads everything on them, sends whatever they like, and gets nothing for it.
 *
 * What is not authentic is ended in silence: no reply, no write, no dead letter, and the service goes on (SECURITY.md).
 * The bus stand-in's `send` is this attacker; duplicate detection is as real for them as for everybody.
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ClientCertificateCredential } from '@azure/identity'
import { CryptographyClient } from '@azure/keyvault-keys'
import { SecretClient } from '@azure/keyvault-secrets'
import { ServiceBusClient } from '@azure/service-bus'
import { describe, expect, it, vi } from 'vitest'
import { call } from '../../local/reset-client.ts'
import type { System } from '../../local/what-runs.ts'
import { messageIdOf, newId, sealRequest } from '../../shared/seal.ts'
import { about, submit, whenQueuesAreEmpty, writesOf } from './faults.fixture.ts'
import { messagesSent, passGate, personNamed, signIn, useSystem } from './support.ts'

vi.setConfig({ testTimeout: 60_000 })
const running = useSystem({ agents: 1, extraUsers: 9 })

const done = { status: 200, body: { code: 'done' } }
type QueueName = 'requests' | 'replies' | 'events'

/** The last message on a queue, as the attacker has copied it. */
async function captured({ parts }: System, queue: QueueName) {
  const found = (await parts.bus.call('recent', queue)).at(-1)
  if (!found) throw new Error(`nothing was ever sent to ${queue}`)
  return { messageId: found.messageId, sessionId: found.sessionId ?? '', body: Buffer.from(found.bodyBase64, 'base64') }
}

async function captureOne(system: System, sam: string) {
  const person = personNamed(system, sam)
  const flow = await passGate(system, person)
  expect(await flow.password('Genuine-Choice-1')).toMatchObject(done)
  return { person, request: await captured(system, 'requests'), reply: await captured(system, 'replies') }
}

/** Puts a message on a queue past every client; resolves when whoever listens there has ended it. */
async function inject({ parts }: System, queue: QueueName, message: { messageId: string; body: Buffer; [more: string]: unknown }) {
  const stats = async () => (await parts.bus.call('stats'))[queue]
  // What was sent before may still be on its way to its end: a reply is read before its request is completed.
  await vi.waitFor(async () => expect(await stats()).toMatchObject({ active: 0, locked: 0 }), { timeout: 20_000, interval: 20 })
  const completed = (await stats())?.completed ?? 0
  const { body, ...rest } = message
  const { sequenceNumber } = await parts.bus.call('send', queue, { ...rest, bodyBase64: body.toString('base64') })
  expect(sequenceNumber).not.toBeNull()
  await vi.waitFor(async () => expect(await stats()).toMatchObject({ completed: completed + 1 }), { timeout: 20_000, interval: 20 })
}

const changedAt = (body: Buffer, index: number): Buffer => {
  const copy = Buffer.from(body)
  copy.writeUInt8((copy[index] ?? 0) ^ 1, index)
  return copy
}
const freshId = () => messageIdOf(newId())

/** What somebody has who broke into the agent's machine: its identity. */
async function stolenIdentity(system: System) {
  const { tenantId, identity } = JSON.parse(await readFile(join(system.folder, 'agent-1', 'agent.json'), 'utf8'))
  const local = { disableInstanceDiscovery: true, tlsOptions: { ca: system.ca } }
  const proof = { certificatePath: identity.certificateFile }
  const credential = new ClientCertificateCredential(tenantId, identity.clientId, proof, { authorityHost: identity.authority, ...local })
  const options = { disableChallengeResourceVerification: true, tlsOptions: { ca: system.ca }, retryOptions: { maxRetries: 0 } }
  const vaultUrl = system.parts.vault.addresses.url
  return { credential, options, vaultUrl, secrets: new SecretClient(vaultUrl, credential, options) }
}

describe('requests', () => {
  it('made up, bent, cut or moved: ended in silence', async () => {
    const system = running()
    const { person, request, reply } = await captureOne(system, 'user0001')
    const [agent] = system.agents
    const { body } = request
    const session = { replyToSessionId: reply.sessionId }
    const before = await messagesSent(system)
    const forgeries = {
      'another message id around a genuine body': body,
      'the first byte changed': changedAt(body, 0),
      'the key version changed': changedAt(body, 9),
      'the protocol version changed': changedAt(body, 28),
      'the iv changed': changedAt(body, 33),
      'the ciphertext changed': changedAt(body, 200),
      'the tag changed': changedAt(body, body.length - 1),
      'one byte short': body.subarray(0, -1),
      'one byte more': Buffer.concat([body, Buffer.of(0)]),
      'the header alone': body.subarray(0, 45),
      'random bytes': randomBytes(body.length),
      'a reply, sent back': reply.body,
      'very large': Buffer.concat([body, randomBytes(200_000)]),
      nothing: Buffer.alloc(0),
    }

    for (const forged of Object.values(forgeries)) {
      const messageId = freshId()
      await inject(system, 'requests', { messageId, body: forged, ...session })
      await agent?.event('envelopeRejected', about(messageId))
    }

    expect(await messagesSent(system)).toEqual({ requests: before.requests + Object.keys(forgeries).length, replies: before.replies })
    expect(await writesOf(system, person)).toBe(1)
    await whenQueuesAreEmpty(system)
  })

  it('captured and sent again: dropped under its own id, refused under any spelling of it', async () => {
    const system = running()
    const { person, request, reply } = await captureOne(system, 'user0002')
    const { messageId, body } = request
    const before = await messagesSent(system)
    const again = { messageId, bodyBase64: body.toString('base64'), replyToSessionId: reply.sessionId }

    expect(await system.parts.bus.call('send', 'requests', again)).toEqual({ sequenceNumber: null })
    // 22 characters hold 132 bits, an id has 128: the last character has spellings that decode to the same id.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const other = messageId.slice(0, -1) + alphabet[alphabet.indexOf(messageId.slice(-1)) ^ 1]
    expect(Buffer.from(other, 'base64url')).toEqual(Buffer.from(messageId, 'base64url'))
    for (const spelling of [other, `${messageId}==`, ` ${messageId}`]) {
      await inject(system, 'requests', { messageId: spelling, body, replyToSessionId: reply.sessionId })
    }

    expect(await messagesSent(system)).toEqual({ requests: before.requests + 3, replies: before.replies })
    expect(await writesOf(system, person)).toBe(1)
    await whenQueuesAreEmpty(system)
  })

  it('sealed with the genuine key, but for another tenant: ended in silence', async () => {
    const system = running()
    const person = personNamed(system, 'user0003')
    const { replies } = await messagesSent(system)
    const { secrets } = await stolenIdentity(system)
    const secret = await secrets.getSecret('package-key')
    const key = { version: Buffer.from(secret.properties.version ?? '', 'hex'), bytes: Buffer.from(secret.value ?? '', 'base64url') }
    const wish = {
      operation: 'unlock',
      actor: 'admin',
      issuedAt: Date.now(),
      startWithinMs: 14_000,
      cloudAnchor: randomBytes(16),
      sourceAnchor: person.immutableId,
      flags: 1,
    } as const
    const id = newId()

    await inject(system, 'requests', { messageId: messageIdOf(id), body: sealRequest(wish, key, randomBytes(16), id) })

    await system.agents[0]?.event('envelopeRejected', about(messageIdOf(id)))
    expect((await messagesSent(system)).replies).toBe(replies)
    await whenQueuesAreEmpty(system)
  })

  it('after all of that the agent serves the next person', async () => {
    const system = running()
    const person = personNamed(system, 'user0004')
    const flow = await passGate(system, person)
    expect(await flow.password('After-All-That-1')).toMatchObject(done)
    expect(await signIn(system, person.dn, 'After-All-That-1')).toBe('accepted')
  })
})

describe('replies', () => {
  it('forged ones do not end the wait, do not change the answer and do not stay', async () => {
    const system = running()
    const { bus, directory } = system.parts
    const earlier = await captureOne(system, 'user0005')
    const person = personNamed(system, 'user0006')
    const flow = await passGate(system, person)
    await directory.call('fault', { kind: 'hang', operation: 'modify' })
    const sent = await submit(system, flow, 'The-True-Answer-1')
    await directory.call('whenHeld')

    const { sessionId, body } = earlier.reply
    const own = (await captured(system, 'requests')).body
    for (const forged of [randomBytes(120), Buffer.alloc(0), body, changedAt(body, 60), own, earlier.request.body]) {
      await inject(system, 'replies', { messageId: sent.request, correlationId: sent.request, sessionId, body: forged })
    }
    await inject(system, 'replies', { messageId: freshId(), correlationId: freshId(), sessionId, body })
    await inject(system, 'replies', { messageId: freshId(), sessionId, body })
    await directory.call('clearFaults')

    expect(await sent.answer).toMatchObject(done)
    expect(await signIn(system, person.dn, 'The-True-Answer-1')).toBe('accepted')
    expect((await bus.call('stats'))['replies']).toMatchObject({ deadLettered: 0, abandoned: 0 })
    await whenQueuesAreEmpty(system)
  })
})

describe('rights', () => {
  it("the agent's rule can neither send requests nor listen to replies and events", async () => {
    const system = running()
    const options = { retryOptions: { maxRetries: 0, timeoutInMs: 5_000 } }
    const client = new ServiceBusClient(system.busConnectionString('agent', 'tcp'), options)
    const refused = { code: 'UnauthorizedAccess' }
    const body = Buffer.from('anything')

    await expect(client.createSender('requests').sendMessages({ body })).rejects.toMatchObject(refused)
    await expect(client.acceptNextSession('replies', { maxAutoLockRenewalDurationInMs: 0 })).rejects.toMatchObject(refused)
    await expect(client.createReceiver('events').receiveMessages(1, { maxWaitTimeInMs: 1_000 })).rejects.toMatchObject(refused)
    await client.close()
  })

  it("the agent's identity is refused the state key; whoever has the functions' rights is refused to decrypt", async () => {
    const system = running()
    const { vault } = system.parts
    const { credential, options, vaultUrl, secrets } = await stolenIdentity(system)
    const forbidden = { statusCode: 403 }
    await expect(secrets.getSecret('state-key')).rejects.toMatchObject(forbidden)

    const version = (await vault.call('versions')).find(({ collection }) => collection === 'keys')?.version
    const key = new CryptographyClient(`${vaultUrl}/keys/password-key/${version}`, credential, options)
    const blob = { algorithm: 'RSA-OAEP-256', ciphertext: randomBytes(256) } as const
    await expect(key.decrypt(blob)).rejects.toMatchObject({ statusCode: 400 }) // an agent may try
    const token = (await credential.getToken('https://vault.azure.net/.default')).token
    const { oid } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
    await vault.call('grant', oid, 'functions')
    try {
      await expect(key.decrypt(blob)).rejects.toMatchObject(forbidden)
    } finally {
      await vault.call('grant', oid, 'agent')
    }
  })
})

describe('events', () => {
  it('made-up events change nothing, and a recorded heartbeat does not raise the dead', async () => {
    const system = running()
    const status = async () => (await call(system.url, 'status')).body
    const heartbeat = await captured(system, 'events')
    for (const forged of [randomBytes(200), Buffer.alloc(0), changedAt(heartbeat.body, 80), heartbeat.body.subarray(0, 100)]) {
      await inject(system, 'events', { messageId: heartbeat.messageId, body: forged })
    }
    await inject(system, 'events', { ...heartbeat, messageId: freshId() })
    expect(await status()).toEqual({ writeback: 'up' })

    await system.agents[0]?.stop()
    await vi.waitFor(async () => expect(await status()).toEqual({ writeback: 'down' }), { timeout: 20_000, interval: 50 })
    const stopping = await captured(system, 'events')
    await inject(system, 'events', heartbeat)
    await inject(system, 'events', stopping)
    await inject(system, 'events', heartbeat)

    expect(await status()).toEqual({ writeback: 'down' })
    await whenQueuesAreEmpty(system)
  })
})
