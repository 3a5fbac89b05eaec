/**
 * Two mends of the SDK's AMQP layer, made by importing this: what it leaves to nobody must not end the process.
 *
 * - Of a link that was revived on a new connection and is not attached yet, asking for its address throws. The SDK asks in a
 *   timer and in an abort listener of a put-token request (azure-sdk-for-js #10943; core-amqp 4.4.2).
 * - A link whose opening is given up is closed without waiting (service-bus 7.9.5, LinkEntity), and on a dead connection that
 *   ends a minute later in a rejection that nobody handles. Whoever does wait still gets it.
 */
import { Receiver } from 'rhea-promise'

const link = Object.getPrototypeOf(Receiver.prototype)

Object.defineProperty(link, 'address', {
  get(this: Receiver) {
    return this.source?.address
  },
})

const { close } = link
link.close = function (this: Receiver, ...how: Parameters<Receiver['close']>) {
  const closing: Promise<void> = close.apply(this, how)
  closing.catch(() => {})
  return closing
}
