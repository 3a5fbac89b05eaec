/**
 * What Graph says when it says no, in its words: `{ error: { code, message, innerError } }`
 * (learn.microsoft.com/graph/errors). The inner error carries the ids an administrator is asked for.
 */
import { randomUUID } from 'node:crypto'
import type { TokenRefusalReason } from '../entra/verify.ts'
import type { WebAnswer } from '../web.ts'

export type Refusal = { kind: 'refused'; status: number; code: string; message: string; headers?: Record<string, string> }

const refuse = (status: number, code: string, message: string): Refusal => ({ kind: 'refused', status, code, message })

const tokenMessages: Record<TokenRefusalReason | 'missing', string> = {
  missing: 'Access token is empty.',
  malformed: 'CompactToken parsing failed with error code: 80049217',
  signature: 'Access token validation failure. Invalid signature.',
  issuer: 'Access token validation failure. Invalid issuer.',
  audience: 'Access token validation failure. Invalid audience.',
  expired: 'Lifetime validation failed, the token is expired.',
  notYetValid: 'Lifetime validation failed, the token is not yet valid.',
}

export const unauthorized = (reason: TokenRefusalReason | 'missing') => refuse(401, 'InvalidAuthenticationToken', tokenMessages[reason])
/** Of a proof of possession, whatever is wrong with it; the words are about the access token all the same. */
export const proofMissing = () => refuse(401, 'Authentication_MissingOrMalformed', 'Access Token missing or malformed.')
export const denied = () => refuse(403, 'Authorization_RequestDenied', 'Insufficient privileges to complete the operation.')
export const badRequest = (message: string) => refuse(400, 'Request_BadRequest', message)
export const unknownProperty = (name: string) =>
  refuse(
    400,
    'BadRequest',
    `Parsing OData Select and Expand failed: Could not find a property named '${name}' on type 'microsoft.graph.user'.`,
  )
export const unsupportedQuery = (message: string) => refuse(400, 'Request_UnsupportedQuery', message)
export const noSegment = (segment: string) => refuse(400, 'BadRequest', `Resource not found for the segment '${segment}'.`)
export const notFound = (key: string) =>
  refuse(
    404,
    'Request_ResourceNotFound',
    `Resource '${key}' does not exist or one of its queried reference-property objects are not present.`,
  )
export const onPremisesMastered = () =>
  badRequest(
    'Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.',
  )

export const passwordTooWeak = () =>
  badRequest('The specified password does not comply with password complexity requirements. Please provide a different password.')
export const licenceRequired = () => refuse(400, 'AadPremiumLicenseRequired', 'The tenant needs an AAD Premium 2 license.')

export const throttled = (): Refusal => ({
  ...refuse(429, 'TooManyRequests', 'The request has been throttled.'),
  headers: { 'retry-after': '1' },
})
export const unavailable = () => refuse(503, 'serviceNotAvailable', 'The service is temporarily unavailable.')

export function refusalAnswer(
  { status, code, message, headers = {} }: Refusal,
  clientRequestId: string | undefined,
  nowMs: number,
): WebAnswer {
  const requestId = randomUUID()
  const innerError = {
    date: new Date(nowMs).toISOString().slice(0, 19),
    'request-id': requestId,
    'client-request-id': clientRequestId ?? requestId,
  }
  return { status, headers: { 'request-id': requestId, ...headers }, body: { error: { code, message, innerError } } }
}
