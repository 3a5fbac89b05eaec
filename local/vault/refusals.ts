/**
 * What the vault says when it says no: status, code, inner code and message as the real service words them.
 *
 * Shape of every error body: `{ error: { code, message, innererror?: { code } } }`
 * (learn.microsoft.com/azure/key-vault/general/rest-error-codes). Messages may name objects, callers and actions.
 */
import type { Claims, TokenRefusalReason } from '../entra/verify.ts'
import type { WebAnswer } from '../web.ts'

export type Refusal = { kind: 'refused'; status: number; code: string; message: string; inner?: string }

export const refuse = (status: number, code: string, message: string, inner?: string): Refusal => ({
  kind: 'refused',
  status,
  code,
  message,
  ...(inner ? { inner } : {}),
})

export const badParameter = (message: string) => refuse(400, 'BadParameter', message)

export type ObjectKind = 'key' | 'secret'
const capital = { key: 'Key', secret: 'Secret' } as const

export function notFound(object: ObjectKind, name: string, version?: string): Refusal {
  const id = version ? `${name}/${version}` : name
  return refuse(
    404,
    `${capital[object]}NotFound`,
    `A ${object} with (name/id) ${id} was not found in this key vault. If you recently deleted this ${object} you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182`,
  )
}

export const disabled = (object: ObjectKind, operation: string) =>
  refuse(403, 'Forbidden', `Operation ${operation} is not allowed on a disabled ${object}.`, `${capital[object]}Disabled`)

export const outsideLifetime = (operation: string, when: 'Expired' | 'NotYetValid') =>
  refuse(
    403,
    'Forbidden',
    `Operation ${operation} is not allowed on ${when === 'Expired' ? 'an expired key' : 'a key that is not yet valid'}.`,
    `Key${when}`,
  )

export const notPermitted = (operation: string) =>
  refuse(403, 'Forbidden', `Operation ${operation} is not permitted on this key.`, 'KeyOperationForbidden')

export function forbiddenByRbac(caller: Claims, action: string, resource: string): Refusal {
  const lines = [
    'Caller is not authorized to perform action on resource.',
    'If role assignments, deny assignments or role definitions were changed recently, please observe propagation time.',
    `Caller: appid=${caller.appid};oid=${caller.oid};iss=${caller.iss}`,
    `Action: 'Microsoft.KeyVault/vaults/${action}'`,
    `Resource: '${resource}'`,
    'Assignment: (not found)',
    'DenyAssignmentId: null',
    "DecisionReason: 'DeniedWithNoValidRBAC' ",
    '',
  ]
  return refuse(403, 'Forbidden', lines.join('\r\n'), 'ForbiddenByRbac')
}

const tokenMessages: Record<TokenRefusalReason | 'missing', string> = {
  missing: 'AKV10000: Request is missing a Bearer or PoP token.',
  malformed: 'AKV10001: Error parsing the Bearer or PoP token.',
  signature: 'AKV10046: Unable to resolve the key used for signature validation.',
  issuer: 'AKV10032: Invalid issuer.',
  audience: 'AKV10022: Invalid audience. Expected https://vault.azure.net',
  expired: "[TokenExpired] Error validating token: 'IDX10223: Lifetime validation failed. The token is expired.'",
  notYetValid: "[TokenNotYetValid] Error validating token: 'IDX10222: Lifetime validation failed. The token is not yet valid.'",
}

export function unauthorized(reason: TokenRefusalReason | 'missing', found?: string): Refusal {
  return refuse(401, 'Unauthorized', found ? `${tokenMessages[reason]}, found: ${found}.` : tokenMessages[reason])
}

export function refusalAnswer(refusal: Refusal, headers: Record<string, string> = {}): WebAnswer {
  const { status, code, message, inner } = refusal
  return { status, headers, body: { error: { code, message, ...(inner ? { innererror: { code: inner } } : {}) } } }
}
