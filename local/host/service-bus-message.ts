/**
 * A received Service Bus message as the function gets it: its body, and the metadata around it.
 *
 * Names and forms are those of Microsoft.Azure.WebJobs.Extensions.ServiceBus 5 (ServiceBusTriggerBindingStrategy
 * .AddBindingData, MessageToStringConverter); the library turns first letters into lower case. Two traps are kept:
 * `enqueuedTimeUtc` and `expiresAtUtc` carry no zone (use `enqueuedTime`), and a body is text unless asked otherwise.
 */
import type { ServiceBusReceivedMessage } from '@azure/service-bus'
import type { TypedData } from './rpc.ts'
import { asJson, bodyData, dateWithOffset, dateWithoutZone } from './trigger.ts'

/** Throws for bodies that the extension cannot bind either. */
export function bodyOf({ body, _rawAmqpMessage: raw }: ServiceBusReceivedMessage, dataType: unknown): TypedData {
  if (raw.bodyType === 'value' && typeof body === 'string') return { string: body }
  if (raw.bodyType === 'data' || raw.bodyType === undefined) return bodyData(Buffer.from(body ?? []), dataType)
  throw new Error(`A message with a body of type '${raw.bodyType}' cannot be bound to a string or bytes.`)
}

const text = (value: unknown): TypedData => (value === undefined || value === null ? {} : { string: String(value) })

export function metadataOf(message: ServiceBusReceivedMessage): Record<string, TypedData> {
  const { enqueuedTimeUtc: enqueued = new Date(0), expiresAtUtc: expires = new Date(8.64e15) } = message
  const properties = asJson(message.applicationProperties ?? {})
  return {
    // The SDK for JavaScript shows the header as it is; .NET counts the delivery under way.
    DeliveryCount: asJson((message.deliveryCount ?? 0) + 1),
    DeadLetterSource: text(message.deadLetterSource),
    LockToken: text(message.lockToken),
    ExpiresAtUtc: asJson(dateWithoutZone(expires)),
    ExpiresAt: asJson(dateWithOffset(expires)),
    EnqueuedTimeUtc: asJson(dateWithoutZone(enqueued)),
    EnqueuedTime: asJson(dateWithOffset(enqueued)),
    MessageId: text(message.messageId),
    ContentType: text(message.contentType),
    ReplyTo: text(message.replyTo),
    SequenceNumber: asJson(Number(message.sequenceNumber)),
    To: text(message.to),
    Subject: text(message.subject),
    Label: text(message.subject),
    CorrelationId: text(message.correlationId),
    ApplicationProperties: properties,
    UserProperties: properties,
    SessionId: text(message.sessionId),
    ReplyToSessionId: text(message.replyToSessionId),
    PartitionKey: text(message.partitionKey),
    TransactionPartitionKey: {},
  }
}
