/**
 * Sets a password in the cloud directory: for whoever has one there alone, and behind a password that was set on-premises.
 *
 * Needs the optional permission User-PasswordProfile.ReadWrite.All. The password goes into one buffer that is zeroed when the call has
 * ended; what TLS and the HTTP client copied of it cannot be (SECURITY.md). Source: learn.microsoft.com/graph/api/user-update.
 */
import { faultWord } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import type { Outcome } from '../../shared/outcome.ts'
import type { Secret } from '../../shared/secret.ts'
import type { Graph } from './graph.ts'

export interface NewCloudPassword {
  personId: string
  password: Secret
  mustChange: boolean
}

export interface CloudPasswords {
  /** For whoever has no other password. An answer that was lost is `unknown`, and stays it: nobody here can look. */
  alone(wanted: NewCloudPassword, deadline: AbortSignal): Promise<Outcome>
  /** Behind on-premises, which has it already: `doneCloudPending` for whatever is not a clear yes, which is the usual case. */
  behind(wanted: NewCloudPassword, deadline: AbortSignal): Promise<Outcome>
}

export function openCloudPasswords(graph: Pick<Graph, 'change'>, log: Log): CloudPasswords {
  async function put({ personId, password, mustChange }: NewCloudPassword, deadline: AbortSignal): Promise<number> {
    const body = password.use((value) => profileOf(value, mustChange))
    try {
      return (await graph.change(`users/${personId}`, body, deadline)).status
    } catch (error) {
      log('cloudPasswordFailed', { person: personId, fault: faultWord(error) })
      return 0
    } finally {
      body.fill(0)
    }
  }
  return {
    async alone(wanted, deadline) {
      const status = await put(wanted, deadline)
      return status === 204 ? { kind: 'done' } : { kind: refusals[status] ?? 'unknown' }
    },
    async behind(wanted, deadline) {
      const status = await put(wanted, deadline)
      if (status === 204) return { kind: 'done' }
      log('cloudPasswordPending', { person: wanted.personId, status })
      return { kind: 'doneCloudPending' }
    },
  }
}

/** Answers after which the password is certainly the old one. Which of its rules it was, Graph says in words alone. */
const refusals: Readonly<Record<number, 'policy.filter' | 'cloudOnly' | 'userNotFound' | 'busy' | 'permissionDenied'>> = {
  400: 'policy.filter',
  401: 'permissionDenied',
  // The permission was not granted, or the person is an administrator, whom no application resets.
  403: 'cloudOnly',
  404: 'userNotFound',
  429: 'busy',
}

/** JSON, without making a string of the password: strings cannot be zeroed. */
function profileOf(password: Buffer, mustChange: boolean): Buffer {
  const [before, after] = [`{"passwordProfile":{"forceChangePasswordNextSignIn":${mustChange},"password":"`, '"}}']
  // At most six bytes for each: \u001f.
  const body = Buffer.alloc(before.length + 6 * password.length + after.length)
  let at = body.write(before)
  for (const byte of password) {
    if (byte < 0x20) at += body.write(`\\u00${byte.toString(16).padStart(2, '0')}`, at)
    else {
      if (byte === 0x22 || byte === 0x5c) at = body.writeUInt8(0x5c, at)
      at = body.writeUInt8(byte, at)
    }
  }
  at += body.write(after, at)
  return body.subarray(0, at)
}
