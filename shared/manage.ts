/**
 * The administrators' API as a program uses it: a person signs in by device code, and each call carries their token.
 *
 * A sign-in that is too old, or lacks the authentication context the tenant asks for, is made anew when the API says so
 * (RFC 9470; learn.microsoft.com/entra/identity-platform/claims-challenge), once per call. Tokens stay in memory. The only
 * file of programs for administrators that knows `@azure/identity`.
 */
import { DeviceCodeCredential } from '@azure/identity'
import { type Clock, systemClock } from './clock.ts'
import { Fault, faultWord } from './fault.ts'

export interface ManageOptions {
  /** Of the function app: `https://reset.example.com`. In clear only to this machine: a token travels there. */
  url: string
  tenantId: string
  /** The program's own registration: a public client. */
  clientId: string
  /** App ID URI or client id of the API's registration. */
  api: string
  /** Where people sign in. */
  authority?: string
  /** PEM of an authority to trust for the sign-in on loopback. */
  ca?: string
  /** Says where to sign in, and with which code. */
  prompt(message: string): void
  timeoutMs?: number
  clock?: Clock
}

export interface ManageAnswer {
  status: number
  /** Of a file: `text`, `next`, `rejected`. */
  body: Told
}

/** A JSON object that somebody else wrote: whoever takes something of it looks what it is. */
export type Told = Readonly<Record<string, unknown>>
export const isObject = (value: unknown): value is Told => typeof value === 'object' && value !== null && !Array.isArray(value)

export interface Manage {
  /** `path` below `/api/manage/`. Throws SIGN_IN_FAILED or API_UNAVAILABLE; every answer of the API is a value. */
  call(method: 'GET' | 'PUT' | 'POST', path: string, body?: object): Promise<ManageAnswer>
}

const scope = 'manage'
const loopback = ['localhost', '127.0.0.1', '[::1]']

export function openManage(options: ManageOptions): Manage {
  const {
    tenantId,
    clientId,
    api,
    authority = 'https://login.microsoftonline.com',
    ca,
    prompt,
    timeoutMs = 40_000,
    clock = systemClock,
  } = options
  const url = new URL(options.url)
  if (url.protocol !== 'https:' && !loopback.includes(url.hostname))
    throw new Fault('INPUT_REFUSED', 'the API is called by https only', { permanent: true })
  const open = () =>
    new DeviceCodeCredential({
      tenantId,
      clientId,
      authorityHost: authority,
      ...(ca !== undefined && { disableInstanceDiscovery: true, tlsOptions: { ca } }),
      userPromptCallback: ({ message }) => prompt(message),
    })
  let credential = open()
  const scopes = `${api}/${scope}`
  const token = async (claims?: string) => {
    try {
      const { token } = await credential.getToken(scopes, claims === undefined ? {} : { claims })
      return token
    } catch (error) {
      throw new Fault('SIGN_IN_FAILED', `nobody signed in (${faultWord(error)})`, { permanent: true, cause: error })
    }
  }
  async function send(method: string, path: string, body: object | undefined, bearer: string): Promise<Response> {
    const headers = { authorization: `Bearer ${bearer}`, ...(body && { 'content-type': 'application/json' }) }
    const init = { method, headers, redirect: 'error', signal: clock.deadline(timeoutMs) } as const
    try {
      return await fetch(new URL(`/api/manage/${path}`, url), { ...init, ...(body && { body: JSON.stringify(body) }) })
    } catch (error) {
      throw new Fault('API_UNAVAILABLE', `the API did not answer (${faultWord(error)})`)
    }
  }
  return {
    async call(method, path, body) {
      const first = await send(method, path, body, await token())
      const again = first.status === 401 ? whatIsMissing(first.headers.get('www-authenticate') ?? '') : undefined
      if (again === undefined) return answerOf(first)
      // A credential that has signed somebody in answers from its cache; only a new one asks the person again.
      if (again.claims === undefined) credential = open()
      return answerOf(await send(method, path, body, await token(again.claims)))
    },
  }
}

/** Undefined: signing in again would not help. */
function whatIsMissing(challenge: string): { claims: string | undefined } | undefined {
  const [, error] = /\berror="(\w+)"/.exec(challenge) ?? []
  if (error === 'insufficient_user_authentication') return { claims: undefined }
  const [, claims] = /\bclaims="([A-Za-z0-9+/]+=*)"/.exec(challenge) ?? []
  return error === 'insufficient_claims' && claims !== undefined ? { claims: Buffer.from(claims, 'base64').toString('utf8') } : undefined
}

async function answerOf(response: Response): Promise<ManageAnswer> {
  const text = await response.text()
  if (/^(text\/csv|application\/jsonl)/.test(response.headers.get('content-type') ?? '')) {
    const [, next] = /^<(\?[^>]*)>; rel="next"$/.exec(response.headers.get('link') ?? '') ?? []
    return { status: response.status, body: { text, next, rejected: Number(response.headers.get('x-rejected')) } }
  }
  const body = parsed(text)
  if (!isObject(body)) throw new Fault('API_UNAVAILABLE', `the API answered ${response.status} with something that is no JSON object`)
  return { status: response.status, body }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
