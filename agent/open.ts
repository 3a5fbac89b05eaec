/**
 * From a delivery to an authentic request, or to silence.
 *
 * What cannot be authenticated is `rejected`, always for the same stated reason and whatever was wrong with it: the sender
 * learns nothing. A key that could not be fetched throws KEY_UNAVAILABLE instead, because the message may well be good.
 */
import { type PackageKey, readKeyVersion, rejected } from '../shared/envelope.ts'
import { isFault } from '../shared/fault.ts'
import type { Request } from '../shared/payload.ts'
import type { Delivery } from '../shared/relay/client.ts'
import { idOf, openField, openRequest, probeProof, type SealedField } from '../shared/seal.ts'
import type { Secret } from '../shared/secret.ts'
import type { AgentKeys } from './keys.ts'
import type { Passwords } from './reset.ts'

export interface Opened {
  kind: 'opened'
  id: Buffer
  request: Request
  key: PackageKey
  envelope: Buffer
}

export async function open(
  { messageId, body }: Pick<Delivery, 'messageId' | 'body'>,
  tenantId: Buffer,
  keys: Pick<AgentKeys, 'packageKey' | 'opened'>,
): Promise<Opened | { kind: 'rejected' }> {
  try {
    const id = idOf(messageId)
    if (body === undefined) throw rejected()
    const key = await keys.packageKey(readKeyVersion(body))
    if (key === undefined) throw rejected()
    const request = openRequest(body, key, tenantId, id)
    keys.opened(key.version)
    return { kind: 'opened', id, request, key, envelope: body }
  } catch (error) {
    if (isFault(error, 'ENVELOPE_REJECTED')) return { kind: 'rejected' }
    throw error
  }
}

/** Both of a change, else the new one; undefined when any of them is refused. The caller wipes them. */
export async function openPasswords(
  opened: Pick<Opened, 'request' | 'id'>,
  keys: Pick<AgentKeys, 'decrypt'>,
): Promise<Passwords | undefined> {
  if (opened.request.operation !== 'change') {
    const fresh = await openPassword(opened, 'new', keys)
    return fresh && { fresh }
  }
  const [fresh, old] = await Promise.allSettled([openPassword(opened, 'new', keys), openPassword(opened, 'old', keys)])
  const both = fresh.status === 'fulfilled' && old.status === 'fulfilled'
  if (both && fresh.value && old.value) return { fresh: fresh.value, old: old.value }
  for (const each of [fresh, old]) {
    if (each.status === 'fulfilled') each.value?.wipe()
  }
  for (const each of [fresh, old]) {
    if (each.status === 'rejected') throw each.reason
  }
  return undefined
}

/** A password or probe inside an authentic request, bound to its id or to that of the one it is about; undefined when its blob or its key version is refused. The caller wipes it. */
export async function openPassword(
  { request, id }: Pick<Opened, 'request' | 'id'>,
  field: SealedField,
  keys: Pick<AgentKeys, 'decrypt'>,
): Promise<Secret | undefined> {
  const blob = { new: request.newPassword, old: request.oldPassword, probe: request.probe }[field]
  const { passwordKey } = request
  // A probe is about nobody.
  const sourceAnchor = field === 'probe' ? '' : request.sourceAnchor
  if (!blob || !passwordKey || sourceAnchor === undefined) return undefined
  const plaintext = await keys.decrypt(passwordKey, blob)
  try {
    return plaintext && openField(plaintext, field, request.about ?? id, sourceAnchor)
  } catch (error) {
    if (isFault(error, 'ENVELOPE_REJECTED')) return undefined
    throw error
  }
}

/** The answer to an onboard's probe, which is wiped; undefined when its blob was refused. */
export async function proofOf(opened: Opened, tenantId: Buffer, keys: Pick<AgentKeys, 'decrypt'>): Promise<Buffer | undefined> {
  using probe = await openPassword(opened, 'probe', keys)
  return probe?.use((value) => probeProof(opened.key, tenantId, opened.id, value))
}
