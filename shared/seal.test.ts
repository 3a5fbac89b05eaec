import { constants, generateKeyPairSync, privateDecrypt, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PackageKey } from './envelope.ts'
import type { AgentEvent } from './event.ts'
import { passwordProblem } from './password.ts'
import type { Reply, Request } from './payload.ts'
import {
  idOf,
  messageIdOf,
  newId,
  openEvent,
  openField,
  openReply,
  openRequest,
  probeProof,
  type SealedField,
  sealEvent,
  sealField,
  sealReply,
  sealRequest,
} from './seal.ts'

const rejected = expect.objectContaining({ code: 'ENVELOPE_REJECTED', message: 'ENVELOPE_REJECTED: the message could not be opened' })
const packageKey = (): PackageKey => ({ version: randomBytes(16), bytes: randomBytes(32) })
const key = packageKey()
const tenantId = randomBytes(16)
const id = newId()
const sourceAnchor = 'AAECAwQFBgcICQoLDA0ODw=='

const request: Request = {
  operation: 'reset',
  actor: 'self',
  issuedAt: 1_800_000_000_000,
  startWithinMs: 14_000,
  cloudAnchor: randomBytes(16),
  sourceAnchor,
  passwordKey: randomBytes(16),
  newPassword: randomBytes(256),
  flags: 1,
}
const reply: Reply = { outcome: { kind: 'policy.length', minLength: 14 }, agentId: randomBytes(16), spentMs: [1, 2, 3, 4] }
const event: AgentEvent = {
  kind: 'settled',
  agentId: randomBytes(16),
  bootId: randomBytes(16),
  bootStartedAt: 1_800_000_000_000,
  sequence: 3,
  sentAt: 1_800_000_000_001,
  request: id,
  outcome: { kind: 'superseded' },
}

interface Way {
  seal(key: PackageKey, tenantId: Uint8Array, id: Uint8Array): Buffer
  open(body: Uint8Array, key: PackageKey, tenantId: Uint8Array, id: Uint8Array): unknown
  message: unknown
}
const ways: Record<string, Way> = {
  request: { seal: (...at) => sealRequest(request, ...at), open: openRequest, message: request },
  reply: { seal: (...at) => sealReply(reply, ...at), open: openReply, message: reply },
  event: { seal: (...at) => sealEvent(event, ...at), open: openEvent, message: event },
}
const names = Object.keys(ways)
const way = (name: string): Way => ways[name] ?? expect.fail(name)

describe.each(names)('a sealed %s', (name) => {
  const { seal, open, message } = way(name)
  const body = seal(key, tenantId, id)

  test('opens where it belongs', () => {
    expect(open(body, key, tenantId, id)).toEqual(message)
  })

  test('opens in no other exchange, tenant or direction, and under no other key', () => {
    const other = randomBytes(16)
    expect(() => open(body, key, tenantId, other)).toThrow(rejected)
    expect(() => open(body, key, other, id)).toThrow(rejected)
    expect(() => open(body, packageKey(), tenantId, id)).toThrow(rejected)
    expect(() => open(body, { ...key, bytes: randomBytes(32) }, tenantId, id)).toThrow(rejected)
    expect(() => open(body, { ...key, version: other }, tenantId, id)).toThrow(rejected)
    for (const direction of names.filter((each) => each !== name))
      expect(() => way(direction).open(body, key, tenantId, id)).toThrow(rejected)
  })

  test('tenant and id do not stand for one another', () => {
    expect(() => open(seal(key, id, tenantId), key, tenantId, id)).toThrow(rejected)
  })

  test('with any bit turned over, cut short or lengthened it does not open', () => {
    for (let bit = 0; bit < body.length * 8; bit++) {
      const mutated = Buffer.from(body)
      mutated[bit >> 3] = (mutated[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(() => open(mutated, key, tenantId, id), `bit ${bit}`).toThrow(rejected)
    }
    for (let length = 0; length < body.length; length++)
      expect(() => open(body.subarray(0, length), key, tenantId, id), `${length} bytes`).toThrow(rejected)
    expect(() => open(Buffer.concat([body, Buffer.alloc(1)]), key, tenantId, id)).toThrow(rejected)
  })

  test('no two are alike', () => {
    expect(seal(key, tenantId, id).equals(body)).toBe(false)
  })
})

test('bytes from anywhere do not open, however long', () => {
  const head = sealRequest(request, key, tenantId, id).subarray(0, 45)
  const anything = fc.uint8Array({ maxLength: 2_000 }).chain((tail) => fc.constantFrom(Buffer.from(tail), Buffer.concat([head, tail])))
  fc.assert(
    fc.property(anything, (body) => {
      for (const name of names) expect(() => way(name).open(body, key, tenantId, id)).toThrow(rejected)
    }),
  )
})

describe('ids', () => {
  test('travel as 22 characters and come back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const spelled = messageIdOf(bytes)
        expect(spelled).toMatch(/^[A-Za-z0-9_-]{22}$/)
        expect(idOf(spelled).equals(bytes)).toBe(true)
      }),
    )
  })

  const spelled = messageIdOf(Buffer.alloc(16))
  test.each<[string, unknown]>([
    ['another spelling of the same bytes', `${spelled.slice(0, 21)}B`],
    ['padding', `${spelled}==`],
    ['base64 with its own two letters', `+/${spelled.slice(2)}`],
    ['21 characters', spelled.slice(1)],
    ['23 characters', `${spelled}A`],
    ['a blank inside', ` ${spelled.slice(1)}`],
    ['a number', 22],
    ['bytes', Buffer.alloc(22)],
    ['nothing', undefined],
  ])('%s is none', (_, given) => {
    expect(() => idOf(given)).toThrow(rejected)
  })
})

