/**
 * The HTTP side of every stand-in: a server on loopback that hands a handler one parsed request and sends its answer.
 *
 * Owns: reading the body (bounded), writing JSON or text, and an end that leaves no socket open. An answer may also be
 * `hang`: the request is taken and never answered, as a service behind a dead load balancer does; closing ends it.
 */
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import type { Json, TlsFiles } from './stand-in.ts'

export interface WebRequest {
  method: string
  /** As the client wrote it: path segments are still percent-encoded, `searchParams` are not. */
  url: URL
  headers: http.IncomingHttpHeaders
  body: string
}

export interface WebAnswer {
  status: number
  headers?: Record<string, string>
  /** A string is sent as it is (with the content type from `headers`), everything else as JSON, `undefined` as nothing. */
  body?: Json | undefined
}

export type WebHandler = (request: WebRequest) => Promise<WebAnswer | 'hang'>

export interface Listener {
  port: number
  close(): Promise<void>
}

const bodyLimitBytes = 1024 * 1024

async function readBody(incoming: http.IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of incoming) {
    bytes += chunk.length
    if (bytes > bodyLimitBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function send(response: http.ServerResponse, answer: WebAnswer): void {
  const text = answer.body === undefined ? '' : typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body)
  const type = answer.body === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' }
  response.writeHead(answer.status, { ...type, ...answer.headers })
  response.end(text)
}

async function serve(incoming: http.IncomingMessage, response: http.ServerResponse, scheme: string, handler: WebHandler): Promise<void> {
  const body = await readBody(incoming)
  if (body === undefined) return send(response, { status: 413, headers: { connection: 'close' } })
  const url = new URL(`${scheme}://${incoming.headers.host ?? 'localhost'}${incoming.url ?? '/'}`)
  const answer = await handler({ method: incoming.method ?? 'GET', url, headers: incoming.headers, body })
  if (answer !== 'hang') send(response, answer)
}

/** Listens on 127.0.0.1; port 0 takes any free one. With `tls` it speaks https, else http. */
export async function listen(handler: WebHandler, { port = 0, tls }: { port?: number | undefined; tls?: TlsFiles }): Promise<Listener> {
  const onRequest = (incoming: http.IncomingMessage, response: http.ServerResponse) => {
    serve(incoming, response, tls ? 'https' : 'http', handler).catch((cause: unknown) => {
      // A stand-in's own bug must not look like anything the real service does: no service error body, and the text says so.
      if (response.headersSent || response.destroyed) return
      send(response, { status: 500, headers: { 'content-type': 'text/plain' }, body: `stand-in failed: ${String(cause)}` })
    })
  }
  const server = tls ? https.createServer({ cert: tls.cert, key: tls.key }, onRequest) : http.createServer(onRequest)
  await listening(server, port)
  return { port: (server.address() as AddressInfo).port, close: () => closed(server) }
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function closed(server: http.Server | https.Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error ? reject(error) : resolve()))
    server.closeAllConnections()
  })
}
