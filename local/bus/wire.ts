/**
 * How Service Bus spells things on AMQP: entity paths, GUID order, .NET ticks, 64-bit integers, error conditions.
 *
 * A lock token is 16 bytes in network order on `$management` and in .NET (mixed-endian) order as a delivery tag; the two
 * differ by one permutation that is its own inverse. Source: "AMQP 1.0 in Azure Service Bus", request-response operations.
 */
import { randomUUID } from 'node:crypto'
import { type AmqpFault, codec } from './rhea-internals.ts'

/** `Sb://host/Requests/$DeadLetterQueue/` → `requests/$deadletterqueue`. Entity names are case-insensitive; .NET, Java and Python attach with whole URIs. */
export function entityPath(address: unknown): string {
  const text = typeof address === 'string' ? address : ''
  return text
    .replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '')
    .replace(/^\/+|\/+$/g, '')
    .toLowerCase()
}

export const deadLetterSuffix = '/$deadletterqueue'
export const managementSuffix = '/$management'

/** The entity on which rules are looked up: rights on a queue are rights on its dead-letter queue and its management node. */
export function ruledEntity(path: string): string {
  const withoutNode = path.endsWith(managementSuffix) ? path.slice(0, -managementSuffix.length) : path
  return withoutNode.endsWith(deadLetterSuffix) ? withoutNode.slice(0, -deadLetterSuffix.length) : withoutNode
}

const guidOrder = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15]
export function swapGuidOrder(guid: Uint8Array): Buffer {
  return Buffer.from(guidOrder.map((from) => guid[from] ?? 0))
}

function longBytes(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  return bytes
}

/** Always the 8-byte encoding: clients read sequence numbers and ticks with `fromBytesBE`. */
export const wrapLong = (value: number) => codec.wrap_long(longBytes(BigInt(value)))
export const wrapLongs = (values: number[]) =>
  codec.wrap_array(
    values.map((value) => longBytes(BigInt(value))),
    0x81,
    undefined,
  )
export const wrapTimestamps = (values: number[]) => codec.wrap_array(values, 0x83, undefined)

const unixEpochTicks = 621_355_968_000_000_000n
/** .NET ticks: 100 ns since 0001-01-01. Too long for a JS number, so as bytes. */
export const wrapTicks = (ms: number) => codec.wrap_long(longBytes(unixEpochTicks + BigInt(Math.floor(ms)) * 10_000n))

/** rhea reads an AMQP long as a number, or as 8 bytes when it does not fit one. */
export function readLong(value: unknown): number {
  return Buffer.isBuffer(value) ? Number(value.readBigInt64BE()) : Number(value)
}

export function readList(value: unknown): unknown[] {
  if (Array.isArray(value)) return value
  return value === undefined || value === null ? [] : [value]
}

export function amqpFault(condition: string, description: string): AmqpFault {
  return { condition, description: `${description} TrackingId:${randomUUID()}_G0, SystemTracker:local` }
}

export const notFound = (path: string) =>
  amqpFault(
    'amqp:not-found',
    `The messaging entity 'sb://local/${path}' could not be found. To know more visit https://aka.ms/sbResourceMgrExceptions.`,
  )
export const unauthorized = (claim: string, path: string) =>
  amqpFault(
    'amqp:unauthorized-access',
    `Unauthorized access. '${claim}' claim(s) are required to perform this operation. Resource: 'sb://local/${path}'.`,
  )
export const messageLockLost = () =>
  amqpFault(
    'com.microsoft:message-lock-lost',
    'The lock supplied is invalid. Either the lock expired, or the message has already been removed from the queue.',
  )
export const sessionLockLost = (id: string) =>
  amqpFault('com.microsoft:session-lock-lost', `The session lock has expired on the MessageSession '${id}'. Accept a new MessageSession.`)
