/**
 * Makes ldapts refuse an element that announces more octets than there are. Its reader answers null instead and stays where it
 * is, and its loops over values turn on the spot until an array is full: 14 octets of a bind reply keep a process for six seconds
 * and take 3 GB (ldapts 9.2.0, BindResponse and Attribute). Refused, they end the connection.
 *
 * The outermost element is not read by these two: that more of it is still to come is no error.
 */
import { BerReader } from 'ldapts'

const { readString, readTag } = BerReader.prototype

function whole<T>(found: T | null): T {
  if (found === null) throw new Error('an element announces more than there is')
  return found
}

Object.assign(BerReader.prototype, {
  readString(this: BerReader, ...of: Parameters<typeof readString>) {
    return whole(readString.apply(this, of))
  },
  readTag(this: BerReader, ...of: Parameters<typeof readTag>) {
    return whole(readTag.apply(this, of))
  },
})
