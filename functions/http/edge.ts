/**
 * The edge between HTTP and handlers: what is checked for every call, and the one catch, so that every call is answered.
 *
 * Bodies are JSON objects of at most 16 KB (a policy: more) with exactly the declared fields; calls by other sites' pages are
 * refused by their Origin, and a route that asks for a person learns who calls before it reads what was sent. A handler gets
 * what was parsed and returns an Answer. What it throws is logged by its code, never shown.
 */
import type { HttpRequest, HttpResponseInit } from '@azure/functions'
import type { z } from 'zod'
import type { Clock } from '../../shared/clock.ts'
import { faultWord, isFault } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import type { Administrator } from '../entra/admin-token.ts'
import type { User } from '../entra/user-token.ts'
import { type Answer, problem } from './problem.ts'

export const defaultMaxBodyBytes = 16 * 1024

export interface Call<B = unknown> {
  body: B
  params: Readonly<Record<string, string>>
  query: URLSearchParams
  /** Aborts when the answer is due. */
  deadline: AbortSignal
  /** Cookie first, then the header for programs. */
  flowSecret(flowId: string): string | undefined
  /** W3C trace context as received, if well-formed. */
  traceparent: string | undefined
  /** Of an administrators' route. */
  administrator?: Administrator
  /** Of a users' route; of one that takes a flow or a user, only when a token was shown. */
  user?: User
}

export interface AdministratorCall<B = unknown> extends Call<B> {
  administrator: Administrator
}

export interface UserCall<B = unknown> extends Call<B> {
  user: User
}

export type Handler<B = unknown> = (call: Call<B>) => Promise<Answer>
export type AdministratorHandler<B = unknown> = (call: AdministratorCall<B>) => Promise<Answer>
export type UserHandler<B = unknown> = (call: UserCall<B>) => Promise<Answer>

export type Admission = { kind: 'admitted'; administrator?: Administrator; user?: User } | { kind: 'refused'; answer: Answer }

export interface EdgeDeps {
  origins: readonly string[]
  answerMs: number
  /** Unless it says otherwise, 16 KB. */
  maxBodyBytes?: number
  clock: Clock
  log: Log
  /** Of a route that asks for a person: who calls, by the Authorization header. */
  admit?(authorization: string | null): Promise<Admission>
}

export const cookieName = (flowId: string) => `__Host-flow-${flowId}`
export const secretHeader = 'x-flow-secret'

/** One cookie per flow, so that two tabs are two flows. Gone when the flow is. */
export const secretCookie = (flowId: string, secret: string, maxAgeSeconds: number) =>
  `${cookieName(flowId)}=${secret}; Path=/; Max-Age=${maxAgeSeconds}; Secure; HttpOnly; SameSite=Strict`

export function atEdge<B>(name: string, schema: z.ZodType<B> | undefined, handler: Handler<B>, deps: EdgeDeps) {
  return async (request: HttpRequest): Promise<HttpResponseInit> => {
    try {
      return toResponse(await answer(request))
    } catch (error) {
      if (isFault(error, 'STORE_CONFLICT')) return toResponse(problem('conflict'))
      deps.log('handlerFailed', { route: name, fault: faultWord(error) })
      return toResponse(problem(isFault(error) && !error.permanent ? 'unavailable' : 'internal'))
    }
  }

  async function answer(request: HttpRequest): Promise<Answer> {
    const deadline = deps.clock.deadline(deps.answerMs)
    const origin = request.headers.get('origin')
    if (origin !== null && !deps.origins.includes(origin)) return problem('foreignOrigin')
    const admission = await deps.admit?.(request.headers.get('authorization'))
    if (admission?.kind === 'refused') return admission.answer
    const body = schema ? await readBody(request, schema, deps.maxBodyBytes) : { kind: 'body' as const, body: undefined as B }
    if (body.kind === 'problem') return body.answer
    const params = request.params as Record<string, string>
    const traceparent = request.headers.get('traceparent') ?? undefined
    const { administrator, user } = admission ?? {}
    const caller = { ...(administrator && { administrator }), ...(user && { user }) }
    const given = { body: body.body, params, query: request.query, deadline, traceparent }
    return handler({ ...given, ...caller, flowSecret: (flowId) => flowSecret(request, flowId) })
  }
}

type Body<B> = { kind: 'body'; body: B } | { kind: 'problem'; answer: Answer }
const refused = (answer: Answer) => ({ kind: 'problem', answer }) as const

async function readBody<B>(request: HttpRequest, schema: z.ZodType<B>, maxBodyBytes = defaultMaxBodyBytes): Promise<Body<B>> {
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? '')) return refused(problem('notJson'))
  if (Number(request.headers.get('content-length') ?? 0) > maxBodyBytes) return refused(problem('bodyTooLarge'))
  const bytes = Buffer.from(await request.arrayBuffer())
  // The Functions host hands over bodies without a length as empty ones.
  if (bytes.length === 0 && request.headers.has('transfer-encoding')) return refused(problem('lengthRequired'))
  if (bytes.length > maxBodyBytes) return refused(problem('bodyTooLarge'))
  const json = parseJson(bytes)
  if (json.kind === 'malformed') return refused(problem('malformedJson'))
  const parsed = schema.safeParse(json.value)
  if (parsed.success) return { kind: 'body', body: parsed.data }
  // Names of the fields that we know; never what was sent, nor names that the caller invented.
  const fields = parsed.error.issues.map((issue) => (issue.code === 'unrecognized_keys' ? 'unknown field' : issue.path.join('.') || 'body'))
  return refused(problem('invalidBody', { fields: [...new Set(fields)] }))
}

function parseJson(bytes: Buffer): { kind: 'json'; value: unknown } | { kind: 'malformed' } {
  try {
    return { kind: 'json', value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) }
  } catch {
    return { kind: 'malformed' }
  } finally {
    bytes.fill(0)
  }
}

function flowSecret(request: HttpRequest, flowId: string): string | undefined {
  const cookies = request.headers.get('cookie')?.split(';') ?? []
  const cookie = cookies.map((pair) => pair.trim().split('=')).find(([name]) => name === cookieName(flowId))
  return cookie?.[1] ?? request.headers.get(secretHeader) ?? undefined
}

function toResponse({ status, body, cookies = [], challenge, file }: Answer): HttpResponseInit {
  const type = file?.type ?? (status < 400 ? 'application/json' : 'application/problem+json')
  const headers = new Headers({ ...file?.headers, 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  if (challenge !== undefined) headers.set('www-authenticate', challenge)
  for (const cookie of cookies) headers.append('set-cookie', cookie)
  return { status, headers, body: file?.text ?? JSON.stringify(body) }
}
