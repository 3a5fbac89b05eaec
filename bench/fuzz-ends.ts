/**
 * The two ends that `npm run bench -- fuzz` holds: it sends requests and reads their replies as the functions' identity, and
 * has the keys as somebody has them who broke into the agent's machine.
 */
import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ClientCertificateCredential } from '@azure/identity'
import { KeyClient } from '@azure/keyvault-keys'
import { SecretClient } from '@azure/keyvault-secrets'
import { ServiceBusClient, type ServiceBusMessageBatch, type ServiceBusSender } from '@azure/service-bus'
import type { System } from '../local/what-runs.ts'
import { outcomes } from '../shared/outcome.ts'
import { idOf, openReply } from '../shared/seal.ts'
import type { Envelope, Material } from './fuzz-envelopes.ts'

const session = 'fuzz'

/** As the functions' identity: it sends requests and reads replies. */
export function openBus(system: System) {
  const client = new ServiceBusClient(system.busConnectionString('functions', 'tcp'))
  return { client, sender: client.createSender('requests'), close: () => client.close() }
}

export async function sendAll(sender: ServiceBusSender, some: readonly Envelope[]): Promise<void> {
  const rest = some.map(messageOf)
  while (rest.length > 0) {
    const batch = await sender.createMessageBatch()
    while (rest[0] !== undefined && batch.tryAddMessage(rest[0])) rest.shift()
    if (batch.count === 0) throw new Error('an envelope does not fit into a batch')
    await sender.sendMessages(batch)
  }
}

type Message = Parameters<ServiceBusMessageBatch['tryAddMessage']>[0]

function messageOf({ messageId, body, bodyType, asked }: Envelope): Message {
  const replyTo = asked ? session : undefined
  // A body in another section than data is sent by AMQP's own names.
  const properties = { messageId, ...(replyTo && { replyToGroupId: replyTo }) }
  return bodyType ? { body, bodyType, properties } : { body, messageId, ...(replyTo && { replyToSessionId: replyTo }) }
}

export type Keys = Pick<Material, 'tenantId' | 'packageKey' | 'passwordKey'>

/** As somebody who broke into the agent's machine: its identity may read both. */
export async function keysOf(system: System): Promise<Keys> {
  const { tenantId, identity } = JSON.parse(await readFile(join(system.folder, 'agent-1', 'agent.json'), 'utf8'))
  const tlsOptions = { ca: system.ca }
  const local = { authorityHost: identity.authority, disableInstanceDiscovery: true, tlsOptions }
  const credential = new ClientCertificateCredential(tenantId, identity.clientId, { certificatePath: identity.certificateFile }, local)
  const options = { disableChallengeResourceVerification: true, tlsOptions }
  const { url } = system.parts.vault.addresses
  const secret = await new SecretClient(url, credential, options).getSecret('package-key')
  const key = await new KeyClient(url, credential, options).getKey('password-key')
  const jwk: JsonWebKey = { kty: 'RSA', n: base64url(key.key?.n), e: base64url(key.key?.e) }
  return {
    tenantId: Buffer.from(tenantId.replaceAll('-', ''), 'hex'),
    packageKey: { version: versionOf(secret), bytes: Buffer.from(secret.value ?? '', 'base64url') },
    passwordKey: { version: versionOf(key), publicKey: createPublicKey({ key: jwk, format: 'jwk' }) },
  }
}

const base64url = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('base64url')
const versionOf = ({ properties }: { properties: { version?: string } }) => Buffer.from(properties.version ?? '', 'hex')

export type Answers = Awaited<ReturnType<typeof readAnswers>>

/** Holds every answer against what its request was to get. */
export async function readAnswers({ client }: ReturnType<typeof openBus>, { packageKey, tenantId }: Keys) {
  // Renewed for as long as it takes; by itself the SDK stops after five minutes.
  const receiver = await client.acceptSession('replies', session, { maxAutoLockRenewalDurationInMs: 3_600_000 })
  const awaited = new Map<string, Envelope>()
  const wrong: string[] = []
  let count = 0
  receiver.subscribe({
    async processMessage({ correlationId, body }) {
      const id = String(correlationId)
      const { kind } = openReply(body, packageKey, tenantId, idOf(id)).outcome
      count += 1
      const asked = awaited.get(id)
      awaited.delete(id)
      if (!asked?.expect.includes(kind) || outcomes[kind].effect !== 'notChanged')
        wrong.push(`${asked?.kind ?? 'something else'} was answered with ${kind}`)
    },
    processError: async ({ error }) => void wrong.push(`replies could not be read: ${error.message}`),
  })
  return {
    expect(envelope: Envelope) {
      if (envelope.expect !== 'silence') awaited.set(envelope.messageId, envelope)
    },
    count: () => count,
    broken: () => [...new Set([...wrong, ...[...awaited.values()].map(({ kind }) => `${kind} was not answered`)])],
  }
}
