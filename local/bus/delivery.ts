/**
 * A message as a receiver gets it: what the broker knows of it stands in the header and the annotations.
 *
 * `x-opt-locked-until` is the time of delivery plus the lock duration to the millisecond: receivers compute the message's age from it.
 */
import type { Entry } from './entry.ts'
import { type DeliveryFacts, writeDelivery } from './message.ts'
import type { MessageQueue } from './queue.ts'
import { codec } from './rhea-internals.ts'
import { wrapLong } from './wire.ts'

const messageState = (entry: Entry) => (entry.state === 'scheduled' ? 2 : entry.deferred ? 1 : 0)

export function deliveryBytes(entry: Entry, queue: MessageQueue): Buffer {
  const ttl = queue.timeToLiveMs(entry.message)
  const annotations: DeliveryFacts['annotations'] = {
    'x-opt-sequence-number': wrapLong(entry.sequence),
    'x-opt-enqueued-time': codec.wrap_timestamp(entry.enqueuedAt),
    'x-opt-message-state': codec.wrap_int(messageState(entry)),
    ...(entry.lock ? { 'x-opt-locked-until': codec.wrap_timestamp(entry.lock.until) } : {}),
  }
  const timeToLiveMs = Number.isFinite(ttl) ? ttl : undefined
  return writeDelivery(entry.message, { deliveryCount: entry.deliveryCount, timeToLiveMs, annotations })
}
