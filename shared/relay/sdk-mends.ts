/**
 * Two mends of the SDK's AMQP layer, made by importing this: what it leaves to nobody must not end the process.
 *
 * - Of a link that was revived on a new connection and is not attached yet, asking for its address throws. The SDK asks in a
 *   timer and in an abort listener of a put-token request (azure-sdk-for-js #10943; core-amqp 4.4.2).
 * - Closing a link of a dead connection is rejected after a minute. The SDK closes links in timers, too, where nobody hears that
 *   (service-bus 7.9.5, ReceiverHelper.drain); and whoever waits for it can do no more: such a link counts as closed.
 */
import { OperationTimeoutError, Receiver } from 'rhea-promise'

const link = Object.getPrototypeOf(Receiver.prototype)

Object.defineProperty(link, 'address', {
  get(this: Receiver) {
    return this.source?.address
  },
})

const { close } = link
link.close = async function (this: Receiver, ...how: Parameters<Receiver['close']>): Promise<void> {
  try {
    await close.apply(this, how)
  } catch (error) {
    if (!(error instanceof OperationTimeoutError)) throw error
  }
}
