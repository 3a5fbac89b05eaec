/**
 * The write: one modify sets the password and lifts the lock-out, or nothing happens (RFC 4511 section 4.6: atomic).
 *
 * - `unicodePwd` is replaced by the new password in double quotes, UTF-16LE ([MS-ADTS] 3.1.1.3.1.5.1).
 * - The policy-hints control makes a reset keep to password history ([MS-ADTS] 3.1.1.3.4.1.27). It is critical: a server
 *   that does not know it refuses instead of ignoring it.
 * - `mayBegin` is asked in the same turn in which the modify goes to an open, bound connection: nothing can come between
 *   the last check of a message's age and the write. false: nothing was sent and nothing will be.
 * - "Must change at next sign-in" is a second modify: together with the hints a server refuses it as too young (Samba).
 */
import { transcode } from 'node:buffer'
import { Attribute, Ber, type BerWriter, Change, Control } from 'ldapts'
import { Fault, isFault } from '../../shared/fault.ts'
import type { Secret } from '../../shared/secret.ts'
import type { User } from './account.ts'
import type { Connection, WriteResult } from './connection.ts'
import type { Pdc } from './pdc.ts'
import type { Refusal } from './refusal.ts'
import { guidDn } from './rows.ts'

export interface Extras {
  unlock: boolean
  mustChange: boolean
}

/** `extrasRefused`: the password is set, and "must change" was refused afterwards (a right is missing). */
export type SetResult = WriteResult | { kind: 'done'; extrasRefused: Refusal }

/** Throws DIRECTORY_UNAVAILABLE (nothing was written) or DIRECTORY_WRITE_IN_DOUBT. */
export async function setPassword(
  { connection, hintsOid }: Pdc,
  user: User,
  password: Secret,
  { unlock, mustChange }: Extras,
  mayBegin: () => boolean,
): Promise<SetResult> {
  const value = quotedUtf16(password)
  try {
    const changes = [replace(new SecretAttribute('unicodePwd', value)), ...(unlock ? [unlocked()] : [])]
    const hints = new PolicyHints(hintsOid)
    const result = await connection.write(async (client) => {
      if (!mayBegin()) return { kind: 'notBegun' }
      await client.modify(guidDn(user.guid), changes, hints)
      return { kind: 'done' }
    })
    if (result.kind !== 'done' || !mustChange) return result
  } finally {
    value.fill(0)
  }
  return finishAfterSet(connection, user)
}

/**
 * A change proves the old password: delete the old value, add the new one, in one modify ([MS-ADTS] 3.1.1.3.1.5.2). The server
 * keeps to the policy by itself; there is nothing to hint. A wrong old password counts towards the person's lock-out.
 */
export async function changePassword(
  { connection }: Pdc,
  user: User,
  { old, fresh }: { old: Secret; fresh: Secret },
  { unlock, mustChange }: Extras,
  mayBegin: () => boolean,
): Promise<SetResult> {
  const [oldValue, newValue] = [quotedUtf16(old), quotedUtf16(fresh)]
  try {
    const passwords = [
      new Change({ operation: 'delete', modification: new SecretAttribute('unicodePwd', oldValue) }),
      new Change({ operation: 'add', modification: new SecretAttribute('unicodePwd', newValue) }),
    ]
    const result = await connection.write(async (client) => {
      if (!mayBegin()) return { kind: 'notBegun' }
      await client.modify(guidDn(user.guid), [...passwords, ...(unlock ? [unlocked()] : [])])
      return { kind: 'done' }
    })
    if (result.kind !== 'done' || !mustChange) return result
  } finally {
    for (const value of [oldValue, newValue]) value.fill(0)
  }
  return finishAfterSet(connection, user)
}

/** Only the extras: what a redelivery may still have to do, and "unlock without a reset". Doing it twice changes nothing more. */
export async function finish(connection: Connection, user: User, extras: Extras, mayBegin: () => boolean): Promise<WriteResult> {
  const changes = [...(extras.unlock ? [unlocked()] : []), ...(extras.mustChange ? [changeRequired()] : [])]
  if (changes.length === 0) return { kind: 'done' }
  return connection.write(async (client) => {
    if (!mayBegin()) return { kind: 'notBegun' }
    await client.modify(guidDn(user.guid), changes)
    return { kind: 'done' }
  })
}

/** The password is set: whatever happens now, "nothing was written" would be untrue. */
async function finishAfterSet(connection: Connection, user: User): Promise<SetResult> {
  const result = await finish(connection, user, { unlock: false, mustChange: true }, () => true).catch((error: unknown) => {
    if (!isFault(error, 'DIRECTORY_UNAVAILABLE')) throw error
    throw new Fault('DIRECTORY_WRITE_IN_DOUBT', 'the connection was lost between the password and "must change"', { cause: error })
  })
  if (result.kind !== 'refused') return result
  const { kind: _, ...extrasRefused } = result
  return { kind: 'done', extrasRefused }
}

const replace = (modification: Attribute) => new Change({ operation: 'replace', modification })
const unlocked = () => replace(new Attribute({ type: 'lockoutTime', values: ['0'] }))
const changeRequired = () => replace(new Attribute({ type: 'pwdLastSet', values: ['0'] }))

/** The caller zeroes the result. No string is made on the way: it could not be zeroed. */
export function quotedUtf16(password: Secret): Buffer {
  const inner = password.use((utf8) => transcode(utf8, 'utf8', 'utf16le'))
  const quoted = Buffer.alloc(inner.length + 4)
  quoted.writeUInt16LE(0x22, 0)
  inner.copy(quoted, 2)
  quoted.writeUInt16LE(0x22, quoted.length - 2)
  inner.fill(0)
  return quoted
}

/** ldapts writes every message as JSON for its debug log, even when that is off: this one shows no value. */
class SecretAttribute extends Attribute {
  constructor(type: string, value: Buffer) {
    super({ type, values: [value] })
  }

  toJSON(): string {
    return '[secret]'
  }
}

/** Value: SEQUENCE { INTEGER 1 }. */
const hintsValue = Buffer.from('3003020101', 'hex')

class PolicyHints extends Control {
  constructor(oid: string) {
    super(oid, { critical: true })
  }

  protected override writeControl(writer: BerWriter): void {
    writer.writeBuffer(hintsValue, Ber.OctetString)
  }
}
