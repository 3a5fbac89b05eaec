/**
 * The invalid messages. Two ways to be wrong: bytes around an intact seal (`broken envelopes`), and a payload sealed as it
 * should be by somebody who holds the key but breaks the rules (`broken payloads`, given as CBOR hex edits or maps).
 */
import { decode, encode } from 'cborg'
import { aeadSeal, type Direction, encStructure, exchangeKey } from '../../shared/envelope.ts'
import { encodeEvent } from '../../shared/event.ts'
import { encodeReply, encodeRequest } from '../../shared/payload.ts'
import { events, fixed, replies, requests } from './messages.ts'

type Edit = (bytes: Buffer) => Uint8Array
const flip =
  (at: number): Edit =>
  (b) =>
    Buffer.from(b.map((byte, i) => (i === (at < 0 ? b.length + at : at) ? byte ^ 1 : byte)))
const put =
  (at: number, hex: string, drop: number): Edit =>
  (b) =>
    Buffer.concat([b.subarray(0, at), Buffer.from(hex, 'hex'), b.subarray(at + drop)])

/** Applied to the good reset's envelope. */
export const brokenEnvelopes: Record<string, [why: string, Edit]> = {
  empty: ['nothing there', () => Buffer.alloc(0)],
  cut: ['one byte is missing at the end', (b) => b.subarray(0, -1)],
  'trailing byte': ['one byte too many', (b) => Buffer.concat([b, Buffer.of(0)])],
  'header only': ['no ciphertext', (b) => b.subarray(0, 45)],
  'other tag': ['tag 17 is COSE_Mac0', put(0, 'd1', 1)],
  'no tag': ['the tag is not optional here', (b) => b.subarray(1)],
  'array of four': ['COSE_Encrypt0 has three', put(1, '84', 1)],
  'other algorithm': ['A128GCM named in the header', put(6, '01', 1)],
  'other version': ['typ says pw2', put(29, '32', 1)],
  'long head of kid': ['the same length in a longer spelling', put(8, '5810', 1)],
  'long head of protected': ['59 00 1a instead of 58 1a', put(2, '59001a', 2)],
  'iv of 13 bytes': ['GCM is used with 96 bits', (b) => put(32, '4d00', 1)(b)],
  'second unprotected header': ['only the iv may stand there', put(30, 'a2', 1)],
  'long head of ciphertext': ['5a 0000 nnnn instead of 59 nnnn', (b) => put(45, `5a0000${b.subarray(46, 48).toString('hex')}`, 3)(b)],
  'indefinite ciphertext': [
    'indefinite lengths are refused',
    (b) => Buffer.concat([put(45, `5f59${b.subarray(46, 48).toString('hex')}`, 3)(b), Buffer.of(0xff)]),
  ],
  'wrong length': ['the head promises one byte less', (b) => put(45, `59${(b.readUInt16BE(46) - 1).toString(16).padStart(4, '0')}`, 3)(b)],
  'kid of another key': ['authenticated by the header', flip(12)],
  'iv changed': ['the tag does not fit', flip(40)],
  'ciphertext changed': ['the tag does not fit', flip(60)],
  'tag changed': ['the tag does not fit', flip(-1)],
  'over 1,024 bytes': ['refused before anything else', (b) => Buffer.concat([b, Buffer.alloc(1024)])],
}

const mapOf = (bytes: Uint8Array, change: (map: Map<number, unknown>) => void): Uint8Array => {
  const map = new Map<number, unknown>()
  for (const [key, value] of Object.entries(decodePlain(bytes))) map.set(Number(key), value)
  change(map)
  return encode(map)
}

const decodePlain = (bytes: Uint8Array): Record<string, unknown> =>
  Object.fromEntries(decode(bytes, { useMaps: true }) as Map<number, unknown>)

const good = {
  request: Buffer.from(encodeRequest((requests['reset'] as (typeof requests)[string])[1])),
  reply: Buffer.from(encodeReply((replies['done'] as (typeof replies)[string])[1])),
  event: Buffer.from(encodeEvent((events['first heartbeat'] as (typeof events)[string])[1])),
  settled: Buffer.from(encodeEvent((events['settled as done'] as (typeof events)[string])[1])),
  stopping: Buffer.from(encodeEvent((events['stopping'] as (typeof events)[string])[1])),
}
const set = (bytes: Uint8Array, key: number, value: unknown) => mapOf(bytes, (map) => map.set(key, value))
const unset = (bytes: Uint8Array, key: number) => mapOf(bytes, (map) => map.delete(key))
const domain = [fixed('d', 8), true, [1, 1, true, 1]]

