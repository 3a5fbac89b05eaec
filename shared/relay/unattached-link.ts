/**
 * A mend of the SDK's AMQP layer, made by importing this.
 *
 * Of a link that was revived on a new connection and is not attached yet, asking for its address throws. The SDK asks in a
 * timer and in an abort listener of a put-token request, where that ends the process (azure-sdk-for-js #10943; core-amqp 4.4.2).
 */
import { Receiver } from 'rhea-promise'

Object.defineProperty(Object.getPrototypeOf(Receiver.prototype), 'address', {
  get(this: Receiver) {
    return this.source?.address
  },
})
