/**
 * An answered "no": LDAP result code, and what a server puts in front of its text. The text itself differs between servers
 * and may name people: it is never kept.
 *
 * `hex`: the eight leading hex digits, a Windows error code. `bindData`: what follows "data" in a refused bind (49).
 * Source: [MS-ADTS] 5.1.1.1.1 (simple bind), [MS-ERREF] 2.2 (the digits); measured on Samba 4.24.
 */
import { ResultCodeError } from 'ldapts'
import type { AgentOutcome } from '../../shared/outcome-code.ts'

export interface Refusal {
  ldapCode: number
  hex?: string
  bindData?: string
}

/** ldapts' own word for "no result arrived": not an answer. */
const noResult = 248

export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof ResultCodeError) || error.code === noResult) return undefined
  const hex = /^([0-9a-f]{8})\b/i.exec(error.message)?.[1]
  const bindData = error.code === 49 ? /\bdata ([0-9a-f]{2,8})\b/i.exec(error.message)?.[1] : undefined
  return {
    ldapCode: error.code,
    ...(hex && { hex: hex.toUpperCase() }),
    ...(bindData && { bindData: bindData.toLowerCase().replace(/^0+/, '') }),
  }
}

/** Outcomes that are a word alone. */
type PlainKind = Exclude<AgentOutcome['kind'], 'policy.length' | 'policy.history' | 'policy.minAge' | 'notLinked'>

/** What a refused write means. `passwordPolicy` needs a diagnosis (diagnosis.ts): one code stands for all the rules. */
export type Cause = 'passwordPolicy' | PlainKind

interface Row {
  ldapCode: number
  /** Absent: whatever they are. Empty: there are none. */
  hex?: string
  cause: Cause
  why: string
}

/** First fit counts. Hex codes are Windows system error codes ([MS-ERREF] 2.2). */
export const refusals: readonly Row[] = [
  { ldapCode: 19, hex: '0000052D', cause: 'passwordPolicy', why: 'ERROR_PASSWORD_RESTRICTION' },
  { ldapCode: 53, hex: '0000052D', cause: 'passwordPolicy', why: 'ERROR_PASSWORD_RESTRICTION, as most servers say it' },
  { ldapCode: 19, hex: '00000056', cause: 'wrongPassword', why: 'ERROR_INVALID_PASSWORD: the old password of a change' },
  { ldapCode: 19, hex: '00000775', cause: 'accountLocked', why: 'ERROR_ACCOUNT_LOCKED_OUT: a change while locked out' },
  { ldapCode: 19, hex: '00000005', cause: 'cannotChange', why: 'ERROR_ACCESS_DENIED: a change, and Change Password is denied' },
  { ldapCode: 19, hex: '', cause: 'cannotChange', why: 'the same as Samba says it: no digits' },
  { ldapCode: 32, cause: 'userNotFound', why: 'noSuchObject: deleted since it was found' },
  { ldapCode: 50, cause: 'permissionDenied', why: 'insufficientAccessRights: 00002098, 00000005 or no digits' },
  { ldapCode: 1, hex: '00002020', cause: 'directoryUnavailable', why: 'the connection is not authenticated, as Samba says it' },
  { ldapCode: 1, hex: '000004DC', cause: 'directoryUnavailable', why: 'ERROR_NOT_AUTHENTICATED, as Windows says it' },
  { ldapCode: 51, cause: 'directoryUnavailable', why: 'busy' },
  { ldapCode: 52, cause: 'directoryUnavailable', why: 'unavailable: shutting down' },
  { ldapCode: 3, cause: 'unknown', why: 'timeLimitExceeded says when the server stopped, not what it had done' },
  { ldapCode: 80, cause: 'unknown', why: 'other: an internal error at no known point' },
]

/**
 * A refusal in no row is an answer all the same, and a refused modify applies nothing (RFC 4511 section 4.6: atomic). It is a
 * set-up problem for an administrator (12 control missing, 8 or 53/0000001F encryption required, …): permissionDenied.
 */
export const causeOf = ({ ldapCode, hex }: Refusal): Cause =>
  refusals.find((row) => row.ldapCode === ldapCode && (row.hex === undefined || row.hex === (hex ?? '')))?.cause ?? 'permissionDenied'
