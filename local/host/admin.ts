/**
 * The host's own surface under /admin: is it running, which functions are there, run one now.
 *
 * Every path but `host/ping` needs the master key. `POST /admin/functions/{name}` with `{"input": "…"}` starts any
 * function and answers 202 at once, as the host does (azure-functions-host, FunctionsController.Invoke); the outcome is
 * in the log.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HostConfiguration } from './host-json.ts'
import { readBody } from './http.ts'
import type { Cause, Invoker } from './invoke.ts'
import { type Keys, mayCall } from './keys.ts'
import type { RegisteredFunction } from './rpc.ts'
import { timerData } from './timer-trigger.ts'
import { isTrigger, routeOf } from './validate.ts'

export interface AdminOptions {
  functions: readonly RegisteredFunction[]
  host: HostConfiguration
  invoker: Invoker
  keys: Keys
  uptimeMs(): number
  state(): 'Starting' | 'Running' | 'Stopping'
}

const inputLimitBytes = 1024 * 1024

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}

/** What a function gets that nobody triggered: the given text in place of the trigger's value. */
export function manualCause(target: RegisteredFunction, input: string): Cause {
  if (isTrigger(target, 'timertrigger')) return { data: timerData(false) }
  if (!isTrigger(target, 'httptrigger')) return { data: { string: input } }
  const body = input === '' ? null : { bytes: Buffer.from(input) }
  return { data: { http: { method: 'POST', url: 'http://localhost/', nullableHeaders: {}, nullableQuery: {}, nullableParams: {}, body } } }
}

async function inputOf(request: IncomingMessage): Promise<{ kind: 'input'; input: string } | { kind: 'refused'; status: number }> {
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) return { kind: 'refused', status: 415 }
  const body = await readBody(request, inputLimitBytes)
  if (body === 'tooLarge') return { kind: 'refused', status: 413 }
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'))
    if (typeof parsed !== 'object' || parsed === null) return { kind: 'refused', status: 400 }
    const input = (parsed as { input?: unknown }).input ?? ''
    return { kind: 'input', input: typeof input === 'string' ? input : JSON.stringify(input) }
  } catch {
    return { kind: 'refused', status: 400 }
  }
}

export function makeAdmin({ functions, host, invoker, keys, uptimeMs, state }: AdminOptions) {
  const view = (target: RegisteredFunction, origin: string) => ({
    name: target.metadata.name,
    language: 'node',
    isDisabled: false,
    config: { bindings: Object.entries(target.metadata.bindings).map(([name, binding]) => ({ ...binding, name })) },
    invoke_url_template: isTrigger(target, 'httptrigger') ? `${origin}/${host.extensions.http.routePrefix}/${routeOf(target)}` : null,
  })
  const named = (name: string) => functions.find(({ metadata }) => metadata.name.toLowerCase() === name.toLowerCase())

  async function start(target: RegisteredFunction, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const read = await inputOf(request)
    if (read.kind === 'refused') {
      response.writeHead(read.status, { connection: 'close' }).end()
      return
    }
    void invoker.invoke(target, manualCause(target, read.input))
    response.writeHead(202).end()
  }

  return async (request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> => {
    const path = url.pathname.toLowerCase().replace(/\/$/, '')
    const method = request.method ?? ''
    if (path === '/admin/host/ping') return json(response, 200, {})
    if (!mayCall('admin', keys, request, url.searchParams)) {
      response.writeHead(401, { connection: 'close' }).end()
      return
    }
    if (path === '/admin/host/status' && method === 'GET') {
      return json(response, 200, { id: 'local', state: state(), version: '4.1040.0.0', processUptime: Math.round(uptimeMs()) })
    }
    if (path === '/admin/functions' && method === 'GET')
      return json(
        response,
        200,
        functions.map((each) => view(each, url.origin)),
      )
    const target = named(/^\/admin\/functions\/([^/]+)$/.exec(path)?.[1] ?? '')
    if (target && method === 'GET') return json(response, 200, view(target, url.origin))
    if (target && method === 'POST') return start(target, request, response)
    response.writeHead(404, { connection: 'close' }).end()
  }
}