export const brokenPayloads: Record<string, [why: string, Direction, Uint8Array]> = {
  'payload is an array': ['a map is expected', 'request', encode([1, 2, 3, 4, 5, 6, 7, 8])],
  'payload with trailing byte': ['nothing may follow the map', 'request', Buffer.concat([good.request, Buffer.of(0)])],
  'payload cut': ['CBOR ends early', 'request', good.request.subarray(0, -1)],
  'indefinite map': [
    'indefinite lengths are refused',
    'request',
    Buffer.concat([Buffer.of(0xbf), good.request.subarray(1), Buffer.of(0xff)]),
  ],
  'duplicate key': [
    'key 1 twice',
    'request',
    Buffer.concat([Buffer.of((good.request[0] ?? 0) + 1), good.request.subarray(1), Buffer.from('0100', 'hex')]),
  ],
  'keys out of order': [
    'deterministic encoding sorts them',
    'request',
    Buffer.concat([good.request.subarray(0, 1), good.request.subarray(3, 13), good.request.subarray(1, 3), good.request.subarray(13)]),
  ],
  'long integer': [
    'operation 0 as 18 00',
    'request',
    Buffer.concat([good.request.subarray(0, 2), Buffer.from('1800', 'hex'), good.request.subarray(3)]),
  ],
  'unknown key': ['99 means nothing', 'request', set(good.request, 99, 1)],
  'no operation': ['required', 'request', unset(good.request, 1)],
  'unknown operation': ['there are seven', 'request', set(good.request, 1, 7)],
  'negative operation': ['unsigned', 'request', set(good.request, 1, -1)],
  'operation as text': ['numbers only', 'request', set(good.request, 1, 'reset')],
  'issued at with a fraction': ['whole milliseconds', 'request', set(good.request, 2, 1.5)],
  'issued at beyond 2^53': ['not a time', 'request', set(good.request, 2, 2n ** 63n)],
  'start within too long': ['over ten minutes', 'request', set(good.request, 3, 600_001)],
  'cloud anchor of 15 bytes': ['a GUID has 16', 'request', set(good.request, 4, fixed('x', 15))],
  'cloud anchor as text': ['raw bytes only', 'request', set(good.request, 4, 'x'.repeat(16))],
  'no cloud anchor': ['a reset names its person', 'request', unset(good.request, 4)],
  'empty source anchor': ['1 to 64 bytes', 'request', set(good.request, 5, '')],
  'source anchor of 65 bytes': ['1 to 64 bytes', 'request', set(good.request, 5, 'a'.repeat(65))],
  'no password key': ['a blob without its key version', 'request', unset(good.request, 6)],
  'blob of 255 bytes': ['RSA-2048 gives 256', 'request', set(good.request, 7, fixed('x', 255))],
  'reset without password': ['nothing to set', 'request', unset(good.request, 7)],
  'reset with old password': ['that would be a change', 'request', set(good.request, 8, fixed('x', 256))],
  'change without old password': ['it never falls back to a reset', 'request', set(good.request, 1, 1)],
  'check with a password': ['it carries none', 'request', set(good.request, 1, 4)],
  'onboard with a person': ['it names nobody', 'request', set(set(unset(good.request, 7), 1, 5), 9, fixed('x', 256))],
  'unknown flag': ['two are defined', 'request', set(good.request, 10, 4)],
  'unknown actor': ['two are defined', 'request', set(good.request, 11, 2)],
  'trace of 24 bytes': ['16 + 8 + 1', 'request', set(good.request, 12, fixed('x', 24))],
  'null instead of absent': ['absent means absent', 'request', set(good.request, 12, null)],
  'unknown outcome': ['25 are defined', 'reply', set(good.reply, 1, 25)],
  'length without its number': ['policy.length has a detail', 'reply', set(good.reply, 1, 1)],
  'done with a detail': ['done has none', 'reply', set(good.reply, 2, 1)],
  'unknown link condition': ['there are four', 'reply', set(set(good.reply, 1, 10), 2, 4)],
  'three times': ['four are told', 'reply', set(good.reply, 4, [1, 2, 3])],
  'policy with a fifth fact': ['four are told', 'reply', set(good.reply, 5, [1, 1, true, 1, 1])],
  'proof of 31 bytes': ['HMAC-SHA-256 has 32', 'reply', set(good.reply, 6, fixed('x', 31))],
  'unknown event': ['three are defined', 'event', set(good.event, 1, 3)],
  'six domains': ['five per heartbeat', 'event', set(good.event, 12, [domain, domain, domain, domain, domain, domain])],
  'three key versions': ['two, during a rollover', 'event', set(good.event, 9, [fixed('a', 16), fixed('b', 16), fixed('c', 16)])],
  'version of 17 bytes': ['at most 16', 'event', set(good.event, 7, '1'.repeat(17))],
  'five counters': ['six are told', 'event', set(good.event, 13, [1, 2, 3, 4, 5])],
  'stopping with a counter': ['it carries nothing', 'event', set(good.stopping, 13, [1, 2, 3, 4, 5, 6])],
  'settled without request': ['what was settled?', 'event', unset(good.settled, 14)],
}

/** Seals what our own code would refuse to write, or under a header it would not make. */
export function sealRaw(
  header: Buffer,
  payload: Uint8Array,
  key: Buffer,
  exchange: { direction: Direction; tenantId: Buffer; id: Buffer },
): Buffer {
  const external = encode([1, exchange.direction, exchange.tenantId, exchange.id])
  const sealed = aeadSeal(exchangeKey(key, exchange), header.subarray(-12), encStructure(header.subarray(4, 30), external), payload)
  const head = sealed.length < 256 ? Buffer.of(0x58, sealed.length) : Buffer.of(0x59, sealed.length >> 8, sealed.length & 255)
  return Buffer.concat([header, head, sealed])
}
