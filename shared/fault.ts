/**
 * What is thrown. Refusals a person can act on are outcomes (values, outcome.ts); a fault is something broken.
 *
 * `code` is from a closed list and safe to log; messages state expected and actual sizes and types, never input, names,
 * DNs or server text. `permanent` says that trying the same again cannot help.
 */

export const faultCodes = [
  /** Every failure to open a message, whatever its cause: no oracle for whoever sent it. */
  'ENVELOPE_REJECTED',
  /** A key version that should exist could not be fetched (vault down, right missing): pause and try again. */
  'KEY_UNAVAILABLE',
  /** The key pointer is older than allowed; nothing is sealed with it. */
  'KEY_POINTER_STALE',
  'RELAY_DOWN',
  /** The broker did not say whether it took the message. */
  'SEND_IN_DOUBT',
  'DEADLINE_PASSED',
  'DIRECTORY_UNAVAILABLE',
  'DIRECTORY_CONFIGURATION',
  /** The connection broke after a write was handed over: the write may or may not have happened. */
  'DIRECTORY_WRITE_IN_DOUBT',
  'DIRECTORY_REFUSED',
  'JOURNAL_FAILED',
  'STORE_UNAVAILABLE',
  /** The row changed since it was read (ETag). */
  'STORE_CONFLICT',
  /** A row's HMAC does not fit: written by somebody who does not hold the state key. */
  'ROW_REJECTED',
  'GRAPH_UNAVAILABLE',
  /** The agent's certificate file does not hold a certificate with its key, or the key does not open. */
  'CERTIFICATE_UNUSABLE',
  'MAIL_UNAVAILABLE',
  'SETTINGS_INVALID',
  'INPUT_REFUSED',
  'SECRET_WIPED',
  'TIMES_INVALID',
  /** An administrator's sign-in was refused, declined or left alone. */
  'SIGN_IN_FAILED',
  /** The administrators' API did not answer, or something else did. */
  'API_UNAVAILABLE',
] as const
export type FaultCode = (typeof faultCodes)[number]

export class Fault extends Error {
  readonly code: FaultCode
  readonly permanent: boolean

  constructor(code: FaultCode, message: string, options: { permanent?: boolean; cause?: unknown } = {}) {
    super(`${code}: ${message}`, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'Fault'
    this.code = code
    this.permanent = options.permanent ?? false
  }
}

export const isFault = (error: unknown, code?: FaultCode): error is Fault =>
  error instanceof Fault && (code === undefined || error.code === code)

/** A word for the log about anything thrown: a fault's code, else the error's own code or class; never its message. */
export function faultWord(error: unknown): string {
  if (error instanceof Fault) return error.code
  // The Azure SDKs wrap what they retried: the cause is in the first of `errors` (azure-sdk-for-js, AggregateError).
  if (error instanceof AggregateError && error.errors.length > 0) return faultWord(error.errors[0])
  if (!(error instanceof Error)) return 'NotAnError'
  const code: unknown = 'code' in error ? error.code : undefined
  return typeof code === 'string' && code !== '' ? code : error.name
}
