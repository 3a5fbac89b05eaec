/**
 * The function app as an administrator sees it (docs/decisions/0006-where-administrators-call.md): whether password writeback is
 * on, which agents were heard, and the switch. Of what it answers only codes and states are shown.
 */
import * as z from 'zod'
import { Fault } from '../../../shared/fault.ts'
import type { Manage } from '../../../shared/manage.ts'

const run = z.object({ step: z.string(), problem: z.string().optional() })
const heard = z.array(z.object({ agent: z.string(), heardAt: z.number() }))
const state = z.object({ on: z.boolean(), agents: heard, run: run.optional() })
export type WritebackState = z.infer<typeof state>
/** 202: begun, and not settled in time. */
const begun = z.object({ run }).transform(({ run }): WritebackState => ({ on: false, agents: [], run }))

export interface Service {
  writeback(): Promise<WritebackState>
  setWriteback(on: boolean, reason: string): Promise<WritebackState>
}

export function openService(manage: Manage): Service {
  async function answer(method: 'GET' | 'PUT', body?: object): Promise<WritebackState> {
    const { status, body: told } = await manage.call(method, 'writeback', body)
    const parsed = status < 300 ? state.or(begun).safeParse(told) : undefined
    if (parsed?.success) return parsed.data
    const code = status === 401 || status === 403 || status === 404 ? 'SIGN_IN_FAILED' : 'API_UNAVAILABLE'
    throw new Fault(code, meanings[status] ?? `the function app did not give a usable answer (HTTP ${status})`)
  }
  return {
    writeback: () => answer('GET'),
    setWriteback: (on, reason) => answer('PUT', { on, reason }),
  }
}

const meanings: Readonly<Record<number, string>> = {
  401: 'the function app does not take this sign-in (HTTP 401): compare ADMIN_AUDIENCE and ADMIN_CLIENT_IDS with the answers given here',
  403: 'this administrator may not (HTTP 403): it takes the app role Writeback.Admin',
  404: 'there is no such function app (HTTP 404)',
  503: 'the function app cannot say who is an administrator, or cannot reach what it needs (HTTP 503)',
}

/** A token is worth as much as a password: never in clear, but for loopback. */
export function parseUrl(text: string): { value: string } | { problem: string } {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && ['localhost', '127.0.0.1'].includes(url.hostname))
  return url !== undefined && safe ? { value: url.origin } : { problem: 'must be an https:// address' }
}
