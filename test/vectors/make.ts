/** `npm run vectors`: writes envelope.json and field.json anew. Same inputs, same bytes: a diff means that the protocol changed. */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { type Direction, sealEnvelope } from '../../shared/envelope.ts'
import { encodeEvent } from '../../shared/event.ts'
import { encodeReply, encodeRequest } from '../../shared/payload.ts'
import type { SealedField } from '../../shared/seal.ts'
import { brokenEnvelopes, brokenPayloads, sealRaw } from './broken.ts'
import type { EnvelopeVectors, FieldVectors, InvalidEnvelope, ValidEnvelope } from './case.ts'
import { toJson } from './json.ts'
import { events, fixed, replies, requests } from './messages.ts'

const tenantId = fixed('tenant', 16)
const keyVersion = fixed('package key version', 16)
const key = fixed('package key', 32)
const exchange = (direction: Direction, id: Buffer) => ({ direction, tenantId, id, keyVersion, key })

function valid<M extends ValidEnvelope['message']>(
  direction: Direction,
  cases: Record<string, [string, M]>,
  encode: (message: M) => Uint8Array,
) {
  return Object.entries(cases).map(([name, [why, message]]): ValidEnvelope => {
    const id = fixed(`id of ${direction} ${name}`, 16)
    const iv = fixed(`iv of ${direction} ${name}`, 12)
    const payload = Buffer.from(encode(message))
    const envelope = sealEnvelope(payload, { version: keyVersion, bytes: key }, { direction, tenantId, id }, iv)
    return { name: `${direction}: ${name}`, why, ...exchange(direction, id), iv, message, payload, envelope }
  })
}

const goodOnes = [
  ...valid('request', requests, encodeRequest),
  ...valid('reply', replies, encodeReply),
  ...valid('event', events, encodeEvent),
]

function invalid(): InvalidEnvelope[] {
  const good = goodOnes[0] as ValidEnvelope
  const { direction, id, envelope } = good
  const same = exchange(direction, id)
  const header = envelope.subarray(0, 45)
  return [
    ...Object.entries(brokenEnvelopes).map(([name, [why, edit]]) => ({ name, why, ...same, envelope: Buffer.from(edit(envelope)) })),
    { name: 'another tenant', why: 'bound to its tenant', ...same, tenantId: fixed('other tenant', 16), envelope },
    { name: 'another id', why: 'bound to its request', ...same, id: fixed('other id', 16), envelope },
    { name: 'another key', why: 'same version, other bytes', ...same, key: fixed('other key', 32), envelope },
    { name: 'request as reply', why: 'bound to its direction', ...same, direction: 'reply', envelope },
    { name: 'request as event', why: 'bound to its direction', ...same, direction: 'event', envelope },
    ...Object.entries(brokenPayloads).map(([name, [why, to, payload]]) => ({
      name,
      why,
      ...exchange(to, id),
      envelope: sealRaw(header, payload, key, { direction: to, tenantId, id }),
    })),
  ]
}

const anchor = 'AAECAwQFBgcICQoLDA0ODw=='
const id = fixed('field id', 16)
/** Written out here rather than imported: the vectors must not follow a mistake in the code they test. */
const binding = (field: string, to = id, of = anchor) =>
  createHash('sha256').update(`password-writeback/1/${field}`).update(to).update(of).digest().subarray(0, 16)
/** A probe is about nobody: an empty source anchor. */
const anchorOf = (kind: SealedField) => (kind === 'probe' ? '' : anchor)
const field = (name: string, why: string, value: Buffer | string, kind: SealedField = 'new', bound = binding(kind, id, anchorOf(kind))) => {
  const bytes = Buffer.from(value as string)
  return { name, why, field: kind, id, sourceAnchor: anchorOf(kind), plaintext: Buffer.concat([bound, bytes]), value: bytes }
}
const refused = (...args: Parameters<typeof field>) => (({ value: _, ...rest }) => rest)(field(...args))

const fields: FieldVectors = {
  valid: [
    field('plain', 'letters and digits', 'Correct-Horse-7'),
    field('one byte', 'the shortest; policy is another matter', 'x'),
    field('emoji', 'outside the basic plane', '🐎🔋📎 Ünïcödé'),
    field('quotes', 'nothing is escaped on the way', `"'\\"`),
    field('spaces', 'not trimmed', '  two spaces  '),
    field('decomposed', 'not normalised: e followed by a combining accent', 'e\u0301'),
    field('127 units', 'the longest in UTF-16 units', 'a'.repeat(127)),
    field('174 bytes', 'the longest in bytes: 87 two-byte letters', 'é'.repeat(87)),
    field('old', 'the current password of a change', 'Correct-Horse-7', 'old'),
    field('probe', '32 random bytes', fixed('probe', 32), 'probe'),
  ],
  invalid: [
    refused('bound as old', "another field's blob", 'Correct-Horse-7', 'new', binding('old')),
    refused('bound to another request', 'moved from another message', 'Correct-Horse-7', 'new', binding('new', fixed('other', 16))),
    refused('bound to another person', 'moved from another anchor', 'Correct-Horse-7', 'new', binding('new', id, 'AAAA')),
    refused('no value', 'an empty password', ''),
    refused('NUL', 'the directory would take it and it would never work', 'a\0b'),
    refused('not UTF-8', 'a lone continuation byte', Buffer.from([0x61, 0x80])),
    refused('surrogate in UTF-8', 'CESU-8 is not UTF-8', Buffer.from([0xed, 0xa0, 0x80])),
    refused('128 units', 'one too many', 'a'.repeat(128)),
    refused('short probe', '31 bytes', fixed('probe', 31), 'probe'),
    { ...refused('cut binding', 'shorter than its binding', ''), plaintext: binding('new').subarray(0, 15) },
  ],
}

const write = (file: string, vectors: EnvelopeVectors | FieldVectors) =>
  writeFileSync(new URL(file, import.meta.url), `${toJson(vectors)}\n`)
write('envelope.json', { valid: goodOnes, invalid: invalid() })
write('field.json', fields)
