/**
 * What `npm run bench -- fuzz` puts on the queue, and what has to become of it.
 *
 * Three kinds of sender: one who has the queue alone (bytes, and captured requests in every bent form), one who has the
 * package key as well (authentic, but malformed), and one who breaks no rule of form (authentic, and about nobody, or with a password
 * that does not open). None of them may get a password set.
 */
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { type Exchange, maxEnvelopeBytes, type PackageKey, sealEnvelope } from '../shared/envelope.ts'
import type { OutcomeKind } from '../shared/outcome.ts'
import { decodeRequest, encodeRequest, flags, type Request } from '../shared/payload.ts'
import { messageIdOf, newId, type PasswordKey, sealField, sealRequest } from '../shared/seal.ts'
import { anyBytes, bent, distorted, hostileCbor, hostileText } from '../test/hostile.ts'

export interface Captured {
  messageId: string
  body: Buffer
}

export interface Material {
  tenantId: Buffer
  packageKey: PackageKey
  passwordKey: PasswordKey
  /** Source anchors of people who are there. */
  anchors: readonly string[]
  /** Genuine requests that have been answered, newest last. */
  captured: readonly Captured[]
}

export interface Envelope {
  kind: string
  messageId: string
  body: unknown
  /** Another section of AMQP than data. */
  bodyType?: 'value' | 'sequence'
  asked: boolean
  /** Nothing, or one of these answers. */
  expect: 'silence' | readonly OutcomeKind[]
}

type Drawn = Omit<Envelope, 'kind'>
type Kinds = Record<string, { weight: number; arbitrary: fc.Arbitrary<Drawn> }>

export function envelopes(of: Material): fc.Arbitrary<Envelope> {
  const kinds: Kinds = { ...fromTheQueue(of), ...malformed(of), ...pointless(of) }
  return fc.oneof(
    ...Object.entries(kinds).map(([kind, { weight, arbitrary }]) => ({
      weight,
      arbitrary: arbitrary.map((each): Envelope => ({ kind, ...each })),
    })),
  )
}

const silent = (body: unknown, messageId = messageIdOf(newId())): Drawn => ({
  messageId,
  body,
  asked: true,
  expect: 'silence',
})
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const respelled = (id: string) => id.slice(0, -1) + alphabet[alphabet.indexOf(id.slice(-1)) ^ 1]

/** Whoever reads and writes the queue, and has no key. */
function fromTheQueue({ captured }: Material): Kinds {
  const one = fc.constantFrom(...captured)
  const [first, ...more] = captured.map(({ body }) => body) as [Buffer, ...Buffer[]]
  const otherKid = (body: Buffer) => Buffer.concat([body.subarray(0, 9), randomBytes(16), body.subarray(25)])
  const otherBody = fc.oneof(
    hostileText(2_000),
    fc.json(),
    anyBytes(100).map((bytes) => [...bytes]),
    fc.constantFrom(null, 0, true, {}),
  )
  return {
    'random bytes': { weight: 15, arbitrary: anyBytes(1_100).map((body) => silent(body)) },
    'a real header, random behind': {
      weight: 8,
      arbitrary: fc.tuple(one, anyBytes(980)).map(([{ body }, tail]) => silent(Buffer.concat([body.subarray(0, 45), tail]))),
    },
    'bent, its own id respelled': {
      weight: 10,
      arbitrary: fc.tuple(one, bent(first, ...more)).map(([{ messageId }, body]) => silent(body, respelled(messageId))),
    },
    bent: { weight: 25, arbitrary: bent(first, ...more).map((body) => silent(body)) },
    'another key version': { weight: 4, arbitrary: one.map(({ body }) => silent(otherKid(body))) },
    'replayed under a new id': { weight: 6, arbitrary: one.map(({ body }) => silent(body)) },
    'replayed under its id': {
      weight: 3,
      arbitrary: one.map(({ messageId, body }) => silent(body, messageId)),
    },
    'replayed under its id, respelled': {
      weight: 3,
      arbitrary: fc
        .tuple(one, fc.nat(1_000_000))
        .map(([{ messageId, body }, n]) => silent(body, `${respelled(messageId)}${'='.repeat(n % 3)} ${n}`)),
    },
    'an id that is none': {
      weight: 4,
      arbitrary: fc.tuple(one, hostileText(90)).map(([{ body }, text]) => silent(body, `${text.slice(0, 90)}${messageIdOf(newId())}`)),
    },
    'a body that is no bytes': {
      weight: 4,
      arbitrary: fc.tuple(otherBody, fc.constantFrom(undefined, 'value', 'sequence')).map(([body, bodyType]) => ({
        ...silent(bodyType === 'sequence' ? [[body]] : body),
        ...(bodyType && { bodyType: bodyType as 'value' | 'sequence' }),
      })),
    },
    'very large': {
      weight: 1,
      arbitrary: fc.tuple(one, fc.nat(4_000)).map(([{ body }, n]) => silent(Buffer.concat([body, Buffer.alloc(n, 0x5b)]))),
    },
  }
}

