/**
 * One message as the broker keeps it: the bare message byte for byte, and around it what a broker may rewrite.
 *
 * AMQP 1.0 §3.2: properties, application-properties and body are the sender's and pass unchanged; header and annotations
 * are the broker's. The one exception is Service Bus's own: dead-lettering and abandoning may add application properties.
 */
import { randomUUID } from 'node:crypto'
import rhea, { type Typed } from 'rhea'
import { codec } from './rhea-internals.ts'

const sectionCode = {
  header: 0x70,
  deliveryAnnotations: 0x71,
  messageAnnotations: 0x72,
  properties: 0x73,
  applicationProperties: 0x74,
  data: 0x75,
} as const

export interface Message {
  readonly messageId: string
  readonly correlationId: string | undefined
  readonly sessionId: string | undefined
  readonly timeToLiveMs: number | undefined
  /** Set by a sender that wants the message to appear later. */
  readonly scheduledAt: number | undefined
  readonly durable: boolean
  readonly priority: number
  /** Size of the whole message as it arrived. */
  readonly encodedBytes: number
  /** Content of the data sections; any other kind of body as it was encoded. */
  readonly body: Buffer
  readonly annotations: readonly Typed[]
  readonly properties: Buffer
  readonly applicationProperties: readonly Typed[]
  /** Body and footer, encoded. */
  readonly rest: Buffer
}

export interface Fields {
  message_id?: unknown
  correlation_id?: unknown
  group_id?: unknown
  reply_to_group_id?: unknown
  ttl?: number | undefined
  body: Buffer
}

interface Section {
  code: number
  value: Typed
  bytes: Buffer
}

function* sectionsOf(encoded: Buffer): Generator<Section> {
  const reader = new codec.Reader(encoded)
  while (reader.remaining() > 0) {
    const start = reader.position
    const value = reader.read()
    yield { code: Number(value.descriptor?.value), value, bytes: encoded.subarray(start, reader.position) }
  }
}

const encodeSection = (code: number, value: Typed): Buffer => {
  const writer = new codec.Writer()
  writer.write(codec.described(codec.wrap_ulong(code), value))
  return writer.toBuffer()
}

/** An id may be a string, a ulong, a uuid or binary (§3.2.4). */
function idText(id: unknown): string | undefined {
  if (id === undefined || id === null) return undefined
  return Buffer.isBuffer(id) ? id.toString('hex') : String(id)
}

/** The first of the properties is the message id: puts one there when the sender gave none, as the service does. */
function withMessageId(properties: Section | undefined, messageId: string): Buffer {
  const rest = properties ? (properties.value.value as Typed[]).slice(1) : []
  return encodeSection(sectionCode.properties, codec.wrap_list([codec.wrap_string(messageId), ...rest]))
}

/** @throws RangeError or TypeError when the bytes are not an AMQP message. */
export function readMessage(encoded: Buffer): Message {
  const sections = [...sectionsOf(encoded)]
  const find = (code: number) => sections.find((section) => section.code === code)
  const pairs = (code: number) => (find(code)?.value.value ?? []) as Typed[]
  const fields = rhea.message.decode(encoded)
  const bodyAndFooter = sections.filter((section) => section.code > sectionCode.applicationProperties)
  const data = bodyAndFooter.filter((section) => section.code === sectionCode.data)
  const rest = Buffer.concat(bodyAndFooter.map((section) => section.bytes))
  const messageId = idText(fields['message_id']) ?? randomUUID().replaceAll('-', '')
  const properties = find(sectionCode.properties)
  const scheduledAt = fields['message_annotations']?.['x-opt-scheduled-enqueue-time']
  return {
    messageId,
    correlationId: idText(fields['correlation_id']),
    sessionId: idText(fields['group_id']),
    timeToLiveMs: fields['ttl'] ?? undefined,
    scheduledAt: scheduledAt === undefined || scheduledAt === null ? undefined : Number(scheduledAt),
    durable: fields['durable'] ?? false,
    priority: fields['priority'] ?? 4,
    encodedBytes: encoded.length,
    body: data.length > 0 ? Buffer.concat(data.map((section) => section.value.value as Buffer)) : rest,
    annotations: pairs(sectionCode.messageAnnotations),
    properties: properties && fields['message_id'] !== undefined ? properties.bytes : withMessageId(properties, messageId),
    applicationProperties: pairs(sectionCode.applicationProperties),
    rest,
  }
}

/** Message format 0x80013700: an outer message whose data sections are whole messages. */
export function readBatch(encoded: Buffer): Message[] {
  const data = [...sectionsOf(encoded)].filter((section) => section.code === sectionCode.data)
  return data.map((section) => readMessage(section.value.value as Buffer))
}

export function writeFields({ body, ...fields }: Fields): Buffer {
  const present = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
  return rhea.message.encode({ ...present, body: rhea.message.data_section(body) })
}

export interface DeliveryFacts {
  deliveryCount: number
  timeToLiveMs: number | undefined
  annotations: Readonly<Record<string, Typed>>
}

function mergedPairs(pairs: readonly Typed[], added: Readonly<Record<string, Typed>>, wrapKey: (key: string) => Typed): Typed {
  const kept: Typed[] = []
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const [key, value] = [pairs[i], pairs[i + 1]]
    if (key && value && !(String(key.value) in added)) kept.push(key, value)
  }
  const all = [...kept, ...Object.entries(added).flatMap(([key, value]) => [wrapKey(key), value])]
  const map = codec.wrap_map({})
  map.value = all
  return map
}

export function writeDelivery(message: Message, facts: DeliveryFacts): Buffer {
  const header = codec.wrap_list([
    message.durable,
    codec.wrap_ubyte(message.priority),
    facts.timeToLiveMs === undefined ? null : codec.wrap_uint(facts.timeToLiveMs),
    null,
    codec.wrap_uint(facts.deliveryCount),
  ])
  const applicationProperties = mergedPairs(message.applicationProperties, {}, codec.wrap_string)
  return Buffer.concat([
    encodeSection(sectionCode.header, header),
    encodeSection(sectionCode.messageAnnotations, mergedPairs(message.annotations, facts.annotations, codec.wrap_symbol)),
    message.properties,
    message.applicationProperties.length > 0 ? encodeSection(sectionCode.applicationProperties, applicationProperties) : Buffer.alloc(0),
    message.rest,
  ])
}

export function withProperties(message: Message, added: Readonly<Record<string, unknown>>): Message {
  const wrapped = Object.fromEntries(Object.entries(added).map(([key, value]) => [key, codec.wrap(value)]))
  return { ...message, applicationProperties: mergedPairs(message.applicationProperties, wrapped, codec.wrap_string).value }
}

export const deadLetterProperties = (reason: string | undefined, description: string | undefined) => ({
  ...(reason === undefined ? {} : { DeadLetterReason: reason }),
  ...(description === undefined ? {} : { DeadLetterErrorDescription: description }),
})

/** The message as it goes to a dead-letter queue: why and where from are on it, and it is no longer scheduled. */
export function deadLetter(message: Message, source: string, properties: Readonly<Record<string, unknown>>): Message {
  const marked = mergedPairs(message.annotations, { 'x-opt-deadletter-source': codec.wrap_string(source) }, codec.wrap_symbol)
  return { ...withProperties(message, properties), annotations: marked.value, scheduledAt: undefined }
}
