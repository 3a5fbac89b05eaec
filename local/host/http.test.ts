import http from 'node:http'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Host, startHost } from './host.ts'
import type { LogLine } from './log.ts'

const keys = { master: 'the-master-key', function: 'a-function-key' }
const lines: LogLine[] = []
let host: Host
const url = (path: string) => `http://127.0.0.1:${host.addresses.http}${path}`

beforeAll(async () => {
  host = await startHost({
    entry: fileURLToPath(new URL('./fixtures/http-app.ts', import.meta.url)),
    hostJson: { version: '2.0', extensions: { http: { routePrefix: 'api', customHeaders: { 'x-frame-options': 'DENY' } } } },
    settings: {
      FIXTURE_SETTING: 'from settings',
      TICK: '0 0 3 1 1 *',
      FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '1000',
      'AzureWebJobs.switched-off.Disabled': 'true',
    },
    keys,
    log: (line) => lines.push(line),
  })
})
afterAll(() => host.close())

const show = async (path: string, headers: Record<string, string> = {}) =>
  (await (await fetch(url(path), { headers })).json()) as { url: string; traceParent: string }

/** A request that `fetch` would not send: repeated headers, chunked bodies, any path. */
function send(options: http.RequestOptions, write?: (request: http.ClientRequest) => void): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port: host.addresses.http, ...options }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (part) => (body += part))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    request.on('error', reject)
    if (write) write(request)
    else request.end()
  })
}

describe('routing', () => {
  test.each([
    ['a constraint holds', 'GET', '/api/show/7', 200],
    ['case and trailing slash do not matter', 'GET', '/API/Show/7/', 200],
    ['a constraint does not hold', 'GET', '/api/show/x', 404],
    ['the prefix is needed', 'GET', '/show/7', 404],
    ['a wrong method is not found', 'DELETE', '/api/show/7', 404],
    ['OPTIONS is a method like others', 'OPTIONS', '/api/show/7', 204],
    ['HEAD is no GET', 'HEAD', '/api/guarded', 404],
    ['no response is 204', 'GET', '/api/nothing', 204],
    ['a function that is switched off', 'GET', '/api/switched-off', 404],
  ])('%s', async (_why, method, path, status) => {
    expect((await fetch(url(path), { method })).status).toBe(status)
  })

  test('HEAD has the headers and no body', async () => {
    const response = await fetch(url('/api/show/7'), { method: 'HEAD' })
    expect([response.status, response.headers.get('x-function'), await response.text()]).toEqual([200, 'show', ''])
  })
})

describe('the request as the function sees it', () => {
  test('parameters, query, settings and hooks', async () => {
    const shown = await show('/api/show/7/a%20b?x=1&x=2&y=')
    expect(shown).toMatchObject({
      method: 'GET',
      params: { id: '7', rest: 'a b' },
      query: [
        ['x', '1,2'],
        ['y', ''],
      ],
      setting: 'from settings',
      seen: ['appStart'],
    })
    expect(shown.url).toBe(url('/api/show/7/a%20b?x=1&x=2&y='))
  })

  test('repeated headers are joined, and the last forwarded address is the true one', async () => {
    const { body } = await send({ path: '/api/show/7', headers: { 'x-many': ['a', 'b'], 'x-forwarded-for': '9.9.9.9' } })
    expect(JSON.parse(body).headers).toMatchObject({
      'x-many': 'a,b',
      'x-forwarded-for': expect.stringMatching(/^9\.9\.9\.9, 127\.0\.0\.1:\d+$/),
    })
  })

  test('the trace goes on under the same id', async () => {
    const trace = '0af7651916cd43dd8448eb211c80319c'
    const shown = await show('/api/show/7', { traceparent: `00-${trace}-b7ad6b7169203331-01` })
    expect(shown.traceParent).toMatch(new RegExp(`^00-${trace}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`))
  })

  test('bytes travel unchanged in both directions', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    const response = await fetch(url('/api/raw'), { method: 'POST', body: bytes })
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes)
  })

  test('a body without Content-Length does not arrive, as in the real host', async () => {
    const { body } = await send({ path: '/api/show/7', method: 'POST' }, (request) => {
      request.write('chunked')
      request.end()
    })
    expect(JSON.parse(body).bytes).toBe(0)
  })
})

