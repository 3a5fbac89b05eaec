/**
 * Values to octets: the responses of RFC 4511 (§4.1.9 LDAPResult, §4.5.2 search, §4.12 extended) and their controls.
 *
 * Entries are encoded one message each; a result always comes last. Nothing here knows what a result means.
 */
import { constructed, integer, octets, universal } from './ber.ts'
import type { AttributeValues, Control, Request } from './codec.ts'
import type { Result } from './result.ts'

/** [APPLICATION n] tags of the responses; a request that has no response is not listed. */
const responseTags: Partial<Record<Request['kind'], number>> = {
  bind: 0x61,
  search: 0x65,
  modify: 0x67,
  add: 0x69,
  delete: 0x6b,
  rename: 0x6d,
  compare: 0x6f,
  extended: 0x78,
}

const ldapMessage = (id: number, operation: Buffer, controls: readonly Control[] = []): Buffer =>
  constructed(universal.sequence, integer(id), operation, ...(controls.length === 0 ? [] : [constructed(0xa0, ...controls.map(control))]))

const control = ({ oid, critical, value }: Control): Buffer =>
  constructed(
    universal.sequence,
    octets(oid),
    ...(critical ? [octets(Buffer.of(0xff), universal.boolean)] : []),
    ...(value === undefined ? [] : [octets(value)]),
  )

const ldapResult = (result: Result): Buffer[] => [
  integer(result.code, universal.enumerated),
  octets(''),
  octets(result.text),
  ...(result.referral === undefined ? [] : [constructed(0xa3, octets(result.referral))]),
]

export function encodeResult(id: number, kind: Request['kind'], result: Result, controls: readonly Control[] = []): Buffer {
  return ldapMessage(id, constructed(responseTags[kind] ?? 0x78, ...ldapResult(result)), controls)
}

export function encodeEntry(id: number, dn: string, attributes: readonly AttributeValues[]): Buffer {
  const list = attributes.map(({ name, values }) =>
    constructed(universal.sequence, octets(name), constructed(universal.set, ...values.map((value) => octets(value)))),
  )
  return ldapMessage(id, constructed(0x64, octets(dn), constructed(universal.sequence, ...list)))
}

/** Notice of Disconnection (RFC 4511 §4.4.1): the one unsolicited message, sent before the server hangs up. */
export function encodeDisconnection(result: Result): Buffer {
  return ldapMessage(0, constructed(0x78, ...ldapResult(result), octets('1.3.6.1.4.1.1466.20036', 0x8a)))
}
