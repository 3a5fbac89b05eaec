/**
 * What the token endpoint says when it says no: the AADSTS codes an administrator will meet, as a table.
 *
 * Source: learn.microsoft.com/entra/identity-platform/reference-error-codes and the OAuth 2.0 error codes of RFC 6749 §5.2.
 * Messages name applications, tenants and resources, never a secret.
 */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../../shared/clock.ts'
import type { WebAnswer } from '../web.ts'

const table = {
  missingParameter: { code: 900144, status: 400, error: 'invalid_request' },
  tenantNotFound: { code: 90002, status: 400, error: 'invalid_request' },
  unsupportedGrant: { code: 70003, status: 400, error: 'unsupported_grant_type' },
  applicationNotFound: { code: 700016, status: 400, error: 'unauthorized_client' },
  noCredential: { code: 7000216, status: 401, error: 'invalid_client' },
  wrongSecret: { code: 7000215, status: 401, error: 'invalid_client' },
  malformedAssertion: { code: 50027, status: 400, error: 'invalid_request' },
  assertionSubject: { code: 50048, status: 401, error: 'invalid_client' },
  assertionOfAnother: { code: 700021, status: 401, error: 'invalid_client' },
  assertionAudience: { code: 700023, status: 401, error: 'invalid_client' },
  assertionTime: { code: 700024, status: 401, error: 'invalid_client' },
  /** Unknown, expired, or another key than the one that signed. */
  assertionKey: { code: 700027, status: 401, error: 'invalid_client' },
  scopeForm: { code: 1002012, status: 400, error: 'invalid_scope' },
  /** Device code and authorization code. */
  pending: { code: 70016, status: 400, error: 'authorization_pending' },
  badCode: { code: 70018, status: 400, error: 'bad_verification_code' },
  codeExpired: { code: 70019, status: 400, error: 'expired_token' },
  declined: { code: 65004, status: 400, error: 'authorization_declined' },
  badVerifier: { code: 501481, status: 400, error: 'invalid_grant' },
  pkce: { code: 9002325, status: 400, error: 'invalid_request' },
  redirectUri: { code: 50011, status: 400, error: 'invalid_request' },
  consentRequired: { code: 65001, status: 400, error: 'invalid_grant' },
  resourceNotFound: { code: 500011, status: 400, error: 'invalid_resource' },
} as const

export type TokenRefusal = { kind: 'refused'; reason: keyof typeof table; message: string }

export const refuseToken = (reason: keyof typeof table, message: string): TokenRefusal => ({ kind: 'refused', reason, message })

export function tokenRefusalAnswer(refusal: TokenRefusal, clock: Clock): WebAnswer {
  const { code, status, error } = table[refusal.reason]
  const timestamp = new Date(clock.now()).toISOString().replace('T', ' ').replace(/\.\d+/, '')
  const [traceId, correlationId] = [randomUUID(), randomUUID()]
  const trail = `Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${timestamp}`
  return {
    status,
    body: {
      error,
      error_description: `AADSTS${code}: ${refusal.message} ${trail}`,
      error_codes: [code],
      timestamp,
      trace_id: traceId,
      correlation_id: correlationId,
      error_uri: `https://login.microsoftonline.com/error?code=${code}`,
    },
  }
}