describe('the answer', () => {
  test('own headers, custom headers and every cookie attribute', async () => {
    const response = await fetch(url('/api/cookies'))
    expect(response.headers.get('x-frame-options')).toBe('DENY')
    expect(response.headers.getSetCookie()).toEqual([
      'plain=1; Path=/own',
      'bare=a%20b; path=/',
      '__Host-flow=v; expires=Fri, 02 Jan 2026 03:04:05 GMT; max-age=600; domain=example.org; path=/; secure; samesite=strict; httponly',
      'wide=; path=/; samesite=none',
    ])
  })

  test('hooks may replace inputs and result', async () => {
    expect(await (await fetch(url('/api/hooked'))).json()).toEqual({ saw: 'replaced' })
  })

  test('a throw is 500 without a word; the log has the reason and no body', async () => {
    const response = await fetch(url('/api/fails'), { method: 'POST', body: 'secret-body', headers: { 'x-secret': 'secret-header' } })
    expect([response.status, await response.text()]).toEqual([500, ''])
    expect(lines).toContainEqual({ level: 'warning', category: 'user', function: 'fails', message: 'about to fail' })
    const failure = lines.find(({ message }) => message.startsWith("Executed 'Functions.fails' (Failed"))
    expect(failure?.message).toContain('it does not work')
    expect(JSON.stringify(lines)).not.toContain('secret-')
  })
})

describe('keys', () => {
  test.each([
    ['none', '/api/guarded', {}, 401],
    ['a wrong one', '/api/guarded', { 'x-functions-key': 'wrong' }, 401],
    ['the function key', '/api/guarded', { 'x-functions-key': keys.function }, 200],
    ['the function key in the query', `/api/guarded?code=${keys.function}`, {}, 200],
    ['the header wins', `/api/guarded?code=${keys.function}`, { 'x-functions-key': 'wrong' }, 401],
    ['the master key opens all', '/api/guarded', { 'x-functions-key': keys.master }, 200],
    ['admin level with a function key', '/api/master', { 'x-functions-key': keys.function }, 401],
    ['admin level with the master key', '/api/master', { 'x-functions-key': keys.master }, 200],
    ['/admin with a function key', '/admin/host/status', { 'x-functions-key': keys.function }, 401],
    ['/admin without a key', '/admin/functions', {}, 401],
    ['the ping needs none', '/admin/host/ping', {}, 200],
  ])('%s', async (_why, path, headers, status) => {
    expect((await fetch(url(path), { headers })).status).toBe(status)
  })
})

describe('limits', () => {
  test('a body over the limit is 413', async () => {
    expect((await fetch(url('/api/raw'), { method: 'POST', body: 'x'.repeat(1001) })).status).toBe(413)
    expect((await fetch(url('/api/raw'), { method: 'POST', body: 'x'.repeat(1000) })).status).toBe(200)
  })

  test('a chunked body over the limit is cut off', async () => {
    const { status } = await send({ path: '/api/raw', method: 'POST' }, (request) => {
      request.write('x'.repeat(1001))
    })
    expect(status).toBe(413)
  })

  test('a request line that is no path is 400', async () => {
    expect((await send({ path: 'http://elsewhere/api/show/7' })).status).toBe(400)
  })

  test('a Host header cannot choose the path', async () => {
    expect((await send({ path: '/7', headers: { host: 'localhost/api/show' } })).status).toBe(400)
    expect((await send({ path: '/api/show/7', headers: { host: 'user@localhost' } })).status).toBe(400)
  })
})

describe('/admin', () => {
  const master = { 'x-functions-key': keys.master, 'content-type': 'application/json' }

  test('says that it runs, and what', async () => {
    expect(await (await fetch(url('/admin/host/status'), { headers: master })).json()).toMatchObject({ state: 'Running' })
    const functions = (await (await fetch(url('/admin/functions'), { headers: master })).json()) as { name: string }[]
    expect(functions.map(({ name }) => name)).toEqual(host.control.functions())
    expect(functions).toContainEqual(
      expect.objectContaining({ name: 'show', invoke_url_template: expect.stringContaining('/api/show/{id:int}') }),
    )
  })

  test.each([
    ['a function that is not there', '/admin/functions/nobody', master, '{"input":""}', 404],
    ['no JSON', '/admin/functions/tick', master, 'nope', 400],
    ['another content type', '/admin/functions/tick', { 'x-functions-key': keys.master }, '{}', 415],
    ['no key', '/admin/functions/tick', { 'content-type': 'application/json' }, '{}', 401],
  ])('%s', async (_why, path, headers, body, status) => {
    expect((await fetch(url(path), { method: 'POST', headers, body })).status).toBe(status)
  })

  test('starts a timer function now and answers 202; requests under way are answered', async () => {
    const slow = fetch(url('/api/slow'))
    const started = await fetch(url('/admin/functions/tick'), { method: 'POST', headers: master, body: '{"input":null}' })
    expect(started.status).toBe(202)
    expect(await (await slow).text()).toBe('late')
    expect(await host.control.run('tick')).toBe('succeeded')
    expect(host.control.counts().functions['tick']).toEqual({ succeeded: 2, failed: 0 })
  })
})
