/**
 * The HTTP trigger: a request on loopback becomes the library's HttpRequest, its response becomes the answer.
 *
 * Conversion follows azure-functions-host, GrpcMessageConversionExtensions.ToRpcHttp: header names in lower case, repeated
 * headers and query values joined with a comma, a body only where Content-Length says there is one (a chunked request
 * arrives empty!). Answers follow it too: wrong method or route 404, no key 401, a throw 500 without a body, no response 204.
 */
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { HostConfiguration } from './host-json.ts'
import { type Invoker, triggerOf } from './invoke.ts'
import { type AuthLevel, type Keys, mayCall } from './keys.ts'
import { describe, type Log } from './log.ts'
import { byPrecedence, compileRoute, findRoute } from './routes.ts'
import type { HttpData, RegisteredFunction } from './rpc.ts'
import { setCookie } from './set-cookie.ts'
import { isTrigger, methodsOf, routeOf } from './validate.ts'

/** Kestrel's limit as the host sets it; the application setting FUNCTIONS_REQUEST_BODY_SIZE_LIMIT changes it. */
export const defaultBodyLimitBytes = 104_857_600

export interface HttpOptions {
  functions: readonly RegisteredFunction[]
  host: HostConfiguration
  invoker: Invoker
  keys: Keys
  bodyLimitBytes: number
  /** Everything under /admin. */
  admin(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void>
  log: Log
  port: number
}

const values = (entries: Iterable<readonly [string, string]>) => Object.fromEntries([...entries].map(([key, value]) => [key, { value }]))

/** Reads the whole body; `tooLarge` as soon as it is. What Content-Length does not announce is read and dropped. */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer | 'tooLarge'> {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > limitBytes) return 'tooLarge'
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes > limitBytes) return 'tooLarge'
    chunks.push(chunk)
  }
  return announced > 0 ? Buffer.concat(chunks) : Buffer.alloc(0)
}

/** App Service's front end appends the client's address and port; it is the only entry of the list that can be believed. */
function forwardedFor(request: IncomingMessage): string {
  const { remoteAddress = '', remotePort = 0 } = request.socket
  const client = `${remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`
  return [...(request.headersDistinct['x-forwarded-for'] ?? []), client].join(', ')
}

function toRpc(request: IncomingMessage, url: URL, params: Record<string, string>, body: Buffer): HttpData {
  const headers = Object.entries(request.headersDistinct).map(([name, all = []]) => [name, all.join(',')] as const)
  const query = [...new Set(url.searchParams.keys())].map((key) => [key, url.searchParams.getAll(key).join(',')] as const)
  return {
    method: request.method ?? '',
    url: url.href,
    nullableHeaders: values([...headers, ['x-forwarded-for', forwardedFor(request)]]),
    nullableQuery: values(query),
    nullableParams: values(Object.entries(params)),
    body: body.length > 0 ? { bytes: body } : null,
  }
}

function answer(response: ServerResponse, data: HttpData | null | undefined): void {
  if (!data) {
    response.writeHead(204).end()
    return
  }
  for (const [name, value] of Object.entries(data.headers ?? {})) response.setHeader(name, value)
  const own = data.headers?.['set-cookie']
  const cookies = [...(own === undefined ? [] : [own]), ...(data.cookies ?? []).map(setCookie)]
  if (cookies.length > 0) response.setHeader('set-cookie', cookies)
  const bytes = data.body?.bytes
  response.writeHead(Number(data.statusCode)).end(bytes && bytes.length > 0 ? bytes : undefined)
}

/** An answer the host itself gives: a status and nothing else. */
function refuse(request: IncomingMessage, response: ServerResponse, status: number): void {
  // Whatever of the body was not read would be taken for the next request.
  response.writeHead(status, request.complete ? {} : { connection: 'close' }).end()
}

/** Undefined where Kestrel answers 400: no Host header, one that is more than host and port, a target that is no path. */
function urlOf(request: IncomingMessage): URL | undefined {
  const { host = '' } = request.headers
  const text = `http://${host}${request.url ?? ''}`
  const wellFormed = /^[^/?#@\\\s]+$/.test(host) && request.url?.startsWith('/') && URL.canParse(text)
  return wellFormed ? new URL(text) : undefined
}

function handlerOf({ functions, host, invoker, keys, bodyLimitBytes, admin }: HttpOptions) {
  const { routePrefix, customHeaders } = host.extensions.http
  const routes = functions
    .filter((each) => isTrigger(each, 'httptrigger'))
    .map((each) => compileRoute(`${routePrefix}/${routeOf(each)}`, methodsOf(each), each))
    .sort(byPrecedence)

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = urlOf(request)
    if (!url) return refuse(request, response, 400)
    if (/^\/admin(\/|$)/i.test(url.pathname)) return admin(request, response, url)
    const found = findRoute(routes, request.method ?? '', url.pathname)
    if (!found) return refuse(request, response, 404)
    const { binding } = triggerOf(found.target)
    const level = (binding['authLevel'] ?? 'anonymous') as AuthLevel
    if (!mayCall(level, keys, request, url.searchParams)) return refuse(request, response, 401)
    const body = await readBody(request, bodyLimitBytes)
    if (body === 'tooLarge') return refuse(request, response, 413)
    const traceParent = request.headersDistinct['traceparent']?.[0]
    const result = await invoker.invoke(found.target, { data: { http: toRpc(request, url, found.params, body) }, traceParent })
    for (const [header, value] of Object.entries(customHeaders)) response.setHeader(header, value)
    if (result.kind === 'failed') return refuse(request, response, 500)
    answer(response, result.response.returnValue?.http)
  }
}

export interface HttpListener {
  port: number
  /** Takes no new connection; the answers under way are still sent. */
  stop(): void
  close(): Promise<void>
}

export async function listenHttp(options: HttpOptions): Promise<HttpListener> {
  const handle = handlerOf(options)
  const server = http.createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      // A client that went away in the middle of its body is no failure of the host.
      if (!request.errored) options.log({ level: 'error', category: 'host', message: `HTTP request failed: ${describe(error)}` })
      if (response.headersSent) response.destroy()
      else refuse(request, response, 500)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, '127.0.0.1', resolve)
  })
  const closed = Promise.withResolvers<void>()
  server.once('close', closed.resolve)
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => {
      server.close()
      server.closeIdleConnections()
    },
    close: () => {
      server.close()
      server.closeAllConnections()
      return closed.promise
    },
  }
}
