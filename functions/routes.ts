/**
 * The surface, one table: what can be called, how, and with which body. The entry file and the stand-in host loop over it.
 *
 * `flow` is a public id; what proves that a flow is the caller's own is its secret (cookie, or header for programs).
 * Function keys protect nothing there: people call those routes from a browser. Administrators, and people who are signed in
 * (`user`; `flowOrUser`: or who have a flow), show a token of the tenant.
 */
import * as z from 'zod'
import type { Role } from './entra/admin-token.ts'
import { maxPolicyBytes, policyFields } from './policy/row.ts'

const text = (max: number) => z.string().min(1).max(max)
const gate = text(32)
/** Why an administrator does it; kept in the audit. */
const reason = z.string().trim().min(1).max(500)

export const routes = [
  { name: 'resetPage', method: 'GET', route: 'reset', auth: 'anonymous', body: undefined },
  { name: 'startReset', method: 'POST', route: 'reset', auth: 'anonymous', body: z.strictObject({ username: text(1024) }) },
  { name: 'challengeReset', method: 'POST', route: 'reset/{flow}/challenge', auth: 'anonymous', body: z.strictObject({ gate }) },
  { name: 'verifyReset', method: 'POST', route: 'reset/{flow}/verify', auth: 'anonymous', body: z.strictObject({ gate, code: text(64) }) },
  // An empty password is a password problem with its own answer, not a malformed body.
  {
    name: 'newPassword',
    method: 'POST',
    route: 'reset/{flow}/password',
    auth: 'anonymous',
    body: z.strictObject({ newPassword: z.string() }),
  },
  { name: 'unlock', method: 'POST', route: 'reset/{flow}/unlock', auth: 'anonymous', body: undefined },
  {
    name: 'change',
    method: 'POST',
    route: 'change',
    auth: 'flowOrUser',
    body: z.strictObject({ flow: text(64).optional(), currentPassword: z.string(), newPassword: z.string() }),
  },
  { name: 'readReset', method: 'GET', route: 'reset/{flow}', auth: 'anonymous', body: undefined },
  { name: 'readRules', method: 'GET', route: 'reset/{flow}/rules', auth: 'anonymous', body: undefined },
  { name: 'readMethods', method: 'GET', route: 'me/methods', auth: 'user', body: undefined },
  { name: 'startTotp', method: 'POST', route: 'me/methods/totp', auth: 'user', body: undefined },
  { name: 'confirmTotp', method: 'POST', route: 'me/methods/totp/confirm', auth: 'user', body: z.strictObject({ code: text(64) }) },
  { name: 'removeTotp', method: 'DELETE', route: 'me/methods/totp', auth: 'user', body: undefined },
  // `admin/…` is the Functions host's own: no app may register it (docs/decisions/0006).
  {
    name: 'relink',
    method: 'POST',
    route: 'manage/users/{id}/relink',
    auth: 'administrator',
    role: 'Writeback.Admin',
    body: z.strictObject({ reason }),
  },
  {
    name: 'resetUser',
    method: 'POST',
    route: 'manage/users/{id}/password',
    auth: 'administrator',
    role: 'Writeback.Helpdesk',
    body: z.strictObject({ reason, newPassword: z.string().optional(), mustChange: z.boolean().optional() }),
  },
  {
    name: 'unlockUser',
    method: 'POST',
    route: 'manage/users/{id}/unlock',
    auth: 'administrator',
    role: 'Writeback.Helpdesk',
    body: z.strictObject({ reason }),
  },
  {
    name: 'checkUser',
    method: 'POST',
    route: 'manage/users/{id}/check',
    auth: 'administrator',
    role: 'Writeback.Helpdesk',
    body: z.strictObject({ reason }),
  },
  { name: 'readStatus', method: 'GET', route: 'manage/status', auth: 'administrator', role: 'Writeback.Helpdesk', body: undefined },
  {
    name: 'readWriteback',
    method: 'GET',
    route: 'manage/writeback',
    auth: 'administrator',
    role: 'Writeback.Helpdesk',
    body: undefined,
  },
  {
    name: 'switchWriteback',
    method: 'PUT',
    route: 'manage/writeback',
    auth: 'administrator',
    role: 'Writeback.Admin',
    body: z.strictObject({ on: z.boolean(), reason }),
  },
  { name: 'readKeys', method: 'GET', route: 'manage/keys', auth: 'administrator', role: 'Writeback.Helpdesk', body: undefined },
  {
    name: 'rollKeys',
    method: 'POST',
    route: 'manage/keys/rollover',
    auth: 'administrator',
    role: 'Writeback.Admin',
    body: z.strictObject({ reason, override: z.literal(true).optional() }),
  },
  {
    name: 'incident',
    method: 'POST',
    route: 'manage/incident',
    auth: 'administrator',
    role: 'Writeback.Admin',
    body: z.strictObject({ reason }),
  },
  {
    name: 'revokeAgent',
    method: 'POST',
    route: 'manage/agents/{id}/revoke',
    auth: 'administrator',
    role: 'Writeback.Admin',
    body: z.strictObject({ reason }),
  },
  {
    name: 'admitAgent',
    method: 'POST',
    route: 'manage/agents/{id}/admit',
    auth: 'administrator',
    role: 'Writeback.Admin',
    body: z.strictObject({ reason }),
  },
  { name: 'readPolicy', method: 'GET', route: 'manage/policy', auth: 'administrator', role: 'Writeback.Helpdesk', body: undefined },
  {
    name: 'changePolicy',
    method: 'PUT',
    route: 'manage/policy',
    auth: 'administrator',
    role: 'Writeback.Admin',
    // As it was read, changed: whoever leaves a field out does not know of it.
    body: z.strictObject({ ...policyFields, revision: z.int().min(0), reason }),
    maxBodyBytes: maxPolicyBytes,
  },
  { name: 'readAudit', method: 'GET', route: 'manage/audit', auth: 'administrator', role: 'Writeback.Admin', body: undefined },
  { name: 'status', method: 'GET', route: 'status', auth: 'anonymous', body: undefined },
] as const satisfies readonly Route[]

export type Route = {
  name: string
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  route: string
  body: z.ZodType | undefined
  /** Where the edge's own limit is too small. */
  maxBodyBytes?: number
} & ({ auth: 'anonymous' | 'user' | 'flowOrUser' } | { auth: 'administrator'; role: Role })

export type RouteName = (typeof routes)[number]['name']
type RouteOf<N extends RouteName> = Extract<(typeof routes)[number], { name: N }>
/** The parsed body a handler of this route gets. */
export type BodyOf<N extends RouteName> = RouteOf<N>['body'] extends z.ZodType<infer B> ? B : undefined
/** Whom the handler of this route is told about. */
export type AuthOf<N extends RouteName> = RouteOf<N>['auth']

/** Functions without a route: what wakes them. Without `dataType` the host would decode sealed bytes as UTF-8 text. */
export const triggers = {
  deliverChallenge: { queueName: 'challenges', connection: 'DataStorage' },
  onAgentEvent: { queueName: 'events', connection: 'ServiceBus', dataType: 'binary' },
  // Every minute: a reply lives for five (NCRONTAB, six fields).
  sweepReplies: { schedule: '0 * * * * *' },
  keepKeys: { schedule: '0 */15 * * * *' },
  removeOldSteps: { schedule: '30 7 * * * *' },
  removeOldFlows: { schedule: '30 37 * * * *' },
} as const
