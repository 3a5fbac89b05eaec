/**
 * The function app as an administrator sees it (docs/decisions/0006-where-administrators-call.md): whether password writeback is
 * on, which agents were heard, and the switch. Of what it answers only codes and states are shown.
 */
import * as z from 'zod'
import type { Clock } from '../../../shared/clock.ts'
import { Fault, faultWord } from '../../../shared/fault.ts'
import { refusalCode, type TokenCredential } from '../../credential/sign-in.ts'

export interface WritebackState {
  on: boolean
  agents: readonly { agent: string; heardAt: number }[]
  /** What is under way: switching on makes new keys and has an agent prove them. */
  run?: { step: string; problem?: string | undefined } | undefined
}

export interface Service {
  writeback(): Promise<WritebackState>
  setWriteback(on: boolean, reason: string): Promise<WritebackState>
}

export interface ServiceAddress {
  /** Of the function app. */
  url: string
  /** App ID URI of its registration: what the token is for. */
  api: string
}

const run = z.object({ step: z.string(), problem: z.string().optional() })
const agents = z.array(z.object({ agent: z.string(), heardAt: z.number() }))
const stateSchema = z.object({ on: z.boolean(), agents, run: run.optional() })
/** 202: begun, and not settled in time. */
const begun = z.object({ run }).transform(({ run }): WritebackState => ({ on: false, agents: [], run }))

/** Switching takes an answer time (docs/protocol.md, Times), and a little. */
const callMs = 60_000

/** `signIn` begins a new sign-in: for a change it must not be older than 15 minutes, and a wizard may take longer. */
export function openService({ url, api }: ServiceAddress, signIn: () => TokenCredential, clock: Clock): Service {
  let credential = signIn()

  async function token(): Promise<string> {
    try {
      const given = await credential.getToken(`${api}/.default`)
      if (given !== null) return given.token
    } catch (error) {
      const code = refusalCode(error)
      throw unavailable(
        code === undefined ? `the sign-in did not succeed (${faultWord(error)})` : `the sign-in was refused (AADSTS${code})`,
      )
    }
    throw unavailable('the sign-in gave no token')
  }

  async function call(method: 'GET' | 'PUT', body?: object): Promise<Response> {
    const headers = { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' }
    const request = { method, headers, body: body === undefined ? null : JSON.stringify(body), redirect: 'error' } as const
    try {
      return await fetch(new URL('/api/manage/writeback', url), { ...request, signal: clock.deadline(callMs) })
    } catch (error) {
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
      throw unavailable(`the function app cannot be reached (${faultWord(cause)})`)
    }
  }

  async function answer(method: 'GET' | 'PUT', body?: object): Promise<WritebackState> {
    let response = await call(method, body)
    if (response.status === 401 && method === 'PUT') {
      credential = signIn()
      response = await call(method, body)
    }
    const parsed = response.ok ? stateSchema.or(begun).safeParse(await response.json().catch(() => undefined)) : undefined
    if (parsed?.success) return parsed.data
    throw unavailable(meanings[response.status] ?? `the function app did not give a usable answer (HTTP ${response.status})`)
  }

  return {
    writeback: () => answer('GET'),
    setWriteback: (on, reason) => answer('PUT', { on, reason }),
  }
}

const unavailable = (message: string) => new Fault('SERVICE_UNAVAILABLE', message)

const meanings: Readonly<Record<number, string>> = {
  401: 'the function app does not take this sign-in (HTTP 401): compare ADMIN_AUDIENCE and ADMIN_CLIENT_IDS with the answers given here',
  403: 'this administrator may not (HTTP 403): it takes the app role Writeback.Admin',
  404: 'there is no such function app (HTTP 404)',
  503: 'the function app cannot say who is an administrator, or cannot reach what it needs (HTTP 503)',
}

/** A token is worth as much as a password: never in clear, but for loopback. */
export function parseUrl(text: string): { value: string } | { problem: string } {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && /^(localhost|127\.0\.0\.1)$/.test(url.hostname))
  return url !== undefined && safe ? { value: url.origin } : { problem: 'must be an https:// address' }
}