/** Whoever has the package key, and writes what our own code would not. */
function malformed({ tenantId, packageKey, anchors }: Material): Kinds {
  const sealed = (payload: Uint8Array, change: Partial<Exchange> = {}): Drawn => {
    const id = newId()
    const exchange = { direction: 'request', tenantId, id, ...change } as const
    const body = sealEnvelope(payload, packageKey, exchange, randomBytes(12))
    const opens = Object.keys(change).length === 0 && body.length <= maxEnvelopeBytes && isRequest(payload)
    return { ...silent(body, messageIdOf(id)), expect: opens ? ['rejected', 'clockUnsure', 'notLinked', 'userNotFound'] : 'silence' }
  }
  const good = Buffer.from(encodeRequest(requestOf(anchors[0] ?? '', { newPassword: randomBytes(256), passwordKey: randomBytes(16) })))
  const payload = fc.oneof(
    { weight: 4, arbitrary: distorted(good) },
    { weight: 2, arbitrary: bent(good) },
    { weight: 2, arbitrary: hostileCbor },
    { weight: 1, arbitrary: anyBytes(900) },
  )
  const elsewhere = [{ direction: 'reply' }, { direction: 'event' }, { tenantId: randomBytes(16) }, { id: randomBytes(16) }] as const
  return {
    'authentic, malformed': { weight: 10, arbitrary: payload.map((bytes) => sealed(bytes)) },
    'authentic, from elsewhere': { weight: 2, arbitrary: fc.constantFrom(...elsewhere).map((change) => sealed(good, change)) },
    'authentic, nobody to answer': {
      weight: 1,
      arbitrary: fc.constant(good).map((bytes): Drawn => ({ ...sealed(bytes), asked: false, expect: 'silence' })),
    },
  }
}

/** Whoever has the package key and keeps to the form: answered, and nothing more. */
function pointless({ tenantId, packageKey, passwordKey, anchors }: Material): Kinds {
  const request = (expect: readonly OutcomeKind[], sourceAnchor: string, change: (id: Buffer) => Partial<Request>): Drawn => {
    const id = newId()
    const body = sealRequest(requestOf(sourceAnchor, change(id)), packageKey, tenantId, id)
    return { ...silent(body, messageIdOf(id)), expect }
  }
  const known = { passwordKey: Buffer.from(passwordKey.version) }
  const somebody = fc.constantFrom(...anchors)
  const blobOf = (value: Buffer, id: Buffer, anchor: string) => sealField(value, 'new', passwordKey, id, anchor)
  const nobody = fc
    .oneof(
      hostileText(60),
      anyBytes(16).map((bytes) => bytes.toString('base64')),
    )
    .filter((text) => /^[^\ufeff]/.test(text) && text.isWellFormed() && Buffer.byteLength(text) <= 64)
  return {
    'authentic, blob of random bytes': {
      weight: 3,
      arbitrary: somebody.map((anchor) => request(['rejected'], anchor, () => ({ ...known, newPassword: randomBytes(256) }))),
    },
    'authentic, blob of another request or person': {
      weight: 2,
      arbitrary: somebody.map((anchor) =>
        request(['rejected'], anchor, () => ({ ...known, newPassword: blobOf(Buffer.from('Not-For-This-1'), newId(), anchor) })),
      ),
    },
    'authentic, no password in the blob': {
      weight: 2,
      arbitrary: fc.tuple(somebody, anyBytes(174)).map(([anchor, bytes]) =>
        request(['rejected'], anchor, (id) => ({
          ...known,
          newPassword: blobOf(Buffer.concat([bytes, Buffer.of(0)]).subarray(-174), id, anchor),
        })),
      ),
    },
    'authentic, another password key': {
      weight: 1,
      arbitrary: somebody.map((anchor) =>
        request(['rejected'], anchor, () => ({ passwordKey: randomBytes(16), newPassword: randomBytes(256) })),
      ),
    },
    'authentic, at another time': {
      weight: 2,
      arbitrary: fc
        .tuple(somebody, fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, Date.now() - 120_000, Date.now() + 180_000)))
        .map(([anchor, issuedAt]) =>
          request(['clockUnsure'], anchor, (id) => ({
            ...known,
            issuedAt,
            newPassword: blobOf(Buffer.from('In-Good-Time-1'), id, anchor),
          })),
        ),
    },
    'authentic, about nobody': {
      weight: 2,
      arbitrary: nobody.map((anchor) =>
        request(['userNotFound'], anchor, (id) => ({ ...known, newPassword: blobOf(Buffer.from('For-Nobody-1'), id, anchor) })),
      ),
    },
    'authentic, an operation that is not done': {
      weight: 1,
      arbitrary: fc.constantFrom('onboard', 'offboard').map((operation) => {
        const id = newId()
        const { issuedAt, startWithinMs } = requestOf('', {})
        const probe = operation === 'onboard' && { ...known, probe: randomBytes(256) }
        const body = sealRequest({ operation, actor: 'admin', issuedAt, startWithinMs, flags: 0, ...probe }, packageKey, tenantId, id)
        return { ...silent(body, messageIdOf(id)), expect: ['rejected'] }
      }),
    },
  }
}

const requestOf = (sourceAnchor: string, change: Partial<Request>): Request => ({
  operation: 'reset',
  actor: 'self',
  issuedAt: Date.now(),
  startWithinMs: 14_000,
  cloudAnchor: randomBytes(16),
  sourceAnchor,
  flags: flags.unlock,
  ...change,
})

function isRequest(payload: Uint8Array): boolean {
  try {
    decodeRequest(payload)
    return true
  } catch {
    return false
  }
}