describe('a password field', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const passwordKey = { version: randomBytes(16), publicKey }
  const decrypt = (blob: Buffer) => privateDecrypt({ key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, blob)
  const seal = (value: string | Buffer, field: SealedField = 'new') =>
    sealField(Buffer.from(value as string), field, passwordKey, id, sourceAnchor)
  const plaintext = decrypt(seal('Quite-Different-77'))

  test('comes back exactly as it was, whatever the password', () => {
    const password = fc.string({ unit: 'grapheme', maxLength: 127 }).filter((typed) => passwordProblem(typed) === undefined)
    fc.assert(
      fc.property(password, fc.constantFrom('new' as const, 'old' as const), (typed, field) => {
        const blob = seal(typed, field)
        expect(blob).toHaveLength(256)
        const opened = openField(decrypt(blob), field, id, sourceAnchor)
        expect(opened.use((value) => value.toString('utf8'))).toBe(typed)
      }),
      { numRuns: 30 },
    )
  })

  test.each<[string, SealedField, Buffer, string]>([
    ['another field', 'old', id, sourceAnchor],
    ['a probe', 'probe', id, sourceAnchor],
    ['another request', 'new', randomBytes(16), sourceAnchor],
    ['another person', 'new', id, 'BAECAwQFBgcICQoLDA0ODw=='],
    ['a person whose anchor begins alike', 'new', id, `${sourceAnchor}A`],
    ['nobody', 'new', id, ''],
  ])('does not fit %s', (_, field, itsId, anchor) => {
    expect(() => openField(Buffer.from(plaintext), field, itsId, anchor)).toThrow(rejected)
  })

  test('no part of the binding may move into what follows it', () => {
    // "new" ‖ id ‖ anchor is hashed without separators: the id has one length, so nothing can be shifted between them.
    const shifted = Buffer.concat([id.subarray(1), Buffer.from(sourceAnchor.slice(0, 1))])
    expect(() => openField(Buffer.from(plaintext), 'new', shifted, sourceAnchor.slice(1))).toThrow(rejected)
  })

  test.each<[string, string | Buffer]>([
    ['nothing', ''],
    ['NUL', 'abc\0def'],
    ['bytes that are no UTF-8', Buffer.from('c328', 'hex')],
    ['a surrogate in UTF-8', Buffer.from('eda080', 'hex')],
    ['an overlong spelling', Buffer.from('c1a1', 'hex')],
    ['128 units', 'a'.repeat(128)],
  ])('that holds %s is refused although it is bound', (_, value) => {
    expect(() => openField(decrypt(seal(value)), 'new', id, sourceAnchor)).toThrow(rejected)
  })

  test('a probe has 32 bytes, of any value', () => {
    const probe = Buffer.alloc(32)
    expect(openField(decrypt(seal(probe, 'probe')), 'probe', id, sourceAnchor).use((value) => value.equals(probe))).toBe(true)
    for (const length of [31, 33])
      expect(() => openField(decrypt(seal(Buffer.alloc(length), 'probe')), 'probe', id, sourceAnchor)).toThrow(rejected)
  })

  test('what was decrypted is zeroed, whether it fits or not', () => {
    const fitting = Buffer.from(plaintext)
    const foreign = Buffer.from(plaintext)
    openField(fitting, 'new', id, sourceAnchor)
    expect(() => openField(foreign, 'old', id, sourceAnchor)).toThrow(rejected)
    for (const bytes of [fitting, foreign]) expect(bytes.every((byte) => byte === 0)).toBe(true)
  })

  test('less than a binding is refused', () => {
    for (const length of [0, 1, 15, 16])
      expect(() => openField(Buffer.from(plaintext.subarray(0, length)), 'new', id, sourceAnchor)).toThrow(rejected)
  })
})

test('the proof of a probe is bound to key, tenant, exchange and probe', () => {
  const probe = randomBytes(32)
  const proof = probeProof(key, tenantId, id, probe)
  expect(proof).toHaveLength(32)
  expect(probeProof(key, tenantId, id, probe).equals(proof)).toBe(true)
  const others = [
    probeProof(packageKey(), tenantId, id, probe),
    probeProof(key, randomBytes(16), id, probe),
    probeProof(key, tenantId, newId(), probe),
    probeProof(key, tenantId, id, randomBytes(32)),
  ]
  for (const other of others) expect(other.equals(proof)).toBe(false)
})
