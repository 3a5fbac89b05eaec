/**
 * What went wrong, for an administrator: one sentence that says what to do. Knowledge is a table: a new cause is a row.
 *
 * Nothing a server or a library wrote is repeated: of a refusal the code and the eight hex digits, of an error its code.
 * Bind data: Windows logon errors ([MS-ERREF] 2.2); certificate codes: Node's names for OpenSSL's X509_V_ERR_*.
 */

import { faultWord, isFault } from '../../shared/fault.ts'
import type { Refusal } from '../directory/refusal.ts'

const refusedBinds: Readonly<Record<string, string>> = {
  '52e': 'the name or the password of the bind is wrong',
  '525': 'the name of the bind is not known',
  '530': 'this account may not sign in at this hour',
  '532': 'the password of this account has expired',
  '533': 'this account is disabled',
  '701': 'this account has expired',
  '773': 'this account must change its password first',
  '775': 'this account is locked out',
}

const refused: Readonly<Record<number, string>> = {
  8: 'the server demands stronger authentication',
  32: 'there is no object of this name, or it may not be seen',
  34: 'this is not a distinguished name',
  50: 'access denied: this account may not change permissions here; sign in as one that may (Domain Admins, or Modify Permissions)',
  53: 'the server is not willing to do this',
}

const untrusted = 'the certificate of the server is not trusted: name the authority that issued it with --ca-file'
const unreachable: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  CERT_SIGNATURE_FAILURE: untrusted,
  CERT_UNTRUSTED: untrusted,
  INVALID_CA: untrusted,
  CERT_HAS_EXPIRED: 'the certificate of the server has expired',
  CERT_NOT_YET_VALID: 'the certificate of the server is not valid yet: compare the clocks',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'the certificate of the server is for another name: --server must say the name, --address may say where it is',
  ENOTFOUND: 'DNS does not know the server: --address can say where it is',
  EAI_AGAIN: 'DNS did not answer',
  ECONNREFUSED: 'nobody listens there: is LDAPS (port 636) switched on?',
  TimeoutError: 'the server did not answer in time',
}

export function explain(error: unknown): string {
  if (!isFault(error)) return faultWord(error)
  const { cause } = error
  if (isRefusal(cause)) return explainRefusal(cause)
  const known = cause === undefined ? undefined : unreachable[faultWord(cause)]
  if (known !== undefined) return known
  // A fault's own message states sizes and types, never input or server text (shared/fault.ts).
  return error.message.replace(`${error.code}: `, '')
}

export function explainRefusal({ ldapCode, hex, bindData }: Refusal): string {
  const sentence = bindData === undefined ? refused[ldapCode] : refusedBinds[bindData]
  const digits = [`LDAP ${ldapCode}`, hex, bindData && `data ${bindData}`].filter((each) => each !== undefined).join(', ')
  return `${sentence ?? 'the server refused'} (${digits})`
}

export const isRefusal = (cause: unknown): cause is Refusal =>
  typeof cause === 'object' && cause !== null && 'ldapCode' in cause && typeof cause.ldapCode === 'number'

/** noSuchObject, or a name that is none: nothing is there. */
export const isNoSuchObject = (error: unknown): boolean => isFault(error) && isRefusal(error.cause) && error.cause.ldapCode === 32
