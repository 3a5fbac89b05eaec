/** The shape of the vectors in envelope.json and field.json; every input (keys, ids, ivs, clocks) stands in the case. */
import type { Direction } from '../../shared/envelope.ts'
import type { AgentEvent } from '../../shared/event.ts'
import type { Reply, Request } from '../../shared/payload.ts'
import type { SealedField } from '../../shared/seal.ts'

export interface Exchanged {
  direction: Direction
  tenantId: Buffer
  id: Buffer
  keyVersion: Buffer
  key: Buffer
}

export interface ValidEnvelope extends Exchanged {
  name: string
  why: string
  iv: Buffer
  message: Request | Reply | AgentEvent
  payload: Buffer
  envelope: Buffer
}

export interface InvalidEnvelope extends Exchanged {
  name: string
  why: string
  envelope: Buffer
}

export interface EnvelopeVectors {
  valid: ValidEnvelope[]
  invalid: InvalidEnvelope[]
}

/** `plaintext` is what RSA-OAEP-256 gives back; `value` is there when it opens. */
export interface FieldCase {
  name: string
  why: string
  field: SealedField
  id: Buffer
  sourceAnchor: string
  plaintext: Buffer
  value?: Buffer
}

export interface FieldVectors {
  valid: FieldCase[]
  invalid: FieldCase[]
}
