/**
 * A program that resets a password over HTTP, as a page would: used by `npm start`, the journeys and the bench.
 *
 * The flow's secret is taken from the cookie and sent as one, so the cookie's attributes are exercised too.
 */

export interface HttpAnswer {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server says, to be asserted on.
  body: any
  headers: Headers
}

export interface ResetFlow {
  id: string
  cookie: string
  started: HttpAnswer
  challenge(gate?: string): Promise<HttpAnswer>
  verify(code: string, gate?: string): Promise<HttpAnswer>
  password(newPassword: unknown): Promise<HttpAnswer>
  read(): Promise<HttpAnswer>
}

export async function call(
  url: string,
  path: string,
  options: { body?: unknown; headers?: Record<string, string>; method?: string } = {},
): Promise<HttpAnswer> {
  const { body, headers = {}, method = body === undefined ? 'GET' : 'POST' } = options
  const response = await fetch(`${url}/api/${path}`, {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text), headers: response.headers }
}

export async function startReset(url: string, username: string): Promise<ResetFlow> {
  const started = await call(url, 'reset', { body: { username } })
  const id = String(started.body.flow)
  const cookie = (started.headers.getSetCookie()[0] ?? '').split(';')[0] ?? ''
  const step = (path: string, body?: unknown) => call(url, `reset/${id}${path}`, { body, headers: { cookie } })
  return {
    id,
    cookie,
    started,
    challenge: (gate = 'mailCode') => step('/challenge', { gate }),
    verify: (code, gate = 'mailCode') => step('/verify', { gate, code }),
    password: (newPassword) => step('/password', { newPassword }),
    read: () => step(''),
  }
}

/** The code in a mail's text. */
export function codeIn(text: string): string {
  const code = /\b(\d{8})\b/.exec(text)?.[1]
  if (code === undefined) throw new Error('no code in this mail')
  return code
}
